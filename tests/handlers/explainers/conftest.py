"""Synthetic lesion and its attribution task for the session's model, scripted or eager."""

from collections.abc import Callable

import pytest
import torch
from PIL import Image

from handlers.classifier import Classifier
from handlers.explainers.task import AttributionTask
from handlers.imaging import centre_view, to_tensor
from tests.handlers.explainers.known import noise


@pytest.fixture(scope="package")
def inputs(drawn: Callable[..., Image.Image]) -> torch.Tensor:
    return to_tensor(centre_view(drawn(11, 1))).unsqueeze(0)


@pytest.fixture(scope="package")
def activations(classifier: Classifier, inputs: torch.Tensor) -> torch.Tensor:
    return classifier.forward(inputs).activations


@pytest.fixture(scope="package")
def why_cancer(
    classifier: Classifier, inputs: torch.Tensor, activations: torch.Tensor
) -> AttributionTask:
    """Attribution task of the service: scripted model, photograph, class cancer."""
    return AttributionTask(classifier.model, inputs, activations, 1)


@pytest.fixture(scope="package")
def picture() -> torch.Tensor:
    return noise(0)
