"""The small trained model of the tests of training, asked why, and some pictures to ask about."""

from collections.abc import Callable
from copy import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handlers.imaging import to_tensor
from training.cache import Cache
from training.evaluation.explanations.subjects import Explained, Subject
from training.settings import TrainingSettings
from training.synthetic import draw


def drawn_subject(seed: int, target: int = 1) -> Subject:
    view = Image.fromarray(draw(seed, 1, size=224).image)
    return Subject(f"drawn-{seed}", view, to_tensor(view)[None], target)


@pytest.fixture(scope="session")
def subject() -> Callable[..., Subject]:
    """A synthetic lesion to ask about, by seed and target."""
    return drawn_subject


@pytest.fixture(scope="session")
def loaded(trained: TrainingSettings) -> Explained:
    return Explained(trained.model_folder, trained.cache)


@pytest.fixture
def explained(loaded: Explained, tmp_path: Path) -> Explained:
    """The model with a cache that no other test fills."""
    own = copy(loaded)
    own.kept = Cache(tmp_path / "kept")
    return own


@pytest.fixture(scope="session")
def corner() -> np.ndarray:
    """Where the pictures of :func:`reads_corner` are looked at: a quarter, (28, 28) of places."""
    found = np.zeros((28, 28), dtype=np.float32)
    found[:14, :14] = 1
    return found


@pytest.fixture(scope="session")
def reads_corner() -> Callable[[torch.Tensor], torch.Tensor]:
    """Logits of a model that knows one thing: how far the upper left quarter is from grey.

    Linear, and nothing but that quarter matters to it.
    """

    def logits(inputs: torch.Tensor) -> torch.Tensor:
        seen = inputs[:, :, :112, :112].mean(dim=(1, 2, 3))
        return torch.stack([-seen, seen], dim=1)

    return logits
