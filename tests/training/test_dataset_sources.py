"""Sources of photographs: a folder, Kaggle, or the synthetic set."""

from pathlib import Path

import kagglehub
import pytest

from training import dataset
from training.dataset import DatasetError, Progress
from training.settings import TrainingSettings

pytestmark = pytest.mark.slow

FOLDERS = [f"{split}/{name}" for split in ("train", "test") for name in ("benign", "malignant")]


def laid_out(folder: Path) -> Path:
    for inside in FOLDERS:
        (folder / inside).mkdir(parents=True)
    return folder


def test_a_configured_folder_is_used_instead_of_kaggle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: Progress
) -> None:
    monkeypatch.setattr(kagglehub, "dataset_download", lambda name: pytest.fail("asked Kaggle"))
    monkeypatch.setenv("LESIONLENS_DATA", str(laid_out(tmp_path / "mine" / "nested").parent))
    said: list[str] = []

    located = dataset.locate(TrainingSettings(), silent, said.append)

    assert located == ("folder", tmp_path / "mine" / "nested")
    assert said == []


def test_a_wrong_folder_of_ones_own_is_an_error_and_nothing_takes_over(
    tmp_path: Path, silent: Progress
) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        dataset.locate(TrainingSettings(data=tmp_path / "none"), silent, lambda message: None)


def test_downloaded_kaggle_data_set_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: Progress
) -> None:
    asked: list[str] = []
    folder = laid_out(tmp_path / "versions" / "melanoma_cancer_dataset")

    def download(name: str) -> str:
        asked.append(name)
        return str(folder.parent)

    monkeypatch.setattr(kagglehub, "dataset_download", download)
    said: list[str] = []

    assert dataset.locate(TrainingSettings(), silent, said.append) == ("kaggle", folder)
    assert asked == ["hasnainjaved/melanoma-skin-cancer-dataset-of-10000-images"]
    assert len(said) == 1
    assert "asking Kaggle" in said[0]


def test_a_kaggle_set_without_the_layout_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: Progress
) -> None:
    monkeypatch.setattr(kagglehub, "dataset_download", lambda name: str(tmp_path))

    with pytest.raises(DatasetError, match="has not the layout"):
        dataset.locate(TrainingSettings(), silent, lambda message: None)


def test_without_a_network_the_synthetic_set_is_used_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: Progress
) -> None:
    def offline(name: str) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(kagglehub, "dataset_download", offline)
    settings = TrainingSettings(cache=tmp_path, synthetic_train=12, synthetic_test=2, seed=5)
    said: list[str] = []

    source, folder = dataset.locate(settings, silent, said.append)

    assert source == "synthetic"
    assert dataset.find_layout(folder) == folder
    counts = [len(list((folder / inside).iterdir())) for inside in FOLDERS]
    assert counts == [12, 12, 2, 2]
    assert "ConnectionError" in said[-1]
    assert "EMBEDDED SYNTHETIC SET" in said[-1]
    assert "not valid for people" in said[-1]

    # Sets of other sizes or seeds lie side by side: none replaces another.
    other = settings.model_copy(update={"seed": 6})
    assert dataset.locate(other, silent, said.append)[1] != folder
    assert folder.is_dir()
