"""Files of the explanation report: names, content, and when none is written."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from PIL import Image

from tests.training.evaluation.report.explanations.conftest import stand_ins
from tests.training.evaluation.report.test_files import contents
from training.evaluation.explanations.examples import Example
from training.evaluation.report.explanations import page, plots
from training.evaluation.report.style import draw

pytestmark = pytest.mark.slow


PLOTS = {f"explanations_{name}" for name in ("deletion", "insertion", "randomisation", "lesion")}

Examples = list[Example]


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.report.explanations.page.draw", stand_ins)


@pytest.mark.usefixtures("_undrawn")
def test_the_files_stand_beside_those_of_the_models_report(
    document: dict[str, Any], examples: Examples, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("of the model")
    written = page.write(document, examples, tmp_path)

    assert written == tmp_path / "explanations.html"
    names = {"report.html", "explanations.html", "explanations.json"}
    assert set(contents(tmp_path)) == names | {f"plots/{name}.png" for name in PLOTS}
    assert (tmp_path / "report.html").read_text() == "of the model"
    assert json.loads((tmp_path / "explanations.json").read_text(encoding="utf-8")) == document


def test_plots_are_pictures_for_print_and_the_same_each_time(
    document: dict[str, Any], tmp_path: Path
) -> None:
    page.write(document, [], tmp_path)
    files = contents(tmp_path)

    for name in PLOTS:
        data = files[f"plots/{name}.png"]
        plot = Image.open(io.BytesIO(data))
        assert plot.width == pytest.approx(6.8 * 300, abs=2)
        assert 600 < plot.height < 1400, name
        assert plot.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert len(data) < 150_000, name
    # One is enough: drawing takes seconds.
    again = draw(document, {"again": plots.masses})
    assert again["again"] == files["plots/explanations_lesion.png"]


@pytest.mark.usefixtures("_undrawn")
@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"made": None}, jinja2.UndefinedError),
        ({"forward_milliseconds": float("nan")}, ValueError),
    ],
)
def test_a_document_that_cannot_be_rendered_leaves_the_old_report(
    document: dict[str, Any], tmp_path: Path, broken: dict[str, Any], error: type[Exception]
) -> None:
    page.write(document, [], tmp_path)
    before = contents(tmp_path)
    after = {**document, **broken}

    with pytest.raises(error):
        page.write(
            {name: value for name, value in after.items() if value is not None}, [], tmp_path
        )
    assert contents(tmp_path) == before
