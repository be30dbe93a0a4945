"""Test that served answers equal those of torchvision with its own transforms."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.models import resnet18
from torchvision.transforms import v2

from handlers.card import Card
from handlers.documents import read
from handlers.variants import PLAIN, PORTABLE
from serving.local import LocalServer
from tests.e2e.conftest import Trained
from tests.e2e.requests_of import PREDICT, RAW_PREDICT, instances

TRANSFORM = v2.Compose(
    [
        v2.PILToTensor(),
        v2.Resize(224, antialias=True),
        v2.CenterCrop(224),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)
PIL_FIRST = v2.Compose([v2.Resize(224, antialias=True), v2.CenterCrop(224), *TRANSFORM.transforms])


def prepared(data: bytes) -> torch.Tensor:
    """Prepare a square photograph with torchvision, which scales along the rows first.

    The service scales first along the side on which brightness changes more, so that a turned
    photograph gets the same pixels.
    """
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    levels = np.asarray(picture.convert("L"), dtype=np.float64)
    down, across = (
        abs(levels.sum(axis=1 - axis) @ (np.arange(length) - (length - 1) / 2)) / length
        for axis, length in enumerate(levels.shape)
    )
    if down <= across:
        return PIL_FIRST(picture)
    return PIL_FIRST(picture.transpose(Image.Transpose.TRANSPOSE)).transpose(1, 2)


@pytest.fixture(scope="module")
def client(start: Callable[..., LocalServer]) -> Iterator[httpx.Client]:
    """Client of a server with plain TorchScript, which is torchvision's network: a backend that
    the training found close enough on this processor may answer a little differently."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLENS_BACKEND", PLAIN)
        patch.setenv("LESIONLENS_VARIANT", PORTABLE.name)
        with (
            start() as server,
            httpx.Client(base_url=server.inference, timeout=120) as connected,
        ):
            yield connected


@pytest.fixture(scope="session")
def eager(trained: Trained) -> Callable[[list[bytes]], np.ndarray]:
    """P(cancer) of photographs from an eager torchvision ResNet-18."""
    folder = trained.build / "model"
    temperature = read(folder / "card.json", Card).operating_point(PORTABLE.name).temperature
    exported = torch.jit.load(folder / "model.pt").state_dict()
    network = resnet18(weights=None, num_classes=2).eval()
    # The export's order of layers is torchvision's: conv1 ... layer4, then the final layer.
    own = [name for name in network.state_dict()]
    assert len(own) == len(exported)
    network.load_state_dict(dict(zip(own, exported.values(), strict=True)))

    def run(files: list[bytes]) -> np.ndarray:
        inputs = [prepared(data) for data in files]
        with torch.inference_mode():
            logits = torch.cat([network(part) for part in torch.stack(inputs).split(10)])
        scaled = logits.double() / temperature
        return np.asarray(torch.softmax(scaled, dim=1)[:, 1].numpy())

    return run


@pytest.fixture(scope="session")
def some(photographs: list[bytes]) -> list[bytes]:
    """Photographs, few enough to be sent in every way."""
    return photographs[:40]


@pytest.fixture(scope="session")
def offline(eager: Callable[[list[bytes]], np.ndarray], some: list[bytes]) -> np.ndarray:
    """P(cancer) of each photograph."""
    return eager(some)


def probabilities(reply: httpx.Response) -> list[float]:
    assert reply.status_code == 200, reply.text
    return [row["probability"] for row in reply.json()["predictions"]]


def test_raw_request_equals_the_model(
    client: httpx.Client, some: list[bytes], offline: np.ndarray
) -> None:
    served = [client.post(RAW_PREDICT, content=data).json()["probability"] for data in some]
    np.testing.assert_allclose(served, offline, atol=1e-5)
    assert np.ptp(served) > 0.2  # not one answer for all


@pytest.fixture(scope="session")
def large(photographs: list[bytes]) -> list[bytes]:
    return [enlarged(data, (4000, 3000)) for data in photographs[:12]]


@pytest.fixture(scope="session")
def full(large: list[bytes], eager: Callable[[list[bytes]], np.ndarray]) -> np.ndarray:
    """P(cancer) of the large photographs, each decoded in full."""
    # Twelve at a time would be 400 MB; each on its own.
    return np.concatenate([eager([data]) for data in large])


def test_reduced_decoding_of_12_megapixels_changes_probability_little(
    client: httpx.Client, large: list[bytes], full: np.ndarray
) -> None:
    served = [client.post(RAW_PREDICT, content=data).json()["probability"] for data in large]

    # The views differ by a tenth of a level of 255, as they would by saving the JPEG once more;
    # some probabilities in the middle move by 0.03 for that.
    differences = np.abs(np.subtract(served, full))
    assert np.median(differences) <= 0.01
    assert differences.max() <= 0.04
    assert np.ptp(served) > 0.2


def enlarged(data: bytes, size: tuple[int, int]) -> bytes:
    """Photograph in the size of a phone's camera."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    fitted = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    fitted.save(out, "JPEG", quality=90)
    return out.getvalue()


def test_base64_request_equals_the_model(
    client: httpx.Client, some: list[bytes], offline: np.ndarray
) -> None:
    served = [probabilities(client.post(PREDICT, json=instances(data)))[0] for data in some]
    np.testing.assert_allclose(served, offline, atol=1e-5)


def test_eight_instances_equal_the_model(
    client: httpx.Client, some: list[bytes], offline: np.ndarray
) -> None:
    served: list[float] = []
    for start in range(0, len(some), 8):
        body = instances(*some[start : start + 8])
        served += probabilities(client.post(PREDICT, json=body))
    np.testing.assert_allclose(served, offline, atol=1e-5)


@pytest.mark.parametrize("raw", [True, False])
def test_eight_concurrent_requests_equal_the_model(
    client: httpx.Client, some: list[bytes], offline: np.ndarray, raw: bool
) -> None:
    def ask(data: bytes) -> Any:
        if raw:
            return client.post(RAW_PREDICT, content=data).json()["probability"]
        return probabilities(client.post(PREDICT, json=instances(data)))[0]

    with ThreadPoolExecutor(8) as pool:
        served = list(pool.map(ask, some))
    np.testing.assert_allclose(served, offline, atol=1e-5)
