"""Release on disk, as ``make publish`` writes it."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from serving import release

CONFIG = Path(__file__).resolve().parents[3] / "model_store/config"


def write_release(folder: Path, content: str = "first") -> Path:
    """Write the shipped configuration and a dummy archive."""
    for name in release.CONFIG:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CONFIG / Path(name).name, folder / name)
    (folder / release.ARCHIVE).parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / release.ARCHIVE, "w") as archive:
        archive.writestr(zipfile.ZipInfo("card.json"), content)
    return folder


def add_property(folder: Path, line: str) -> None:
    """Append a line to ``config.properties``."""
    path = folder / "config/config.properties"
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
