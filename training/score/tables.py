"""Read a table of photographs: CSV or Parquet with ``path``, perhaps ``id`` and ``box``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import fsspec
import pyarrow as pa
from pyarrow import csv, parquet

from handlers.structure.box import WHOLE, Box
from training.score.errors import ScoreError
from training.score.items import Item

SUFFIXES: Final = (".csv", ".parquet")
OPTIONAL: Final = ("id", "box")
"""Columns that a table may have besides ``path``."""
ROWS: Final = 4096
"""Rows of a Parquet file that are read at a time."""


def items(source: str) -> Iterator[Item]:
    """Yield the photographs that a table lists, in its order.

    Relative paths start at the folder of the table.

    Args:
        source: path or address of the table.

    Raises:
        ScoreError: the table is damaged, or has no column ``path``.
    """
    folder = source.rpartition("/")[0]
    for batch in batches(source):
        yield from _items(batch, source, folder)


def batches(source: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV or Parquet file, some at a time.

    Raises:
        ScoreError: the table is damaged.
        OSError: there is none.
    """
    files, path = fsspec.url_to_fs(source)
    try:
        with files.open(path, "rb") as stream:
            yield from _batches(stream, PurePosixPath(source).suffix.lower())
    except pa.ArrowInvalid as error:
        raise ScoreError(f"{source} is not a table that can be read: {error}") from error


def _batches(stream: Any, suffix: str) -> Iterator[pa.RecordBatch]:
    if suffix == ".parquet":
        yield from parquet.ParquetFile(stream).iter_batches(ROWS)
    else:
        texts = dict.fromkeys(("path", *OPTIONAL), pa.string())
        yield from csv.open_csv(stream, convert_options=csv.ConvertOptions(column_types=texts))


def _items(batch: pa.RecordBatch, source: str, folder: str) -> Iterator[Item]:
    if "path" not in batch.schema.names:
        raise ScoreError(f"{source} has no column 'path'; it has: {', '.join(batch.schema.names)}")
    paths = batch["path"].to_pylist()
    ids, boxes = (
        batch[name].to_pylist() if name in batch.schema.names else [None] * len(paths)
        for name in OPTIONAL
    )
    for name, identifier, box in zip(paths, ids, boxes, strict=True):
        text = "" if identifier is None else str(identifier)
        if not name:
            yield Item("", source, id=text, error="the table names no path")
            continue
        absolute = "://" in name or name.startswith("/") or not folder
        item = Item(str(name), str(name) if absolute else f"{folder}/{name}", id=text)
        try:
            yield item._replace(box=_box(box))
        except ValueError as error:
            yield item._replace(error=str(error))


def _box(value: Any) -> Box:
    """Read a cell: a list of numbers, or a text with commas; empty means the whole photograph."""
    if value is None or value == "":
        return WHOLE
    return Box.parse(value) if isinstance(value, str) else Box.of(value)
