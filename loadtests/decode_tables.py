"""Tables of decoding costs, from the committed result."""

from __future__ import annotations

from typing import Any


def rows_table(document: dict[str, Any]) -> str:
    """Table of every hostile file and body."""
    rows = [
        f"| {name} | {row['bytes']:,} | {row['seconds']:.3f} | {row['times']:.2f} "
        f"| {row['peak_mb']:.0f} | {row['times_memory']:.2f} | {row['outcome']} |"
        for name, row in document["rows"].items()
    ]
    most = (
        f"| **at most** | | | **{document['most']:.2f}** | | **{document['most_memory']:.2f}** | |"
    )
    head = "| request | bytes | CPU, s | times | peak memory, MB | times | outcome |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- |", *rows, most])


def child_table(document: dict[str, Any]) -> str:
    """Table of ways to limit the decoding cost of a phone's photograph."""
    child = document["child"]
    here = child["here_ms"]
    rows = [
        f"| in the worker, bounded by structure | {here:.1f} | {child['structure_ms']:.1f} "
        "of it for the structure |",
        f"| in a child process that is kept | {child['kept_child_ms']:.1f} "
        f"| {child['kept_child_ms'] - here:+.1f} |",
        f"| in a child process a photograph | {child['fresh_child_ms']:.1f} "
        f"| {child['fresh_child_ms'] - here:+.1f} |",
    ]
    head = "| a 12-megapixel photograph, decoded | ms, median | |"
    return "\n".join([head, "| --- | --- | --- |", *rows])
