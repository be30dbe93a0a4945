"""The reports open an output of scoring as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handlers.settings import HandlerSettings
from monitoring.drift_report.__main__ import main as drift_report
from tests.documents import check
from tests.training.runs import quiet, said
from tests.training.score.conftest import rows_of
from training.__main__ import main as training
from training.evaluation import score_report
from training.score.errors import ScoreError
from training.score.run import Job, run
from training.score.scorer import Options
from training.settings import TrainingSettings


@pytest.fixture(scope="module")
def outputs(
    small_set: Path, trained: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Outputs for both splits."""
    folder = tmp_path_factory.mktemp("scored")
    options = Options(HandlerSettings(), features=True)
    archive = trained.archive / "melanoma.mar"
    found = {split: folder / f"{split}.parquet" for split in ("train", "test")}
    for split, output in found.items():
        run(Job(str(small_set / split), output, archive, options, workers=1), quiet())
    return found


@pytest.fixture
def scored(
    outputs: dict[str, Path],
    trained: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Path]:
    """The outputs, and the folder of the reports."""
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(trained.archive))
    monkeypatch.setenv("LESIONLENS_REPORTS", str(tmp_path))
    return {**outputs, "reports": tmp_path}


def test_drift_report_of_scores_is_that_of_the_folders(
    small_set: Path, scored: dict[str, Path]
) -> None:
    documents = []
    for names in ([small_set / "train", small_set / "test"], [scored["train"], scored["test"]]):
        assert drift_report([str(name) for name in names]) == 0
        document = json.loads((scored["reports"] / "drift/drift.json").read_text())
        documents.append(document["sections"])

    assert documents[0] == documents[1]


def test_report_with_labels_has_the_scores_of_the_test_folder(
    scored: dict[str, Path], trained: TrainingSettings, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    paths = [row["path"] for row in rows_of(scored["test"])]
    labels.write_text("path,label\n" + "".join(f"{path},{path.split('/')[0]}\n" for path in paths))

    assert training(["report", "--scores", str(scored["test"]), "--labels", str(labels)]) == 0

    card = json.loads((trained.build / "model/card.json").read_text())
    written = scored["reports"] / card["model_version"] / score_report.NAME
    document = json.loads(written.read_text())
    assert document["photographs"] == {"labelled": 24, "without_label": 0, "unreadable": 0}
    # Resamples, and so the intervals, depend on the order of the photographs.
    for name in ("auroc", "sensitivity", "brier"):
        assert document["scores"][name]["value"] == card["metrics"][name]["value"]


def test_other_columns_of_the_labels_are_attributes_unless_they_are_too_many(
    scored: dict[str, Path], trained: TrainingSettings, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    paths = [row["path"] for row in rows_of(scored["test"])]
    lines = [
        f"{path},{path.split('/')[0]},{'AB'[place % 2]},{place}\n"
        for place, path in enumerate(paths)
    ]
    labels.write_text("path,label,coat,patient\n" + "".join(lines))
    log = quiet()
    settings = trained.model_copy(update={"reports": tmp_path})
    document = json.loads(score_report.report(scored["test"], labels, settings, log).read_text())

    check(score_report.NAME, document)
    assert [one["group"] for one in document["groups"]] == ["A", "B"]
    assert sum(one["cancers"] for one in document["groups"]) == document["scores"]["cancers"]
    assert "no scores by 'patient': the column 'patient' has 24 different values" in said(log)
    assert document["clinical"]["net_benefit"]["own"]["prevalence"] == 0.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,label\na,1\n", "needs the columns 'label', and 'path' or 'id'"),
        ("path,label\na,perhaps\n", "the label of a is 'perhaps'; expected one of 0, benign"),
        ("path,label\nelsewhere.jpg,1\n", "labels 0 of the 24 scored photographs by their path"),
    ],
)
def test_labels_that_do_not_fit_are_rejected(
    text: str, says: str, scored: dict[str, Path], trained: TrainingSettings, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    log = quiet()

    with pytest.raises(ScoreError, match=says):
        score_report.report(scored["test"], labels, trained, log)
    assert said(log) == ""
