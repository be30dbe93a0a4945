"""The whole way on real photographs, where they lie beside the checkout."""

import json
import zipfile
from io import StringIO
from pathlib import Path

from rich.console import Console

from training import pipeline
from training.console import Reporter
from training.settings import TrainingSettings


def test_real_photographs_are_told_apart(
    real_lesions: Path, real_weights: Path, root: Path, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        data=real_lesions,
        weights=real_weights,
        cache=root / "build" / "cache",  # minutes of forward passes, kept from run to run
        build=tmp_path / "build",
        archive=tmp_path / "store",
    )
    printed = StringIO()
    report = Reporter(Console(file=printed, width=200))
    summary = pipeline.train(settings, report)
    packed = pipeline.pack(settings, report)

    metrics = summary["metrics"]
    assert metrics["auroc"]["value"] >= 0.88
    assert metrics["sensitivity"]["value"] >= 0.85
    assert summary["largest_difference_to_eager"] <= 1e-5
    score = metrics["auroc"]
    interval = f"95 % interval {score['low']:.3f} to {score['high']:.3f}"
    assert f"{score['value']:.3f} ({interval})" in printed.getvalue()

    used = sum(sum(per_class.values()) for per_class in summary["counts"].values())
    files = [path for part in ("train", "test") for path in (real_lesions / part).rglob("*.*")]
    assert used + sum(summary["left_out"].values()) == len(files)
    with zipfile.ZipFile(packed) as archive:
        assert json.loads(archive.read("card.json"))["metrics"] == metrics
