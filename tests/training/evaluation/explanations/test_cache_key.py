"""What was computed once is not computed again, unless it cannot be trusted."""

from pathlib import Path
from typing import Any

import pytest

from handlers import explainers
from training.evaluation.explanations.subjects import Explained, folder_for
from training.settings import TrainingSettings


def test_another_model_or_another_method_has_a_folder_of_its_own(
    explained: Explained,
    trained: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def folder(model: Path = trained.model_folder) -> Path:
        return folder_for(tmp_path, model, explained.classifier)

    before = folder()
    assert folder() == before
    assert before.parent == tmp_path / "explanations"

    (tmp_path / "model.pt").write_bytes(b"another model")
    assert folder(tmp_path) != before

    copied = tmp_path / "explainers"
    copied.mkdir()
    for path in Path(explainers.__path__[0]).glob("*.py"):
        (copied / path.name).write_bytes(path.read_bytes())
    patched: Any = explainers
    monkeypatch.setattr(patched, "__path__", [str(copied)])
    assert folder() == before
    with (copied / "grad_cam.py").open("a") as stream:
        stream.write("# otherwise\n")
    assert folder() != before
