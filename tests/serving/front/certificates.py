"""Certificates for tests."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from serving.front.access.certificate import make


@cache
def pair(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Create certificate and key in a folder."""
    return make([name, "127.0.0.1"], folder / name)


def install(pair: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Install a certificate and key atomically where a server reads them."""
    placed = folder / "certificate.pem", folder / "key.pem"
    for source, target in zip(pair, placed, strict=True):
        new = target.with_suffix(".new")
        new.write_bytes(source.read_bytes())
        os.replace(new, target)
    return placed
