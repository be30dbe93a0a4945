"""Options of the form: attribution methods, and sample pictures to try the page with.

The costs of the methods are those that ``make benchmark NAME=explaining`` measured;
``methods.json`` is written with the tables of the documentation. The samples are synthetic, drawn
by `make samples`; they may be missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO, Final

from web.errors import PageError

_HERE: Final = Path(__file__).resolve().parent

SECONDS: Final[dict[str, float]] = json.loads((_HERE / "methods.json").read_text(encoding="utf-8"))
"""Seconds of a served explanation by each method, the default first."""

DEFAULT: Final = next(iter(SECONDS))
QUICK: Final = 0.2
"""Seconds up to which a delay is not noticed."""

IMPRESSIONS: Final = ("harmless", "unsure", "cancer")
"""What a person may think of a photograph before the model answers."""

SAMPLES: Final = _HERE / "static" / "samples"


def sample_names() -> list[str]:
    """Return the names of the files in ``static/samples``."""
    return sorted(path.name for path in SAMPLES.glob("*.jpg"))


def open_sample(name: str) -> BinaryIO:
    """Open the sample of that name; raises PageError if there is none."""
    if name not in sample_names():
        raise PageError("no_file")
    return (SAMPLES / name).open("rb")
