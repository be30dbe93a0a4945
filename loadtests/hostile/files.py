"""Every hostile file by name; deterministic."""

from __future__ import annotations

from collections.abc import Callable

from loadtests.hostile import jpegs, pngs, webps
from loadtests.hostile.jpegs import phone_photograph

__all__ = ["hostile_files", "makers", "phone_photograph"]


def makers() -> dict[str, Callable[[], bytes]]:
    """Return functions that make each file, by name; together hundreds of megabytes."""
    return jpegs.files() | pngs.files() | webps.files()


def hostile_files() -> dict[str, bytes]:
    """Make every hostile file, by name; takes seconds, and hundreds of megabytes."""
    return {name: make() for name, make in makers().items()}
