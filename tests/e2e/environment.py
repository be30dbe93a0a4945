"""Folder of the checkout, and an environment for processes that tests start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment without the user's settings."""
    return {name: text for name, text in environment.items() if not name.startswith("LESIONLENS_")}
