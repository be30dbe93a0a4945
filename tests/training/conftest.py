"""One small drawn set, its features and one trained model, made once for all tests of training.

Everything is small: 24 + 12 lesions a class of 96 pixels, and a backbone that was never trained.
"""

import io
import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from training import archive, backbone, backends, dataset, features, pipeline, serving, synthetic
from training.backbone import Backbone
from training.console import RunLog
from training.dataset import Dataset, Photograph, Progress
from training.features import Features
from training.settings import TrainingSettings


@pytest.fixture(scope="session", autouse=True)
def _few_are_timed() -> Iterator[None]:
    """No test looks at how fast a backend is, only that it was timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "PHOTOGRAPHS", 4)
        patch.setattr(serving, "TIMED", 4)
        yield


@pytest.fixture(scope="session", autouse=True)
def _archives_are_not_compressed() -> Iterator[None]:
    """Compressing 140 MB takes seconds, and no test looks at the size of an archive."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib, "Z_DEFAULT_COMPRESSION", zlib.Z_NO_COMPRESSION)
        yield


@pytest.fixture(scope="session")
def silent() -> Progress:
    """A progress callback that shows nothing."""
    return lambda what, done, total: None


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic lesions in the Kaggle layout; read only.

    Every fourth has the wrong label: on so few, classes that can be told apart without error
    would be given probabilities of 0 and 1, and those hide differences.
    """
    folder = tmp_path_factory.mktemp("drawn") / "small"
    synthetic.draw_set(folder, per_class={"train": 24, "test": 12}, size=96)
    for benign in sorted(folder.glob("t*/benign/*.jpg"))[::4]:
        malignant = benign.parent.with_name("malignant") / benign.name
        one, other = benign.read_bytes(), malignant.read_bytes()
        benign.write_bytes(other)
        malignant.write_bytes(one)
    return folder


def _picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _write_set(folder: Path, train: int, test: int) -> Path:
    seed = 0
    for split, count in (("train", train), ("test", test)):
        for name in ("benign", "malignant"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                (folder / split / name / f"{number:03d}.png").write_bytes(_picture(seed))
                seed += 1
    return folder


@pytest.fixture(scope="session")
def picture() -> Callable[[int], bytes]:
    """The smallest photograph that is accepted, 32 x 32 px of noise, by seed; a PNG file."""
    return _picture


@pytest.fixture(scope="session")
def write_set() -> Callable[[Path, int, int], Path]:
    """Writes so many such photographs a class for train and test, in the Kaggle layout."""
    return _write_set


@pytest.fixture
def dotted_set(tmp_path: Path) -> Path:
    """A set of such photographs, 30 a class for train and 3 for test, to change at will."""
    return _write_set(tmp_path / "dotted", 30, 3)


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State dict of a ResNet-18 that was never trained."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = resnet18(weights=None).state_dict()
    path = tmp_path_factory.mktemp("weights") / "untrained.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def network(weights_file: Path) -> Backbone:
    """The backbone that all share; no test may change it."""
    return backbone.load(weights_file, 0, pytest.fail)


class Counting:
    """Counts the views that a network sees."""

    seen = 0


@pytest.fixture
def counted(network: Backbone, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Counts the views that the shared backbone is given."""
    forward, counting, lock = network.extractor(), Counting(), threading.Lock()

    def count(inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with lock:
            counting.seen += len(inputs)
        return forward(inputs)

    monkeypatch.setattr(Backbone, "extractor", lambda self: count)
    return counting


@pytest.fixture(scope="session")
def found(small_set: Path, silent: Progress) -> Dataset:
    """The small set, checked."""
    return dataset.load("folder", small_set, silent)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature cache that all share; what damages one makes its own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def learned(found: Dataset, network: Backbone, cache: Path, silent: Progress) -> Features:
    """Features of the photographs of ``train``."""
    return features.extract(found.train, network, cache, silent)


@pytest.fixture(scope="session")
def few(found: Dataset) -> list[Photograph]:
    """Ten photographs: more than an extraction has in memory."""
    return list(found.train[:10])


@pytest.fixture(scope="session")
def small_settings(
    small_set: Path, weights_file: Path, cache: Path
) -> Callable[[Path], TrainingSettings]:
    """Settings for a run on the small set that writes into a folder."""

    def settings(folder: Path) -> TrainingSettings:
        with without_settings():
            return TrainingSettings(
                data=small_set,
                weights=weights_file,
                cache=cache,
                build=folder / "build",
                archive=folder / "store",
                backends=("fp32", "openvino-fp32"),
                variants=(),  # quantising takes most of a minute
            )

    return settings


@pytest.fixture(scope="session")
def trained(
    small_settings: Callable[[Path], TrainingSettings],
    learned: Features,
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainingSettings:
    """Settings of a run that has trained and archived a model; read only."""
    del learned  # its features are in the cache then
    settings = small_settings(tmp_path_factory.mktemp("trained"))
    log = RunLog()
    pipeline.train(settings, log)
    archive.pack(settings, log)
    return settings


@pytest.fixture(scope="session")
def unpacked(trained: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of that model, unpacked as TorchServe does it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(trained.archive / "melanoma.mar") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def no_forward_pass() -> Callable[[], AbstractContextManager[None]]:
    """A context in which any convolution fails: the proof that features came from the cache."""
    return _no_convolution


@contextmanager
def _no_convolution() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise AssertionError("a forward pass was run")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Conv2d, "forward", refuse)
        yield


@contextmanager
def without_settings() -> Iterator[None]:
    """The guard of tests/conftest.py covers tests, not what is made once a session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("LESIONLENS_")]:
            patch.delenv(name)
        yield
