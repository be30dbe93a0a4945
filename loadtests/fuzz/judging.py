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
    frozenset({"status"}),
    frozenset({"status", "reason"}),
)
"""Keys of the JSON object of an answer that is not a single result."""

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
    if response.headers.get("content-type", "") != "application/json":
        return "the answer is not JSON by its content type"
    if method == "HEAD":
        return ""
    if response.status == 503 and "retry-after" not in response.headers:
        document = response.document
        if not isinstance(document, dict) or "error" in document:
            return "503 without Retry-After"
    return _problem_of_document(response)


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
    return "" if names in _SHAPES or _is_result(document) else "an answer of an unknown shape"


def _is_result(row: Any) -> bool:
    return isinstance(row, dict) and set(row) >= _RESULT and 0 <= row["probability"] <= 1
