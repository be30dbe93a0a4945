"""Write the output, and read the answers of an earlier one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from handlers.structure.box import WHOLE, Box
from training.files import atomic_write
from training.score import rows
from training.score.errors import ScoreError
from training.score.items import answer_key
from training.score.model import Identity
from training.score.rows import Scored

PARQUET: Final = ".parquet"
SUFFIXES: Final = (PARQUET, ".csv")
GROUP: Final = 4096
"""Rows that are in memory at a time, and of a row group."""
IDENTITY: Final = b"lesionlens"
"""Key of the Parquet file's metadata that has the identity of model and options."""
SOURCE: Final = b"lesionlens.input"
"""Key of the metadata that has the input as it was named."""
_FILE: Final = {column.name for column in rows.FILE}


def check(path: Path, features: bool) -> None:
    """Check that an output can be written; raises ScoreError."""
    if path.suffix not in SUFFIXES:
        raise ScoreError(f"{path}: the output must end in {' or '.join(SUFFIXES)}")
    if features and path.suffix != PARQUET:
        raise ScoreError(f"{path}: features need an output that ends in {PARQUET}")
    if path.is_dir():
        raise ScoreError(f"{path} is a folder: name a file")


def write(path: Path, found: Iterator[dict[str, Any]], identity: Identity, source: str) -> None:
    """Write all rows, whole or not at all; the same rows give the same bytes.

    Args:
        path: of the output; its suffix chooses the format.
        found: rows in their order.
        identity: of model and options.
        source: the input.
    """
    columns = rows.schema(identity.features, bool(identity.method))
    with atomic_write(path) as temporary:
        if path.suffix == PARQUET:
            metadata = {IDENTITY: json.dumps(asdict(identity)), SOURCE: source}
            _parquet(temporary, found, columns.with_metadata(metadata))
        else:
            _csv(temporary, found, columns.names)


def _parquet(path: Path, found: Iterator[dict[str, Any]], columns: pa.Schema) -> None:
    with parquet.ParquetWriter(path, columns, compression="zstd") as writer:
        while group := list(islice(found, GROUP)):
            writer.write_table(rows.table(group, columns))


def _csv(path: Path, found: Iterator[dict[str, Any]], names: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, extrasaction="ignore")
        writer.writeheader()
        for row in found:
            if "reasons" in row:
                row["reasons"] = " ".join(row["reasons"])
                row["review"] = str(row["review"]).lower()
                row["box"] = ",".join(map(repr, row["box"]))
            writer.writerow(row)


def earlier(path: Path, identity: Identity) -> Iterator[list[Scored]]:
    """Yield the answers of an output that exists and has the same identity, in groups.

    A CSV file does not name its model: it has no answers for another run.
    """
    if path.suffix != PARQUET or not path.is_file():
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(parquet.ParquetFile(path))
        except pa.ArrowInvalid:
            return  # some other file, which is replaced
        metadata: Mapping[bytes, bytes] = file.schema_arrow.metadata or {}
        if metadata.get(IDENTITY) != json.dumps(asdict(identity)).encode():
            return
        for batch in file.iter_batches(GROUP):
            yield [_scored(row) for row in batch.to_pylist() if row["sha256"]]


def _scored(row: dict[str, Any]) -> Scored:
    features = row.pop("features", None)
    answer = {
        name: value
        for name, value in row.items()
        if value is not None and (name == "error" or name not in _FILE)
    }
    packed = None if features is None else pa.array(features, pa.float32()).to_numpy().tobytes()
    requested = row.get("requested_box")  # outputs of before have no such column
    key = answer_key(row["sha256"], Box.parse(requested) if requested else WHOLE)
    return Scored(row["sha256"], answer=answer, features=packed, key=key)
