"""Test classification of real photographs, if they lie next to the checkout."""

from __future__ import annotations

import json
import zipfile

import pytest

from tests.e2e.conftest import Trained


@pytest.mark.usefixtures("real_lesions", "real_weights")
def test_distinguishes_real_photographs(trained: Trained) -> None:
    data = trained.photographs
    metrics = trained.summary["metrics"]
    assert trained.summary["model_version"].startswith("folder-weights-")
    # Nine of ten training photographs are kept back (all: docs/explanation/model.md).
    assert metrics["auroc"]["value"] >= 0.84
    assert metrics["sensitivity"]["value"] >= 0.85
    assert trained.summary["largest_difference_to_eager"] <= 1e-5
    score = metrics["auroc"]
    interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
    assert f"{score['value']:.3f} ({interval})" in trained.said

    used = sum(sum(per_class.values()) for per_class in trained.summary["counts"].values())
    files = [path for part in ("train", "test") for path in (data / part).glob("*/*.*")]
    assert used + sum(trained.summary["left_out"].values()) == len(files)
    with zipfile.ZipFile(trained.store / "melanoma.mar") as archive:
        assert json.loads(archive.read("card.json"))["metrics"] == metrics
