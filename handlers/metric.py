"""What a metric is declared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

VERSION: Final = "model_version"
"""Name of the label that the recorder fills in; always the last label of a metric."""


@dataclass(frozen=True)
class Metric:
    """One metric family."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Upper edges of a histogram's, ascending, in its unit."""
