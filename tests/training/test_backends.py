"""Backends that keep the predictions pass, others do not, and the card records both."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from handlers import backends as served
from handlers.backends import FILES, NAMES, PLAIN, UnavailableError
from handlers.card import MeasuredBackend
from handlers.classifier import Classifier
from training import backends
from training.backends import compared
from training.calibration import Aims, Calibration, calibrate, recalibrate
from training.dataset import Dataset, Photograph, Progress
from training.settings import TrainingSettings

AIMS = Aims(sensitivity=0.95, alpha_malignant=0.025, alpha_benign=0.1)


def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds and the labels drawn from them."""
    rng = np.random.default_rng(3)
    log_odds = rng.normal(-0.5, 2.0, count)
    return log_odds, (rng.random(count) < 1 / (1 + np.exp(-log_odds))).astype(int)


def verdict(noise: float) -> MeasuredBackend:
    """On a backend whose log-odds are off by normal noise."""
    log_odds, labels = sample(400)
    off = log_odds + np.random.default_rng(4).normal(0, noise, 400)
    fitted = calibrate(log_odds, labels, AIMS)
    return compared(off, log_odds, labels, fitted)


def test_rounding_passes_and_noise_does_not() -> None:
    rounded, noisy = verdict(1e-4), verdict(0.3)

    assert rounded.passes
    assert rounded.labels_changed is not None
    assert rounded.labels_changed <= 2
    assert not noisy.passes
    assert noisy.labels_changed is not None
    assert noisy.labels_changed > 2


def test_a_backend_that_ranks_worse_does_not_pass() -> None:
    log_odds, labels = sample(400)
    # The labels stay: only photographs on the same side of the threshold change places.
    fitted = calibrate(log_odds, labels, AIMS)
    threshold = np.log(fitted.threshold / (1 - fitted.threshold)) * fitted.temperature
    worse = log_odds.copy()
    above = np.flatnonzero(log_odds > threshold + 0.1)
    worse[above] = np.random.default_rng(5).permutation(worse[above])

    found = compared(worse, log_odds, labels, fitted)

    assert found.auroc_loss is not None
    assert found.auroc_loss > backends.AUROC_LOSS
    assert not found.passes


def test_a_shifted_backend_passes_with_a_threshold_of_its_own() -> None:
    """What moves all scores alike moves the threshold, and no label."""
    log_odds, labels = sample(400)
    fitted = calibrate(log_odds, labels, AIMS)

    found = compared(log_odds + 0.2, log_odds, labels, fitted)

    assert found.passes
    assert found.labels_changed == 0
    assert found.calibration is not None
    assert found.calibration.temperature == fitted.temperature
    own = np.log(1 / fitted.threshold - 1) - 0.2 / fitted.temperature
    # Anywhere between two neighbours it says the same.
    assert found.calibration.threshold == pytest.approx(1 / (1 + np.exp(own)), abs=0.005)
    assert found.calibration.threshold > fitted.threshold + 0.01


def test_plain_torchscript_keeps_the_calibration_that_it_has() -> None:
    log_odds, labels = sample(400)
    fitted = calibrate(log_odds, labels, AIMS)

    found = compared(log_odds.copy(), log_odds, labels, fitted)

    assert found.calibration == fitted
    assert (found.passes, found.labels_changed, found.auroc_loss) == (True, 0, 0.0)


@pytest.mark.parametrize("noise", [1e-7, 1e-3, 0.02, 0.3])
def test_recalibration_keeps_the_cancers_caught_and_changes_fewest_labels(noise: float) -> None:
    log_odds, labels = sample(400)
    fitted = calibrate(log_odds, labels, AIMS)
    before = fitted.probabilities(log_odds) >= fitted.threshold
    off = log_odds + np.random.default_rng(6).normal(0, noise, 400)

    again = recalibrate(off, labels, fitted, before)

    probabilities = again.probabilities(off)
    after = probabilities >= again.threshold
    assert after[labels == 1].sum() >= before[labels == 1].sum()
    changed = np.sum(after != before)
    # Each place where a threshold could lie and catch as many.
    others = [
        np.sum((probabilities >= one) != before)
        for one in probabilities
        if np.sum(probabilities[labels == 1] >= one) >= before[labels == 1].sum()
    ]
    assert changed <= min(others)
    assert changed == 0 or noise > 1e-6
    assert changed > 0 or noise < 0.1


def test_recalibration_changes_neither_the_temperature_nor_more_of_the_band_than_it_must() -> None:
    log_odds, labels = sample(400)
    fitted = calibrate(log_odds, labels, AIMS)
    before = fitted.probabilities(log_odds) >= fitted.threshold
    for shift in (-3.0, -0.1, 0.1, 3.0):
        again = recalibrate(log_odds + shift, labels, fitted, before)
        low, high = fitted.near_threshold
        assert again.temperature == fitted.temperature
        assert again.near_threshold == (min(low, again.threshold), max(high, again.threshold))


@pytest.mark.parametrize("called", [False, True], ids=["nobody", "everybody"])
def test_recalibration_where_one_label_is_given_to_all(called: bool) -> None:
    log_odds, labels = sample(60)
    fitted = Calibration(1.0, 0.0 if called else 1.0, (0.0, 1.0))
    again = recalibrate(log_odds + 0.01, labels, fitted, np.full(60, called))

    assert ((again.probabilities(log_odds + 0.01) >= again.threshold) == called).all()


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
    measured = measure(*NAMES)

    assert set(measured) == set(NAMES)
    passing = {name for name, found in measured.items() if found.passes}
    # The same weights in the same precision.
    assert {PLAIN, "frozen", "openvino-fp32"} <= passing
    for name, found in measured.items():
        assert found.lacking or found.forward_ms > 0, name
        assert not found.passes or found.calibration is not None
    expected = {f"{FILES[name]}{end}" for name in passing & set(FILES) for end in (".xml", ".bin")}
    assert {path.name for path in tmp_path.glob("openvino*")} == expected


def test_the_card_has_every_backend_and_the_archive_the_files_of_those_that_pass(
    trained: TrainingSettings, unpacked: Path
) -> None:
    card = json.loads((trained.model_folder / "card.json").read_text())["backends"]

    assert set(card["measured"]) == set(NAMES)
    assert set(card["order"]) == {PLAIN, "openvino-fp32"}
    times = [card["measured"][name]["forward_ms"] for name in card["order"]]
    assert times == sorted(times)
    for name in card["order"]:
        assert card["measured"][name]["passes"]
        assert set(card["measured"][name]["calibration"]) == {
            "temperature",
            "threshold",
            "near_threshold",
        }
    for folder in (trained.model_folder, unpacked):
        assert {path.name for path in folder.glob("openvino*")} == {"openvino.xml", "openvino.bin"}


def test_the_archive_is_served_by_the_fastest(unpacked: Path) -> None:
    card = json.loads((unpacked / "card.json").read_text())["backends"]

    assert Classifier.load(unpacked, "", 2).backend.name == card["order"][0]


@pytest.mark.parametrize("cancers", [1, 30, 500])
def test_what_is_compared_on_has_its_share_of_each_class(cancers: int) -> None:
    photographs = [
        Photograph(Path(str(number)), int(number % (3000 // cancers) == 7 % (3000 // cancers)), "")
        for number in range(3000)
    ]
    chosen = backends._spread(photographs, 300)

    assert len(chosen) == len(set(chosen)) == 300
    assert sum(photo.label for photo in chosen) == pytest.approx(max(1, cancers / 10), abs=1)
    assert {photo.label for photo in chosen} == {0, 1}
    assert set(backends._spread(photographs[:200], 300)) == set(photographs[:200])


@pytest.fixture
def measure(
    trained: TrainingSettings, found: Dataset, silent: Progress, tmp_path: Path
) -> Callable[..., dict[str, MeasuredBackend]]:
    """Measures backends of the trained model, in a folder that holds nothing else of it."""
    shutil.copy2(trained.model_folder / "model.pt", tmp_path)
    card = json.loads((trained.model_folder / "card.json").read_text())

    def measure(*names: str) -> dict[str, MeasuredBackend]:
        return backends.measure(
            tmp_path,
            Classifier.model_of(tmp_path),
            found.train,
            Calibration(card["temperature"], card["threshold"], (0.4, 0.6)),
            names,
            silent,
        )

    return measure


def test_only_what_is_asked_for_is_tried(
    measure: Callable[..., dict[str, MeasuredBackend]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "_int8", lambda *_: pytest.fail("int8 was made"))
    measured = measure("openvino-fp32")

    tried = {PLAIN, "openvino-fp32"}
    assert list(measured) == list(NAMES)
    for name, found in measured.items():
        assert found.passes == (name in tried), name
        assert ("LESIONLENS_BACKENDS" in found.lacking) == (name not in tried), name
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.pt",
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
    measured = measure(*NAMES)

    assert "openvino is not installed" in measured["openvino-fp32"].lacking
    assert not measured["openvino-fp32"].passes
    assert measured["frozen"].passes
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_the_plain_model_is_not_changed_by_the_others(unpacked: Path) -> None:
    model = Classifier.model_of(unpacked)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    for name in NAMES:
        try:
            served.load(name, unpacked, model, 1)
        except UnavailableError:
            continue

    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert value.dtype == before[name].dtype
