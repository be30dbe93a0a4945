"""Where the checkout is, and an environment for what the tests start from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without a user's settings."""
    return {name: text for name, text in environment.items() if not name.startswith("LESIONLENS_")}
