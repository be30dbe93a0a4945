"""Make ``melanoma.mar``: model, handlers, card and drift baseline, with torch-model-archiver."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from model_archiver import ModelArchiver, ModelArchiverConfig

import handlers
from handlers import similar_cases, variants
from training.console import RunLog
from training.errors import TrainingError
from training.files import atomic_write, write_json
from training.settings import TrainingSettings

NAME: Final = "melanoma"
TRAINED: Final = ("model.pt", variants.PROGRAM, "card.json", "baseline.json")
MODEL_CONFIG: Final = """\
# One worker takes whatever waits. A lone client waits a millisecond, the least there is: TorchServe
# takes 0 for 100, and where it can be forced on it (model_snapshot), no batch holds more than two.
minWorkers: 1
maxWorkers: 1
batchSize: 32
maxBatchDelay: 1
responseTimeout: 60
"""


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Set TMPDIR for the archiver, which works in TMPDIR/<model name> without a lock."""
    before = tempfile.tempdir
    tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = before


class NothingToArchiveError(TrainingError):
    """There is no trained model; the message says how to get one."""


def pack(settings: TrainingSettings, log: RunLog) -> Path:
    """Archive the trained model."""
    with log.step("archive"):
        path = archive(settings.model_folder, settings.archive)
    log.say(f"archive: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    written = settings.build / "summary.json"
    if written.is_file():
        document = json.loads(written.read_text(encoding="utf-8"))
        document["seconds"] |= log.seconds
        write_json(written, document)
    return path


def archive(model_folder: Path, store: Path) -> Path:
    """Package a trained model; the file is replaced atomically.

    The modules of ``handlers/`` are included as the package they are, so the archive needs nothing
    else of this repository.

    Args:
        model_folder: holds the files of a training.
        store: TorchServe's model store.

    Returns:
        The path of the archive.

    Raises:
        NothingToArchiveError: a file of the trained model is missing.
    """
    missing = [name for name in TRAINED if not (model_folder / name).is_file()]
    if missing:
        raise NothingToArchiveError(
            f"{', '.join(missing)} missing in {model_folder}: train first (`make train`)"
        )
    card = json.loads((model_folder / "card.json").read_text(encoding="utf-8"))
    target = store / f"{NAME}.mar"
    # Not in the store: the archiver interprets commas and brackets in a path.
    with (
        tempfile.TemporaryDirectory(prefix="lesionlens-") as scratch,
        atomic_write(target) as temporary,
    ):
        extra = Path(scratch) / "extra"
        source = Path(handlers.__file__).parent
        shutil.copytree(source, extra / "handlers", ignore=shutil.ignore_patterns("__pycache__"))
        for path in [model_folder / name for name in TRAINED[1:]] + _backends(model_folder):
            shutil.copy2(path, extra / path.name)
        if (model_folder / similar_cases.FILE).is_file():  # only where its owner chose so
            shutil.copy2(model_folder / similar_cases.FILE, extra)
        if (model_folder / variants.FOLDER).is_dir():
            shutil.copytree(model_folder / variants.FOLDER, extra / variants.FOLDER)
        config = Path(scratch) / "model-config.yaml"
        config.write_text(MODEL_CONFIG, encoding="utf-8")
        settings = ModelArchiverConfig(
            model_name=NAME,
            version=card["model_version"],
            handler=str(source / "melanoma_handler.py"),
            serialized_file=str(shutil.copy2(model_folder / "model.pt", scratch)),
            extra_files=str(extra),
            config_file=str(config),
            export_path=scratch,
        )
        with _temporary_files_in(scratch):
            ModelArchiver.generate_model_archive(settings)
        shutil.copyfile(Path(scratch) / f"{NAME}.mar", temporary)
    return target


def _backends(model_folder: Path) -> list[Path]:
    """Return the files of the backends that may serve: training leaves no others."""
    return sorted(
        path for path in model_folder.glob("openvino*") if path.suffix in variants.OPENVINO_SUFFIXES
    )
