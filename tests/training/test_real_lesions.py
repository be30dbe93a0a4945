"""Real photographs, where they lie next to the checkout; tests/e2e trains on most of them."""

from pathlib import Path

from training import dataset
from training.console import RunLog
from training.settings import TrainingSettings


def test_every_real_photograph_is_used_or_named(real_lesions: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(data=real_lesions, build=tmp_path / "build")
    found = dataset.find(settings, RunLog())

    used = sum(sum(per_class.values()) for per_class in found.counts().values())
    files = [path for part in ("train", "test") for path in (real_lesions / part).rglob("*.*")]
    assert used + len(found.left_out) == len(files) > 1000
