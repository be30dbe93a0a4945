"""The figures in the README are those of the committed results."""

import json
from pathlib import Path

import pytest

from loadtests.readme_tables import filled, training_table


def test_the_readme_shows_the_committed_results(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    readme = (root / "README.md").read_text(encoding="utf-8")

    assert filled(readme) == readme


def test_another_result_makes_another_table(root: Path, tmp_path: Path) -> None:
    results = root / "docs" / "results"
    document = json.loads((results / "training.json").read_text(encoding="utf-8"))
    document["from_nothing"]["metrics"]["auroc"]["value"] = 0.5
    (tmp_path / "training.json").write_text(json.dumps(document), encoding="utf-8")

    assert "0.500" in training_table(tmp_path)
    assert training_table(tmp_path) != training_table(results)


def test_a_readme_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the marks"):
        filled("# nothing")
