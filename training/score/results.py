"""Read an output of scoring: what the reports need of it, as arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, dataset

from training.score.errors import ScoreError
from training.score.output import IDENTITY, SOURCE


@dataclass(frozen=True)
class Scores:
    """The n photographs of an output that have an answer, and the errors of the others."""

    source: str
    """The input, as it was named."""
    identity: dict[str, Any]
    """Archive, model version, variant and options; see :class:`training.score.model.Identity`."""
    table: pa.Table
    """Rows with an answer."""
    unreadable: dict[str, str]
    """Path and error of each other row."""

    def column(self, name: str) -> np.ndarray:
        """Return a column, shape (n,)."""
        return np.asarray(self.table[name].to_numpy())

    def texts(self, name: str) -> list[str]:
        """Return a column of texts; what is missing is empty."""
        return [text or "" for text in self.table[name].to_pylist()]

    @property
    def features(self) -> np.ndarray | None:
        """Features, shape (n, width), where they were kept."""
        if "features" not in self.table.column_names:
            return None
        flat = compute.list_flatten(self.table["features"]).to_numpy()
        return np.asarray(flat.reshape(len(self.table), -1))


def read(path: Path, columns: Sequence[str]) -> Scores:
    """Read an output in Parquet, or a folder of the outputs of all parts.

    Args:
        path: of the file or the folder.
        columns: that are needed; ``path`` and ``error`` are always read, ``features`` if there.

    Raises:
        ScoreError: it is missing, or no output of scoring.
    """
    try:
        found = dataset.dataset(path, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise ScoreError(f"{path} is not an output of `make score` in Parquet: {error}") from error
    metadata = found.schema.metadata or {}
    missing = {"path", "error", *columns} - set(found.schema.names)
    if IDENTITY not in metadata or missing:
        raise ScoreError(f"{path} is not an output of `make score`")
    wanted = ["path", "error", *columns]
    table = found.to_table([*wanted, *({"features"} & set(found.schema.names))])
    answered = compute.is_null(table["error"])
    others = table.filter(compute.invert(answered))
    return Scores(
        source=metadata[SOURCE].decode(),
        identity=json.loads(metadata[IDENTITY]),
        table=table.filter(answered),
        unreadable=dict(zip(others["path"].to_pylist(), others["error"].to_pylist(), strict=True)),
    )
