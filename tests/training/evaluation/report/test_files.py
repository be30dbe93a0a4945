"""Files of a report: names, content, and when none is written."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from PIL import Image

from tests.training.evaluation.report.conftest import stand_ins
from training.evaluation.report.model import page

pytestmark = pytest.mark.slow


PLOTS = {
    *("roc", "precision_recall", "reliability", "risk_coverage", "stress", "recipes"),
    *("net_benefit", "predictive_values", "learning"),
}


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.evaluation.report.model.page.draw", stand_ins)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.usefixtures("_undrawn")
def test_the_files(evidence: dict[str, Any], thumbnails: dict[str, bytes], tmp_path: Path) -> None:
    written = page.write(evidence, thumbnails, tmp_path / "new")

    assert written == tmp_path / "new" / "report.html"
    plots = {f"plots/{name}.png" for name in PLOTS}
    assert set(contents(tmp_path / "new")) == plots | {
        "report.html",
        "metrics.json",
        "MODEL_CARD.md",
        "model_card.cdx.json",
    }


@pytest.mark.usefixtures("_undrawn")
def test_the_numbers_are_the_document(evidence: dict[str, Any], tmp_path: Path) -> None:
    page.write(evidence, {}, tmp_path)

    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == evidence


def test_the_same_document_gives_the_same_files(
    evidence: dict[str, Any], thumbnails: dict[str, bytes], tmp_path: Path
) -> None:
    page.write(evidence, thumbnails, tmp_path / "once")
    page.write(evidence, thumbnails, tmp_path / "again")

    assert contents(tmp_path / "once") == contents(tmp_path / "again")


@pytest.mark.parametrize("sample", ["evidence", "lean"])
def test_plots_are_pictures_for_print(
    request: pytest.FixtureRequest, tmp_path: Path, sample: str
) -> None:
    page.write(request.getfixturevalue(sample), {}, tmp_path)

    for name in PLOTS - ({"learning"} if sample == "lean" else set()):
        data = (tmp_path / "plots" / f"{name}.png").read_bytes()
        plot = Image.open(io.BytesIO(data))
        assert plot.format == "PNG"
        assert 900 < plot.width < 2200, name
        assert 300 < plot.height < 1400, name
        assert plot.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert "Software" not in plot.info
        assert len(data) < 150_000, name
        # Something is drawn, and its ground is white.
        colours = dict((colour, many) for many, colour in plot.convert("RGB").getcolors(1 << 20))
        assert colours[(255, 255, 255)] > 0.6 * plot.width * plot.height
        assert len(colours) > 10


@pytest.mark.usefixtures("_undrawn")
def test_a_document_that_cannot_be_rendered_leaves_the_old_report(
    evidence: dict[str, Any], tmp_path: Path
) -> None:
    page.write(evidence, {}, tmp_path)
    before = contents(tmp_path)
    del evidence["made"]

    with pytest.raises(jinja2.UndefinedError, match="made"):
        page.write(evidence, {}, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("_undrawn")
def test_a_thumbnail_that_is_no_picture_leaves_the_old_report(
    evidence: dict[str, Any], tmp_path: Path
) -> None:
    page.write(evidence, {}, tmp_path)
    before = contents(tmp_path)
    name = evidence["leaks"]["listed"][0]["files"][0]

    with pytest.raises(ValueError, match="neither PNG nor JPEG"):
        page.write(evidence, {name: b"<svg>"}, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("_undrawn")
def test_a_number_that_is_none_is_not_written(evidence: dict[str, Any], tmp_path: Path) -> None:
    evidence["machine"]["cores"] = float("nan")

    with pytest.raises(ValueError, match="JSON"):
        page.write(evidence, {}, tmp_path)
    assert contents(tmp_path) == {}
