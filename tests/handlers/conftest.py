"""Small real model folder and synthetic lesions, created once a session.

The final layer is fitted on a few synthetic lesions, so that probabilities, distances and limits
are ordinary ones; the convolutions stay untrained.
"""

import base64
import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

import handlers
from handlers.card import Card
from handlers.classifier import Classifier
from handlers.documents import parse, to_json
from handlers.drift import FEATURES, STATISTICS, Baseline, image_statistics
from handlers.imaging import centre_view, to_tensor
from handlers.reference import Reference
from handlers.service import MelanomaService
from handlers.settings import HandlerSettings
from loadtests.hostile import jpegs
from training import head
from training.backbone import Backbone
from training.export import SplitResNet
from training.synthetic import draw

with warnings.catch_warnings():
    # TorchServe leaves it to the garbage collector to close the file of its version.
    warnings.simplefilter("ignore", ResourceWarning)
    from ts.context import Context
    from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

LESIONS = 40
METRICS_YAML = Path(handlers.__file__).parents[1] / "model_store" / "config" / "metrics.yaml"


def lesion(seed: int, label: int) -> Image.Image:
    return Image.fromarray(draw(seed, label, size=240, artefacts=()).image)


@pytest.fixture(scope="session")
def drawn() -> Callable[[int, int], Image.Image]:
    """Create a synthetic lesion as a picture, by seed and label."""
    return lesion


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """A picture as a file of a format."""
    return jpegs.encoded


@pytest.fixture(scope="session")
def photograph() -> Callable[[int, int], bytes]:
    """Create a synthetic lesion as a JPEG file, by seed and label."""
    return lambda seed, label: jpegs.encoded(lesion(seed, label), quality=90)


@pytest.fixture(scope="session")
def v1() -> Callable[..., bytes]:
    """A KServe V1 body of image files; ``options`` go into every instance."""

    def body(*images: bytes, **options: Any) -> bytes:
        instances = [{"data": base64.b64encode(i).decode("ascii")} | options for i in images]
        return json.dumps({"instances": instances}).encode()

    return body


@pytest.fixture(scope="session")
def training_views() -> list[Image.Image]:
    """Training photographs of the session's model, benign first."""
    return [centre_view(lesion(seed, int(seed >= LESIONS // 2))) for seed in range(LESIONS)]


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = resnet18(weights=None)
    return Backbone(network.eval().requires_grad_(False), "untrained")


@pytest.fixture(scope="session")
def training_features(backbone: Backbone, training_views: list[Image.Image]) -> np.ndarray:
    inputs = torch.stack([to_tensor(view) for view in training_views])
    with torch.inference_mode():
        parts = [backbone.convolutions()(part).mean(dim=(2, 3)) for part in inputs.split(8)]
    return torch.cat(parts).numpy()


@pytest.fixture(scope="session")
def final_layer(training_features: np.ndarray) -> head.Head:
    labels = np.arange(LESIONS) >= LESIONS // 2
    return head.fit(training_features[:, None, :], labels.astype(int), strength=1e-2)


@pytest.fixture(scope="session")
def eager(backbone: Backbone, final_layer: head.Head) -> SplitResNet:
    """Eager network of ``model.pt``, so that Captum can hook all layers."""
    return SplitResNet(backbone.convolutions(), final_layer.layer()).eval()


@pytest.fixture(scope="session")
def baseline(
    training_views: list[Image.Image], training_features: np.ndarray, final_layer: head.Head
) -> Baseline:
    measured = [image_statistics(view) for view in training_views]
    values = {name: np.asarray([row[name] for row in measured]) for name in measured[0]}
    values["probability"] = 1 / (1 + np.exp(-final_layer.log_odds(training_features)))
    reference = Reference.fit(training_features, np.arange(LESIONS) >= LESIONS // 2)
    values["distance"] = reference.distance(training_features)
    assert set(values) == {*FEATURES, *STATISTICS}
    # Wide enough for every synthetic lesion, far too narrow for a black or a scrambled picture.
    limits = {
        "distance": (None, 3 * float(values["distance"].max())),
        "exposure": (0.05, 0.95),
        "focus": (-6.0, None),
        "clipped": (None, 0.3),
    }
    return Baseline.fit(values, limits, reference)


@pytest.fixture(scope="session")
def model_folder(
    tmp_path_factory: pytest.TempPathFactory, eager: SplitResNet, baseline: Baseline
) -> Path:
    """``model.pt``, ``card.json`` and ``baseline.json`` as an archive holds them."""
    folder = tmp_path_factory.mktemp("model")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        torch.jit.script(eager).save(str(folder / "model.pt"))
    card = {
        "model_version": "synthetic-untrained-0123abcd",
        "labels": ["no cancer", "cancer"],
        "threshold": 0.48,
        "temperature": 1.25,
        "review": {"near_threshold": [0.478, 0.482]},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "baseline.json").write_text(json.dumps(to_json(baseline)), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def classifier(model_folder: Path) -> Classifier:
    return Classifier.load(model_folder)


@pytest.fixture(scope="session")
def service(classifier: Classifier) -> MelanomaService:
    return MelanomaService(classifier, HandlerSettings())


@pytest.fixture(scope="session")
def service_with(classifier: Classifier) -> Callable[..., MelanomaService]:
    """Create a service with changed settings and card entries."""

    def make(
        card: dict[str, Any] | None = None, limits: dict[str, Any] | None = None, **settings: Any
    ) -> MelanomaService:
        known = classifier.baseline
        own = Classifier(
            classifier.model,
            parse(to_json(classifier.card) | (card or {}), Card, "card.json"),
            dataclasses.replace(known, limits={**known.limits, **(limits or {})}),
        )
        return MelanomaService(own, dataclasses.replace(HandlerSettings(), **settings))

    return make


@pytest.fixture(scope="session", autouse=True)
def _decoding() -> Iterator[None]:
    """Restore a variable that the adapter sets in the tests' process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TS_DECODE_INPUT_REQUEST", "true")
        yield


@pytest.fixture(scope="session")
def context_for() -> Callable[[Path], Context]:
    """TorchServe's context of a model folder, with the metrics of our configuration."""

    def make(folder: Path) -> Context:
        with warnings.catch_warnings():
            # As above: this file, too, is closed by the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            cache = MetricsCacheYamlImpl(str(METRICS_YAML))
        cache.initialize_cache()
        return Context("melanoma", str(folder), None, 8, None, "0.12.0", metrics=cache)

    return make
