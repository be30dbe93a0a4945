"""Cached results are reused unless their key has changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handlers import explainers
from training.explaining.cache_key import folder_for
from training.explaining.subjects import Explained
from training.result_cache import ResultCache
from training.settings import TrainingSettings


def refuse() -> dict[str, np.ndarray]:
    raise AssertionError("it was there already")


def test_a_result_is_read_again_as_it_was(kept: ResultCache) -> None:
    first = kept.get("curves/a-b", lambda: {"x": np.arange(3.0), "y": np.asarray(2)})
    again = kept.get("curves/a-b", refuse)

    assert np.array_equal(first["x"], again["x"])
    assert int(again["y"]) == 2


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_damaged_result_is_computed_anew(kept: ResultCache, damage: bytes | None) -> None:
    kept.get("one", lambda: {"x": np.arange(100.0)})
    path = kept.folder / "one.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data) if damage is None else damage)

    assert np.array_equal(kept.get("one", lambda: {"x": np.ones(2)})["x"], np.ones(2))
    assert np.array_equal(kept.get("one", refuse)["x"], np.ones(2))


def test_an_interruption_leaves_nothing_behind(kept: ResultCache) -> None:
    def interrupt() -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.get("one", interrupt)
    assert not list(kept.folder.rglob("*"))


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
