"""Build requests like clients."""

from __future__ import annotations

import base64
from typing import Any

PREDICT = "/v1/models/melanoma:predict"
EXPLAIN = "/v1/models/melanoma:explain"
OUTCOME = "/v1/models/melanoma:outcome"
RAW_PREDICT = "/predictions/melanoma"
RAW_EXPLAIN = "/explanations/melanoma"


def base64_of(data: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(data).decode("ascii")


def instances(*images: bytes, **options: Any) -> dict[str, Any]:
    """V1 body; the options apply to every instance."""
    return {"instances": [{"data": base64_of(image), **options} for image in images]}
