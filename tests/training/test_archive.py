"""The archive holds model and handlers, and is replaced atomically."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
import yaml

from handlers.similar_cases import FILE
from training import archive
from training.archive import NothingToArchiveError
from training.settings import TrainingSettings


@pytest.fixture
def model_folder(trained: TrainingSettings, tmp_path: Path) -> Path:
    """A small stand-in for a trained model, to archive quickly."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.pt", "model.pt2"):
        (folder / name).write_bytes(b"weights")
    for name in ("card.json", "baseline.json"):
        shutil.copy(trained.model_folder / name, folder)
    return folder


def test_archive_is_a_zip_of_the_model_and_the_handlers_package(
    trained: TrainingSettings, root: Path
) -> None:
    with zipfile.ZipFile(trained.archive / "melanoma.mar") as packed:
        assert packed.testzip() is None
        names = set(packed.namelist())
        contents = {name: packed.read(name) for name in names}

    modules = (root / "handlers").rglob("*.py")
    sources = {path.relative_to(root).as_posix(): path for path in modules}
    sources["melanoma_handler.py"] = root / "handlers" / "melanoma_handler.py"
    # Every file of the trained model: those of a backend are there where it passed.
    for path in trained.model_folder.iterdir():
        sources[path.name] = path
    assert {"model.pt", "model.pt2", "card.json", "baseline.json", "openvino.xml"} <= set(sources)
    assert names == {*sources, "model-config.yaml", "MAR-INF/MANIFEST.json"}
    for name, path in sources.items():
        assert contents[name] == path.read_bytes(), name


def test_the_manifest_names_model_version_and_handler(unpacked: Path) -> None:
    manifest = json.loads((unpacked / "MAR-INF" / "MANIFEST.json").read_text())
    card = json.loads((unpacked / "card.json").read_text())

    assert manifest["model"] == {
        "modelName": "melanoma",
        "modelVersion": card["model_version"],
        "serializedFile": "model.pt",
        "handler": "melanoma_handler.py",
        "configFile": "model-config.yaml",
    }


def test_the_configuration_is_read_by_torchserve_and_batches(unpacked: Path) -> None:
    configured = yaml.safe_load((unpacked / "model-config.yaml").read_text())

    assert set(configured) == {
        "minWorkers",
        "maxWorkers",
        "batchSize",
        "maxBatchDelay",
        "responseTimeout",
    }
    assert configured["batchSize"] > 1
    assert configured["minWorkers"] == configured["maxWorkers"] == 1


def test_thumbnails_are_packed_where_training_made_them(model_folder: Path, tmp_path: Path) -> None:
    (model_folder / FILE).write_text("{}", encoding="utf-8")

    packed = archive.archive(model_folder, tmp_path / "store")

    with zipfile.ZipFile(packed) as opened:
        assert opened.read(FILE) == b"{}"


def test_archive_is_replaced_atomically(model_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "new" / "store"
    first = archive.archive(model_folder, store)
    assert first == store / "melanoma.mar"
    (model_folder / "model.pt").write_bytes(b"other weights")
    assert archive.archive(model_folder, store) == first

    with zipfile.ZipFile(first) as packed:
        assert packed.read("model.pt") == b"other weights"
    assert list(store.iterdir()) == [first]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_former_archive_and_no_rubbish(
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    def fail(config: archive.ModelArchiverConfig) -> None:
        (Path(config.export_path) / "melanoma.mar").write_bytes(b"half of it")
        raise error

    monkeypatch.setattr(archive.ModelArchiver, "generate_model_archive", fail)
    (tmp_path / "melanoma.mar").write_bytes(b"former")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(error):
        archive.archive(model_folder, tmp_path)
    assert (tmp_path / "melanoma.mar").read_bytes() == b"former"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", archive.TRAINED)
def test_without_a_trained_model_it_says_how_to_get_one(
    model_folder: Path, tmp_path: Path, name: str
) -> None:
    (model_folder / name).unlink()

    with pytest.raises(NothingToArchiveError) as raised:
        archive.archive(model_folder, tmp_path / "store")
    assert str(raised.value) == f"{name} missing in {model_folder}: train first (`make train`)"
    assert not (tmp_path / "store").exists()


def test_a_folder_that_is_not_there_lists_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NothingToArchiveError, match=r"model\.pt, model\.pt2, card\.json"):
        archive.archive(tmp_path / "none", tmp_path / "store")


def test_a_folder_of_the_same_name_among_temporary_files_is_left_alone(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    photographs = tmp_path / "tmp" / "melanoma"
    photographs.mkdir(parents=True)
    (photographs / "mine.jpg").write_bytes(b"the only copy")

    # torch-model-archiver empties $TMPDIR/melanoma and works in it.
    archive.archive(model_folder, tmp_path / "store")
    assert (photographs / "mine.jpg").read_bytes() == b"the only copy"
    assert tempfile.gettempdir() == str(tmp_path / "tmp")


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "a,b",
    ],
)
def test_any_name_of_a_folder_will_do(model_folder: Path, tmp_path: Path, name: str) -> None:
    packed = archive.archive(model_folder, tmp_path / name)

    with zipfile.ZipFile(packed) as opened:
        assert {"card.json", "handlers/service.py"} <= set(opened.namelist())
