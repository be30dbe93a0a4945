"""An int8 variant is fitted, archived, served by name and explained, by both runtimes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from handlers.variants import PORTABLE
from serving.local import LocalServer
from tests.e2e.environment import made_once, train
from tests.e2e.requests_of import EXPLAIN, PREDICT, instances
from training.synthetic import draw_set

INT8 = "int8-224px-2stages-2orientations"


@pytest.fixture(scope="module")
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the archive of a training on synthetic lesions that fits an int8 variant."""
    return made_once(request.config, tmp_path_factory, "int8", _train) / "store"


def _train(folder: Path) -> None:
    draw_set(folder / "photographs", per_class={"train": 12, "test": 6})
    train(
        folder,
        INT8,
        LESIONLENS_DATA=str(folder / "photographs"),
        LESIONLENS_BACKENDS="fp32",
        LESIONLENS_VIEWS="1",
    )


@pytest.fixture(scope="module")
def photograph(archive: Path) -> bytes:
    return next((archive.parent / "photographs/test").glob("malignant/*")).read_bytes()


@pytest.fixture(scope="module")
def client(archive: Path, start: Callable[..., LocalServer]) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch:
        # By name, so that it is served on every processor.
        patch.setenv("LESIONLENS_VARIANT", INT8)
        with (
            start(archive=archive) as server,
            httpx.Client(base_url=server.inference, timeout=120) as connected,
        ):
            yield connected


def test_variant_predicts_and_names_itself(client: httpx.Client, photograph: bytes) -> None:
    reply = client.post(PREDICT, json=instances(photograph, photograph))

    assert reply.status_code == 200, reply.text
    one, two = reply.json()["predictions"]
    assert one == two
    assert one["variant"] == INT8


@pytest.mark.parametrize(("method", "side"), [("grad_cam", 14), ("saliency", 28), ("occlusion", 8)])
def test_variant_explains(client: httpx.Client, photograph: bytes, method: str, side: int) -> None:
    reply = client.post(EXPLAIN, json=instances(photograph, method=method))

    assert reply.status_code == 200, reply.text
    (found,) = reply.json()["explanations"]
    assert found["variant"] == INT8
    assert found["attribution"]["shape"] == [side, side]


def test_card_has_the_evidence_for_each_variant(archive: Path) -> None:
    card = json.loads((archive.parent / "build/model/card.json").read_text())

    assert set(card["variants"]["measured"]) == {INT8, PORTABLE.name}
    assert card["variants"]["order"][-1] == PORTABLE.name
