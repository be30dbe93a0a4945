"""Colour scale of a map, with its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handlers import rendering
from training.report.explanations.cells import significant
from training.report.explanations.names import title
from training.report.explanations.wording import resolution
from training.report.pictures import compact, data_uri


def bar(signed: bool) -> bytes:
    """Draw a strip of the colours as a PNG file: negative to positive, or zero to large."""
    values = np.linspace(-1.0 if signed else 0.0, 1.0, 255, dtype=np.float32)
    strip = np.repeat(values[None], 12, axis=0)
    return rendering.encode_png(rendering.heatmap(strip, 1.0, signed=signed))


def ends(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the labels below the strip of a map, from left to right."""
    scale = significant(found["scale"])
    return (f"\N{MINUS SIGN}{scale}", "0", f"+{scale}") if found["signed"] else ("0", scale)


def shown(found: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a map in the page's format."""
    return {
        "title": title(method),
        "uri": data_uri(compact(found["overlay"])),
        "ends": ends(found),
        "signed": found["signed"],
        "resolution": resolution(found["shape"]),
    }
