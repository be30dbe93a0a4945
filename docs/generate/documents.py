"""The page of the JSON documents, and their JSON Schema, from the types that the code uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, create_model

from handlers.card import Card
from handlers.drift import Baseline
from training.evaluation.documents import ModelReport, ScoreReport
from training.evaluation.explanations.documents import ExplanationReport
from training.leaks import NearDuplicates
from training.summary import Summary

DOCUMENTS: Final = {
    "card.json": Card,
    "baseline.json": Baseline,
    "summary.json": Summary,
    "near_duplicates.json": NearDuplicates,
    "metrics.json": ModelReport,
    "explanations.json": ExplanationReport,
    "scored.json": ScoreReport,
}
"""Files and the types of their documents, in the order of the page."""
SCHEMA: Final = "documents.schema.json"


@cache
def model() -> type[BaseModel]:
    """Model of an object with the documents by the name of their file; it takes no other entry."""
    config = ConfigDict(use_attribute_docstrings=True, extra="forbid", title="LesionLens")
    fields: dict[str, Any] = {name: (kind, None) for name, kind in DOCUMENTS.items()}
    return create_model("Documents", __config__=config, **fields)


def text() -> str:
    """The schema as the text of its file."""
    return json.dumps(model().model_json_schema(), indent=1) + "\n"


def page() -> str:
    """The page in Markdown."""
    parts = [
        "# JSON documents\n",
        "What the files of a training, of its archive and of the reports hold. This page and the "
        f"[JSON Schema]({SCHEMA}) are written from the types in the code when the site is built; "
        "a test checks files against them. [The archive](archive.md) says what serving needs of "
        "`card.json` and `baseline.json`.\n",
    ]
    schema = model().model_json_schema()
    files = {one["$ref"]: name for name, one in schema["properties"].items()}
    for name, kind in schema["$defs"].items():
        file = files.get(f"#/$defs/{name}")
        described = " ".join(kind.get("description", "").replace("``", "`").split())
        parts += [
            f"## {f'{file}: ' if file else ''}{name} {{ #{name.lower()} }}\n",
            f"{described}\n",
            "| entry | type | |",
            "| --- | --- | --- |",
            *_rows(kind),
            "",
        ]
    return "\n".join(parts)


def _rows(kind: dict[str, Any]) -> Iterator[str]:
    required = kind.get("required", ())
    for name, entry in kind["properties"].items():
        meaning = " ".join(entry.get("description", "").replace("``", "`").split())
        optional = "" if name in required else " (optional)"
        yield f"| `{name}` | {_type(entry)}{optional} | {meaning.replace('|', chr(92) + '|')} |"


def _type(entry: dict[str, Any]) -> Any:
    """Describe the type of an entry, with links to the types of the page."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in entry:
        return " or ".join(map(_type, entry["anyOf"]))
    if "prefixItems" in entry:
        return f"list of {', '.join(map(_type, entry['prefixItems']))}"
    if entry.get("type") == "array":
        return f"list of {_type(entry['items'])}"
    values = entry.get("additionalProperties")
    return (
        f"object of {_type(values)}" if isinstance(values, dict) else str(entry.get("type", "any"))
    )
