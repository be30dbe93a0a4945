"""Float32 backends with the same answers pass, others do not, and the card records both."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from handlers import backends as served
from handlers.backends import NAMES, Backend, UnavailableError
from handlers.card import MeasuredBackend
from handlers.classifier import Classifier
from handlers.network import load_torchscript
from handlers.variants import NUMERICS, PLAIN, PROGRAM
from training import backends
from training.calibration import Calibration
from training.conversion import spread
from training.dataset import Dataset, Photograph, Progress
from training.settings import TrainingSettings

FLOAT32 = NUMERICS["float32"]


def test_the_order_is_by_time_and_holds_only_what_passes() -> None:
    measured = {
        "slow": MeasuredBackend(forward_ms=30.0, passes=True),
        "fast": MeasuredBackend(forward_ms=10.0, passes=True),
        "fastest": MeasuredBackend(forward_ms=5.0, passes=False),
        "unknown": MeasuredBackend(lacking="no such device"),
    }

    assert backends.order(measured) == ["fast", "slow"]


def test_every_backend_is_measured_and_the_files_of_those_that_pass_stay(
    measure: Callable[..., dict[str, MeasuredBackend]], tmp_path: Path
) -> None:
    measured = measure(*FLOAT32)

    assert set(measured) == set(FLOAT32)
    passing = {name for name, found in measured.items() if found.passes}
    # The same weights in the same precision.
    assert {PLAIN, "frozen", "openvino-fp32", "exported"} <= passing
    for name, found in measured.items():
        assert found.lacking or found.forward_ms > 0, name
        assert found.lacking or found.passes == (found.largest_difference <= 1e-4), name
    assert {path.name for path in tmp_path.glob("openvino*")} == {"openvino.xml", "openvino.bin"}


def test_a_backend_with_other_answers_does_not_pass_and_leaves_no_file(
    measure: Callable[..., dict[str, MeasuredBackend]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = served.load

    def other(name: str, *arguments: Any) -> Backend:
        backend = load(name, *arguments)
        if name != "openvino-fp32":
            return backend
        return Backend(name, lambda inputs: 1.1 * backend.run(inputs))

    monkeypatch.setattr(served, "load", other)
    measured = measure("openvino-fp32", "frozen")

    assert not measured["openvino-fp32"].passes
    assert measured["openvino-fp32"].largest_difference > 1e-4
    assert measured["frozen"].passes
    assert list(tmp_path.glob("openvino*")) == []


def test_the_card_has_every_backend_and_the_archive_the_files_of_those_that_pass(
    trained: TrainingSettings, unpacked: Path
) -> None:
    card = json.loads((trained.model_folder / "card.json").read_text())["backends"]

    assert set(card["measured"]) == set(FLOAT32)
    assert set(card["order"]) == {PLAIN, "openvino-fp32"}
    times = [card["measured"][name]["forward_ms"] for name in card["order"]]
    assert times == sorted(times)
    for name in card["order"]:
        assert card["measured"][name]["passes"]
    for folder in (trained.model_folder, unpacked):
        assert {path.name for path in folder.glob("openvino*")} == {"openvino.xml", "openvino.bin"}


def test_the_archive_is_served_by_the_fastest(unpacked: Path) -> None:
    card = json.loads((unpacked / "card.json").read_text())["backends"]

    assert Classifier.load(unpacked, "", 2).backend.name == card["order"][0]


@pytest.mark.parametrize("cancers", [1, 30, 500])
def test_photographs_for_the_comparison_have_both_classes_in_proportion(cancers: int) -> None:
    photographs = [
        Photograph(Path(str(number)), int(number % (3000 // cancers) == 7 % (3000 // cancers)), "")
        for number in range(3000)
    ]
    chosen = spread(photographs, 300)

    assert len(chosen) == len(set(chosen)) == 300
    assert sum(photo.label for photo in chosen) == pytest.approx(max(1, cancers / 10), abs=1)
    assert {photo.label for photo in chosen} == {0, 1}
    assert set(spread(photographs[:200], 300)) == set(photographs[:200])


@pytest.fixture
def measure(
    trained: TrainingSettings, found: Dataset, silent: Progress, tmp_path: Path
) -> Callable[..., dict[str, MeasuredBackend]]:
    """Measures backends of the trained model, in a folder that holds nothing else of it."""
    for name in ("model.pt", PROGRAM):
        shutil.copy2(trained.model_folder / name, tmp_path)
    card = json.loads((trained.model_folder / "card.json").read_text())

    def measure(*names: str) -> dict[str, MeasuredBackend]:
        return backends.measure(
            tmp_path,
            load_torchscript(tmp_path),
            found.train,
            Calibration(card["temperature"], card["threshold"], (0.4, 0.6)),
            names,
            tmp_path.parent / "cache",
            silent,
        )

    return measure


def test_only_what_is_asked_for_is_tried(
    measure: Callable[..., dict[str, MeasuredBackend]],
    tmp_path: Path,
) -> None:
    measured = measure("openvino-fp32")

    tried = {PLAIN, "openvino-fp32"}
    assert set(measured) == set(FLOAT32)
    for name, found in measured.items():
        assert found.passes == (name in tried), name
        assert ("LESIONLENS_BACKENDS" in found.lacking) == (name not in tried), name
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.pt",
        PROGRAM,
        "openvino.xml",
        "openvino.bin",
    }


def test_without_openvino_a_model_is_trained_all_the_same(
    measure: Callable[..., dict[str, MeasuredBackend]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise UnavailableError("the package openvino is not installed")

    monkeypatch.setattr(served, "openvino", missing)
    measured = measure(*FLOAT32)

    assert "openvino is not installed" in measured["openvino-fp32"].lacking
    assert not measured["openvino-fp32"].passes
    assert measured["frozen"].passes
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", PROGRAM}


def test_the_plain_model_is_not_changed_by_the_others(unpacked: Path) -> None:
    model = load_torchscript(unpacked)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    for name in NAMES:
        try:
            served.load(name, unpacked, model, 1)
        except UnavailableError:
            continue

    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert value.dtype == before[name].dtype
