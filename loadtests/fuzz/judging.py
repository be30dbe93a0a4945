"""Check whether an answer is allowed for any request."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from loadtests.attack.wire import Response
from loadtests.fuzz.markers import found_in

_RESULT: Final = frozenset({"label", "probability", "threshold", "review", "model_version"})
_SHAPES: Final = (
    frozenset({"error"}),
    frozenset({"predictions"}),
    frozenset({"explanations"}),
    frozenset({"models"}),
    frozenset({"name", "ready"}),
    frozenset({"ready"}),
    frozenset({"live"}),
    frozenset({"name", "version", "extensions"}),
    frozenset({"name", "versions", "platform", "inputs", "outputs"}),
    frozenset({"status"}),
    frozenset({"status", "reason"}),
)
"""Keys of the JSON object of an answer that is not a single result."""

_TENSORS: Final = frozenset({"model_name", "model_version", "outputs"})
"""Keys of an answer of V2."""
JSON_BYTES: Final = "inference-header-content-length"
"""Header of an answer with binary tensors."""
NAMED: Final = re.compile(rb"unknown (method|target) '[^']{0,40}'")
"""The only client input that an answer may quote: a misspelled name, truncated."""


def problem_of(response: Response, method: str) -> str:
    """Return what is wrong with an answer; empty if nothing is.

    Args:
        response: the answer, status 0 where there was none.
        method: of the request.
    """
    if not response.status:
        return "no answer"
    if response.status >= 500 and response.status not in (501, 503, 505):
        return f"status {response.status}"
    if found_in(NAMED.sub(b"", response.body)) or found_in(repr(response.headers).encode()):
        return "the answer quotes the request"
    binary = JSON_BYTES in response.headers
    if not binary and response.headers.get("content-type", "") != "application/json":
        return "the answer is not JSON by its content type"
    if method == "HEAD":
        return ""
    if binary:
        return _problem_of_tensors(response)
    if response.status == 503 and "retry-after" not in response.headers:
        document = response.document
        if not isinstance(document, dict) or "error" in document:
            return "503 without Retry-After"
    return _problem_of_document(response)


def _problem_of_tensors(response: Response) -> str:
    """Check an answer with binary tensors: their bytes are those after the JSON."""
    size = int(response.headers[JSON_BYTES])
    document = json.loads(response.body[:size])
    binary = [one for one in document["outputs"] if "data" not in one]
    size += sum(one["parameters"]["binary_data_size"] for one in binary)
    fine = _is_tensors(document) and size == len(response.body)
    return "" if fine and response.status == 200 else "tensors of an unknown shape"


def _problem_of_document(response: Response) -> str:
    try:
        document = json.loads(response.body)
    except ValueError:
        return "the answer is not JSON"
    if not isinstance(document, dict):
        return "the answer is not a JSON object"
    names = frozenset(document)
    if response.status >= 400 and "error" not in names and "status" not in names:
        return "an error without a message"
    if names == {"error"}:
        fine = isinstance(document["error"], str) and 0 < len(document["error"]) < 2_000
        return "" if fine and response.status >= 400 else "an error of an unknown shape"
    for name in ("predictions", "explanations"):
        if names == {name}:
            rows = document[name]
            fine = isinstance(rows, list) and bool(rows) and all(map(_is_result, rows))
            return "" if fine else "results of an unknown shape"
    if names in _SHAPES or _is_result(document) or _is_tensors(document):
        return ""
    return "an answer of an unknown shape"


def _is_tensors(document: dict[str, Any]) -> bool:
    outputs = document.get("outputs") or ()
    return (
        document.keys() - {"id", "raw_output_contents"} == _TENSORS
        and bool(outputs)
        and all({"name", "datatype", "shape"} <= one.keys() for one in outputs)
    )


def _is_result(row: Any) -> bool:
    return isinstance(row, dict) and set(row) >= _RESULT and 0 <= row["probability"] <= 1
