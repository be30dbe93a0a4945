"""Rows of the output: their columns, and the table that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa

from handlers.drift import STATISTICS

FILE: Final = (
    pa.field("path", pa.string(), nullable=False),
    pa.field("id", pa.string()),
    pa.field("sha256", pa.string()),
    pa.field("requested_box", pa.string()),
    pa.field("error", pa.string()),
)
"""Columns of the file itself; ``requested_box`` is null where the whole photograph was scored,
``error`` for one that was."""
ANSWER: Final = (
    pa.field("label", pa.string()),
    pa.field("probability", pa.float64()),
    pa.field("threshold", pa.float64()),
    pa.field("review", pa.bool_()),
    pa.field("reasons", pa.list_(pa.string())),
    pa.field("model_version", pa.string()),
    pa.field("variant", pa.string()),
    pa.field("box", pa.list_(pa.float64())),
    pa.field("risk", pa.float64()),
    pa.field("prevalence", pa.float64()),
)
"""Fields of an answer of the service, with its names."""
MEASURED: Final = tuple(pa.field(name, pa.float64()) for name in (*STATISTICS, "distance"))
"""Drift features and image quality; with ``probability`` all that the service measures."""
EXPLANATION: Final = (
    pa.field("method", pa.string()),
    pa.field("target", pa.string()),
    pa.field("scale", pa.float64()),
    pa.field("convergence_delta", pa.float64()),
    pa.field("lesion_mass", pa.float64()),
    pa.field("heatmap", pa.string()),
    pa.field("overlay", pa.string()),
)
"""Of an explanation; the last two are file names in the folder of the heat maps."""
FEATURES: Final = pa.field("features", pa.list_(pa.float32()))


class Scored(NamedTuple):
    """Result for one photograph, as a worker hands it over."""

    sha256: str = ""
    """Of the file; empty where it could not be read."""
    error: str = ""
    """Why it could not be read; what is wrong with its content is in ``answer``."""
    answer: Mapping[str, Any] | None = None
    """Columns from :data:`ANSWER` on, or ``error``; None where the answer was known before."""
    features: bytes | None = None
    """float32, as bytes."""
    key: str = ""
    """From :func:`training.score.items.answer_key`; empty where the file could not be read."""


def schema(features: bool, explained: bool) -> pa.Schema:
    """Return the columns of the output.

    Args:
        features: whether the features are kept.
        explained: whether there are explanations.
    """
    optional = (*(EXPLANATION if explained else ()), *([FEATURES] if features else []))
    return pa.schema([*FILE, *ANSWER, *MEASURED, *optional])


def table(rows: Sequence[Mapping[str, Any]], columns: pa.Schema) -> pa.Table:
    """Make a table of rows; a column that a row lacks is null there."""
    return pa.Table.from_pylist(list(rows), schema=columns)
