"""Test that a comparison continues where it was interrupted, and with which rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.comparison import result
from benchmarks.peers.contenders import CONTENDERS, OURS, of_one_orientation
from benchmarks.peers.progress import Progress, Row
from handlers.card import OperatingPoint
from handlers.documents import to_json
from handlers.drift import FEATURES, Baseline
from handlers.reference import Reference
from handlers.variants import FittedVariant, Variant, path_of
from loadtests.closed_loop import Burst


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "melanoma.mar"
    path.write_bytes(b"an archive")
    return path


def test_continues_with_the_rows_of_the_same_archive_and_options(
    tmp_path: Path, archive: Path
) -> None:
    path = tmp_path / "new" / "progress.json"
    progress = Progress.of(path, archive, rounds=2, seconds=1.0)
    cell = ("predict", "small", 8)
    progress.rows["kserve"] = Row("KServe", 4.0, {"process 1": 500.0}, [{cell: Burst([0.1], 1, 2)}])
    progress.limit, progress.chosen = [{"small": {"decode": [0.01], "fp32": [0.03]}}], "fp32"
    progress.save()

    again = Progress.of(path, archive, rounds=2, seconds=1.0)

    assert (again.rows, again.limit, again.chosen) == (progress.rows, progress.limit, "fp32")
    assert (again.rounds("kserve"), again.rounds("litserve")) == (1, 0)
    assert again.rows["kserve"].cells == {cell: [Burst([0.1], 1, 2)]}
    assert Progress.of(path, archive, rounds=3, seconds=1.0).rows == {}
    archive.write_bytes(b"another archive")
    assert Progress.of(path, archive, rounds=2, seconds=1.0).rows == {}


def test_result_has_the_rows_in_the_order_of_the_servers(tmp_path: Path, archive: Path) -> None:
    progress = Progress.of(tmp_path / "progress.json", archive, rounds=1, seconds=1.0)
    progress.limit, progress.chosen = [{"small": {"decode": [0.01], "fp32": [0.03]}}], "fp32"
    for name in ("litserve", OURS):
        progress.rows[name] = Row(name, 4.0, {}, [{("predict", "small", 1): Burst([0.1], 0, 1.0)}])

    found = result(progress, {"mlserver": "no network"})

    assert list(found["servers"]) == [OURS, "litserve"]
    assert found["in_process"]["small"]["both_ms"] == {"fp32": 40.0}
    assert found["left_out"] == {"mlserver": "no network"}


def test_each_python_server_has_a_row_with_the_network_that_this_project_serves() -> None:
    names = [one.name for one in CONTENDERS]

    assert names == sorted(set(names), key=names.index)
    for name in ("kserve", "litserve", "mlserver"):
        plain, other = (
            next(one for one in CONTENDERS if one.name == f"{name}{end}")
            for end in ("", "-openvino")
        )
        assert other.environment == name
        assert (other.packages, other.body) == (plain.packages, plain.body)


@pytest.mark.parametrize(
    ("default", "served"),
    [
        ("int8-224px-2stages-2orientations", "int8-224px-2stages-1orientation"),
        ("int8-320px-1stage-4orientations", "int8-320px-1stage-1orientation"),
        ("float32-224px-1stage-upright", "float32-224px-1stage-upright"),
    ],
)
def test_this_project_has_rows_of_the_variant_that_runs_the_network_once(
    tmp_path: Path, default: str, served: str
) -> None:
    folder = tmp_path / "archive"
    document = path_of(folder, Variant.named(served))
    document.parent.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({"variants": {"order": [default]}}))
    values = np.random.default_rng(0).random((40, 8)).astype(np.float32)
    columns = {name: values[:, place] for place, name in enumerate(FEATURES)}
    point = OperatingPoint(1.0, 0.5, (0.4, 0.6))
    reference = Baseline.fit(columns, {}, Reference.fit(values))
    document.write_text(json.dumps(to_json(FittedVariant([0.5] * 8, 0.1, point, reference))))

    for runtime in ("", "-kserve"):
        plain, single = (
            next(one for one in CONTENDERS if one.name == f"{OURS}{runtime}{end}")
            for end in ("", "-1orientation")
        )
        assert "LESIONLENS_VARIANT" not in plain.start(tmp_path, folder, tmp_path).environment
        variables = single.start(tmp_path, folder, tmp_path).environment
        assert variables["LESIONLENS_VARIANT"] == served
        assert variables["LESIONLENS_RUNTIME"] == (runtime.removeprefix("-") or "torchserve")


def test_archive_without_the_variant_of_one_orientation_is_refused(tmp_path: Path) -> None:
    card = {"variants": {"order": ["int8-224px-2stages-2orientations"]}}
    (tmp_path / "card.json").write_text(json.dumps(card))

    with pytest.raises(LookupError, match="no serving variant int8-224px-2stages-1orientation"):
        of_one_orientation(tmp_path)
