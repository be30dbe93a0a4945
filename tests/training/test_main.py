"""The command line explains a fault in one line and ends with 2, never with a traceback."""

import json
import runpy
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers.variants import PORTABLE
from training import __main__ as cli
from training import pipeline
from training.settings import TrainingSettings

pytestmark = pytest.mark.slow


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    small_settings: Callable[[Path], TrainingSettings],
) -> Run:
    """Run the command line in this process; gives its status and what it printed."""
    given = small_settings(tmp_path).model_dump(include={"data", "weights", "build", "archive"})
    for name, value in given.items():
        monkeypatch.setenv(f"LESIONLENS_{name.upper()}", str(value))
    monkeypatch.setenv("LESIONLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LESIONLENS_VARIANTS", PORTABLE.name)

    def run(*arguments: str, **settings: object) -> tuple[int, str]:
        for name, value in settings.items():
            monkeypatch.setenv(f"LESIONLENS_{name.upper()}", str(value))
        capsys.readouterr()
        status = cli.main(list(arguments))
        printed = capsys.readouterr()
        assert printed.out == ""
        return status, printed.err

    return run


def errors(text: str) -> list[str]:
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize("step", ["data", "train", "all"])
def test_a_missing_folder_ends_every_step_that_needs_it(
    run: Run, tmp_path: Path, step: str
) -> None:
    status, text = run(step, data=tmp_path / "none")

    assert status == 2
    assert errors(text) == [
        f"error: {tmp_path / 'none'} is not a folder; expected photographs in it:"
    ]
    assert "train/" in text


def test_a_wrong_weights_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"")
    status, text = run("train", weights=tmp_path / "w.pth")

    assert status == 2
    assert len(errors(text)) == 1
    assert f"LESIONLENS_WEIGHTS={tmp_path / 'w.pth'}" in errors(text)[0]


def test_bad_settings_are_each_named(run: Run) -> None:
    status, text = run("train", seed="x", sensitivity="high")

    assert status == 2
    assert [line.split(":")[1].strip() for line in errors(text)] == [
        "LESIONLENS_SENSITIVITY",
        "LESIONLENS_SEED",
    ]
    assert len(text.splitlines()) == 2


def test_archive_before_train_says_train_first(run: Run) -> None:
    status, text = run("archive")

    assert status == 2
    assert len(errors(text)) == 1
    assert "train first" in errors(text)[0]


@pytest.mark.parametrize("step", ["report", "explain-report"])
def test_a_report_before_train_says_train_first(run: Run, step: str) -> None:
    status, text = run(step)

    assert status == 2
    assert len(errors(text)) == 1
    assert "card.json is missing: run `make train` first" in errors(text)[0]


def test_the_flag_says_what_is_fitted_whatever_the_variable_says(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(pipeline, "train", lambda settings, _: seen.append(settings.finetune))

    run("train", "--finetune", "layer4", finetune="all")
    run("train", finetune="all")

    assert seen == ["layer4", "all"]


@pytest.mark.parametrize(
    "settings",
    [
        {"sensitivity": "95"},
        {"seed": "-1"},
        {"data": "", "synthetic_train": "-1"},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_explained(
    run: Run, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr("kagglehub.dataset_download", lambda name: 1 / 0)
    status, text = run("train", cache=cache, **settings)

    assert status == 2
    assert len(errors(text)) == 1


def test_an_interruption_is_not_a_fault(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "train", interrupt)
    status, text = run("train")

    assert status == 130
    assert "run it again to go on" in text


def test_without_settings_and_network_everything_runs_and_is_labelled(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("kagglehub.dataset_download", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    status, text = run(data="", weights="", synthetic_train=12, synthetic_test=3, backends="frozen")

    assert status == 0
    assert errors(text) == []
    assert "EMBEDDED SYNTHETIC SET" in text
    assert "UNTRAINED" in text
    assert "auroc on test" in text
    assert "95 % interval" in text
    with zipfile.ZipFile(tmp_path / "store" / "melanoma.mar") as archive:
        card = json.loads(archive.read("card.json"))
    assert card["model_version"].startswith("synthetic-untrained-")
    assert card["data"]["counts"]["test"] == {"benign": 3, "malignant": 3}
    assert set(card["backends"]["order"]) == {"fp32", "frozen"}


def test_data_checks_the_photographs_and_trains_nothing(run: Run, tmp_path: Path) -> None:
    status, text = run("data")

    assert status == 0
    assert "train: " in text
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["left_out.txt"]


def test_an_unknown_step_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["deploy"])

    assert raised.value.code == 2
    printed = capsys.readouterr().err
    for step in ("data", "audit", "train", "report", "explain-report", "archive", "all"):
        assert step in printed


def test_the_module_gives_its_status_to_the_shell(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["training", "archive"])
    monkeypatch.delitem(sys.modules, "training.__main__")  # runpy warns of a second import

    with pytest.raises(SystemExit) as raised:
        runpy.run_module("training", run_name="__main__")
    assert raised.value.code == 2
    printed = capsys.readouterr().err
    assert errors(printed) == [printed.strip()]
