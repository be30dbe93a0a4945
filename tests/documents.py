"""Check of a JSON document against the type that the reference page is written from."""

from __future__ import annotations

import json
from typing import Any

from docs.generate import documents


def check(name: str, document: Any) -> None:
    """Raise ``pydantic.ValidationError`` unless a file of this name may hold the document."""
    documents.model().model_validate_json(json.dumps({name: document}), strict=True)
