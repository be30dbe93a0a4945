"""A run scores what the service would answer, once, and the same rows give the same file."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from handlers.classifier import Classifier
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.settings import HandlerSettings
from handlers.telemetry import Recorder
from tests.training.runs import quiet, said
from tests.training.score.conftest import rows_of
from training.score import results
from training.score.__main__ import main, report
from training.score.errors import ScoreError
from training.score.rows import ANSWER
from training.score.run import Job, Summary, photographs, run
from training.score.scorer import Known
from training.settings import TrainingSettings


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.score.run.CHUNK", 4)


@pytest.fixture
def folder(small_set: Path, tmp_path: Path) -> Path:
    """Seven photographs, which are two chunks; one is broken, and one comes twice."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for place, path in enumerate(sorted((small_set / "train").glob("*/*.jpg"))[:5]):
        (folder / f"{place:02d}.jpg").write_bytes(path.read_bytes())
    (folder / "05.jpg").write_bytes((folder / "00.jpg").read_bytes())
    (folder / "06.jpg").write_bytes((folder / "00.jpg").read_bytes()[:300])
    (folder / "notes.txt").write_text("no photograph")
    return folder


@pytest.fixture(scope="session")
def service(unpacked: Path) -> MelanomaService:
    """The service on the same archive, as a worker loads it."""
    return MelanomaService(Classifier.load(unpacked, ""), HandlerSettings())


def test_rows_are_the_answers_of_the_service(
    folder: Path, job: Callable[..., Job], service: MelanomaService
) -> None:
    log = quiet()
    asked = job(folder, features=True)

    summary = run(asked, log)

    rows = rows_of(asked.output)
    assert [row["path"] for row in rows] == [f"{place:02d}.jpg" for place in range(7)]
    for row in rows:
        data = (folder / row["path"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        (answer,) = service.answer([RawRequest(data, "predict")], Recorder("test"))
        served = json.loads(answer.body)
        if answer.status == 200:
            assert {field.name: row[field.name] for field in ANSWER} == served
            assert row["error"] is None
            assert len(row["features"]) == 512
        else:
            assert row["error"] == served["error"]
            assert row["probability"] is row["features"] is None
    assert (summary.photographs, summary.unreadable, summary.known) == (7, 1, 0)
    assert summary.named == [("06.jpg", rows[6]["error"])]
    assert dict(summary.left_out) == {"not a photograph: .txt suffix": 1}
    assert not asked.journal.exists()
    assert "7/7" in said(log)


def test_photograph_with_an_answer_is_not_scored_again(
    folder: Path, job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(folder, features=True)
    run(asked, quiet())
    before = asked.output.read_bytes()
    (folder / "00.jpg").rename(folder / "new name.jpg")

    def refuse(*_: object) -> None:
        raise AssertionError("a photograph was decoded")

    monkeypatch.setattr("training.score.scorer.decode", refuse)
    summary = run(asked, quiet())

    assert (summary.photographs, summary.known) == (7, 7)
    assert rows_of(asked.output)[-1]["path"] == "new name.jpg"
    (folder / "new name.jpg").rename(folder / "00.jpg")
    run(asked, quiet())
    assert asked.output.read_bytes() == before


def test_answers_of_another_model_or_limit_are_not_taken(
    folder: Path, job: Callable[..., Job]
) -> None:
    asked = job(folder)
    run(asked, quiet())
    other = replace(
        asked, options=replace(asked.options, settings=HandlerSettings(max_pixels=96 * 95))
    )

    summary = run(other, quiet())

    assert (summary.known, summary.unreadable) == (0, 7)
    assert {row["label"] for row in rows_of(asked.output)} == {None}


def test_boxes_of_one_photograph_have_separate_answers(
    folder: Path, job: Callable[..., Job], service: MelanomaService
) -> None:
    boxes = ("", "0.0,0.0,0.5,0.5", "0.25,0.5,0.5,0.5")
    table = folder / "table.csv"
    table.write_text("path,box\n" + "".join(f'00.jpg,"{box}"\n' for box in boxes))
    asked = job(table)

    assert run(asked, quiet()).known == 0

    rows = rows_of(asked.output)
    data = (folder / "00.jpg").read_bytes()
    for row, box in zip(rows, boxes, strict=True):
        request = RawRequest(data, "predict", box=box or None)
        (answer,) = service.answer([request], Recorder("test"))
        assert {field.name: row[field.name] for field in ANSWER} == json.loads(answer.body)
        assert row["requested_box"] == (box or None)
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert len({row["probability"] for row in rows}) == 3
    before = asked.output.read_bytes()
    assert run(asked, quiet()).known == 3
    assert asked.output.read_bytes() == before


def test_csv_has_the_same_rows(folder: Path, job: Callable[..., Job]) -> None:
    table = folder / "table.csv"
    table.write_text("path,id\n" + "".join(f"{place:02d}.jpg,p-{place}\n" for place in (3, 6)))
    asked = job(table, "scores.csv")

    run(asked, quiet())

    with asked.output.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["id"], first["path"], first["error"]) == ("p-3", "03.jpg", "")
    assert 0 < float(first["probability"]) < 1
    assert first["review"] in ("true", "false")
    assert first["box"] == "0.0,0.0,1.0,1.0"
    assert (second["id"], second["probability"]) == ("p-6", "")
    assert "broken" in second["error"]


@pytest.mark.parametrize(
    ("method", "backend"), [("grad_cam", "exported"), ("lime", "openvino-fp32")]
)
def test_explanations_are_files_next_to_the_output(
    method: str, backend: str, folder: Path, job: Callable[..., Job]
) -> None:
    table = folder / "table.csv"
    table.write_text("path\n00.jpg\n")
    pictures = folder.parent / "maps"
    asked = job(table, method=method, pictures=pictures)
    asked = replace(
        asked, options=replace(asked.options, settings=HandlerSettings(backend=backend))
    )

    run(asked, quiet())

    (row,) = rows_of(asked.output)
    assert results.read(asked.output, []).identity["backend"] == backend
    assert row["method"] == method
    assert row["scale"] > 0
    for name in ("heatmap", "overlay"):
        with Image.open(pictures / row[name]) as picture:
            assert picture.size == (224, 224)


def test_shards_are_disjoint_and_together_everything(folder: Path, job: Callable[..., Job]) -> None:
    parts = [
        [item.path for item in photographs(replace(job(folder), shard=(part, 3)), print)]
        for part in range(3)
    ]

    assert max(map(len, parts)) < 7
    assert sorted(path for part in parts for path in part) == [
        f"{place:02d}.jpg" for place in range(7)
    ]


def test_command_names_what_failed_and_its_exit_status_says_so(
    folder: Path,
    trained: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(trained.archive))
    output = tmp_path / "scores.parquet"

    assert main([str(folder / "06.jpg"), str(output)]) == 1
    assert "06.jpg: the image is broken" in capsys.readouterr().err
    assert main([str(folder / "00.jpg"), str(output)]) == 0
    assert capsys.readouterr().out == f"{output}\n"


def test_an_input_that_gives_nothing_or_would_feed_on_its_output_is_rejected(
    folder: Path, job: Callable[..., Job], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no photograph")
    asked = job(tmp_path / "empty")

    with pytest.raises(ScoreError, match=r"no photograph in .*empty \(1 other files\)"):
        run(asked, quiet())
    with pytest.raises(ScoreError, match="name an output outside of it"):
        run(job(folder, method="grad_cam", pictures=folder / "maps"), quiet())
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "photographs"}


@pytest.mark.parametrize(
    ("output", "options", "says"),
    [
        ("scores.txt", (), "the output must end in .parquet or .csv"),
        ("scores.csv", ("--features",), "features need an output that ends in .parquet"),
        ("scores.csv", (), "melanoma.mar is missing: build it with `make archive`"),
    ],
)
def test_a_wrong_request_is_rejected_with_a_fix(
    output: str,
    options: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(tmp_path))

    assert main([str(tmp_path), str(tmp_path / output), *options]) == 2

    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_similar_cases_are_refused_with_an_alternative(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(folder), str(tmp_path / "scores.parquet"), "--explain", "similar_cases"])

    assert ended.value.code == 2
    assert "--features keeps the features" in capsys.readouterr().err


def test_report_does_not_flood_the_console() -> None:
    summary = Summary(photographs=5000, known=1000, unreadable=4000)
    summary.named = [("a.jpg", "broken")] * 20

    lines = report(summary)

    assert lines[0] == (
        "5,000 photographs: 1,000 have an answer (1,000 known before), 4,000 have none"
    )
    assert len(lines) == 22


def test_known_digests_are_found_among_many() -> None:
    digests = [hashlib.sha256(bytes([place])).hexdigest() for place in range(200)]
    known = Known(digests[:100])

    assert all(digest in known for digest in digests[:100])
    assert not any(digest in known for digest in digests[100:])
    assert digests[0] not in Known()
