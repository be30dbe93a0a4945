"""The attribution methods that a visitor may choose, and how long each takes.

``make benchmark NAME=explaining`` measured the costs; ``methods.json`` is written with the tables
of the documentation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).resolve().parent / "methods.json"

SECONDS: Final[dict[str, float]] = json.loads(_FILE.read_text(encoding="utf-8"))
"""Seconds of a served explanation by each method, the default first."""

DEFAULT: Final = next(iter(SECONDS))
QUICK: Final = 0.2
"""Seconds up to which a delay is not noticed."""
