"""Parse KServe V1 and raw request bodies and write JSON answers, independent of any server.

V1 (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol) sends
``{"instances": [...]}``; the raw routes send one image file as the body.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from handlers.groups import stated
from handlers.structure import WHOLE, Box

Verb = Literal["predict", "explain"]

EXPECTED: Final = '{"instances": [{"data": "<base64 of a JPEG, PNG or WebP file>"}]}'
ANSWERS: Final[dict[Verb, str]] = {"predict": "predictions", "explain": "explanations"}


class RequestError(Exception):
    """The request cannot be answered: an HTTP status and a message for the client.

    Args:
        retry_after: seconds after which the same request may be answered, where it may.
    """

    def __init__(self, message: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True)
class RawRequest:
    """One request as the server received it."""

    body: bytes
    verb: Verb
    content_type: str = ""
    """Type of the body; a JSON body is recognised without it."""
    method: str | None = None
    """The header ``x-method``, for all instances that do not name their own."""
    target: str | None = None
    """The header ``x-target``, likewise."""
    box: str | None = None
    """The header ``x-box``, likewise: four numbers and commas."""
    receipt: str | None = None
    """The header ``x-receipt``, likewise: ``true`` or ``false``."""
    groups: str | None = None
    """The header ``x-groups``, likewise: ``site=north;skin_type=II``."""
    probe: bool = False
    """Whether it is a health probe of the server itself, which metrics do not count."""


@dataclass(frozen=True)
class Instance:
    """One photograph of a request, its part, and how to explain it (None: the default)."""

    image: bytes
    method: str | None = None
    target: str | None = None
    box: Box = WHOLE
    groups: Any = None
    """As the request has them, unchecked."""
    receipt: bool = False
    """Whether the answer is to carry a receipt."""


@dataclass(frozen=True)
class Request:
    """A parsed request. ``enveloped`` distinguishes V1 (a list in, a list out) from raw."""

    verb: Verb
    instances: tuple[Instance, ...]
    enveloped: bool

    def where(self, index: int, message: str) -> str:
        """Prefix a message with the instance that it is about, counted from 0."""
        return f"instance {index}: {message}" if self.enveloped else message


def parse(raw: RawRequest, *, max_instances: int = 16, max_body_bytes: int = 20_000_000) -> Request:
    """Read one request body.

    Args:
        raw: as it came over the wire.
        max_instances: photographs that one request may hold.
        max_body_bytes: bytes that a body may have.

    Raises:
        RequestError: with 400, or 413 for a body that is too large.
    """
    body = raw.body
    if len(body) > max_body_bytes:
        raise RequestError(
            f"the body is {len(body) / 1e6:.1f} MB; at most {max_body_bytes / 1e6:g} MB are "
            "accepted: send fewer or smaller photographs",
            status=413,
        )
    if not body.strip():
        raise RequestError(f"the body is empty: send an image file, or {EXPECTED}")
    if "json" not in raw.content_type.lower() and body.lstrip()[:1] not in (b"{", b"["):
        return Request(raw.verb, (_default(raw, body),), enveloped=False)
    rows, default = _instances(body), _default(raw)
    if len(rows) > max_instances:
        raise RequestError(
            f"{len(rows)} instances; at most {max_instances} are accepted in one request: "
            "split them over several"
        )
    instances = tuple(_instance(row, index, default) for index, row in enumerate(rows))
    return Request(raw.verb, instances, enveloped=True)


def answer(request: Request, results: Sequence[Mapping[str, object]]) -> str:
    """Return the JSON body of a successful answer: one object for raw, a list for V1.

    Raises ValueError if a number is not finite, which JSON cannot express.
    """
    document = {ANSWERS[request.verb]: list(results)} if request.enveloped else results[0]
    return json.dumps(document, allow_nan=False)


def error(message: str) -> str:
    """Return the JSON body of an error."""
    return json.dumps({"error": message})


def _instances(body: bytes) -> list[Any]:
    try:
        document = json.loads(body)
    except UnicodeDecodeError:
        raise RequestError(f"the body is not JSON (not UTF-8 text): expected {EXPECTED}") from None
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno} column {problem.colno}"
        raise RequestError(
            f"the body is not valid JSON: {problem.msg} at {place}; expected {EXPECTED}"
        ) from None
    except (RecursionError, ValueError):  # excessive nesting, or a number of thousands of digits
        raise RequestError(f"the JSON cannot be read: expected {EXPECTED}") from None
    if not isinstance(document, dict) or "instances" not in document:
        raise RequestError(f'no "instances" in the body: expected {EXPECTED}')
    rows = document["instances"]
    if not isinstance(rows, list):
        raise RequestError(f'"instances" is {_kind(rows)}, not a list: expected {EXPECTED}')
    if not rows:
        raise RequestError(f'"instances" is an empty list: expected {EXPECTED}')
    return rows


def _default(raw: RawRequest, image: bytes = b"") -> Instance:
    """Return a photograph with the options that stand in headers."""
    options = raw.method, raw.target, _default_box(raw), _default_groups(raw)
    return Instance(image, *options, _default_receipt(raw))


def _default_groups(raw: RawRequest) -> dict[str, str] | None:
    try:
        return None if raw.groups is None else stated(raw.groups)
    except ValueError as problem:
        raise RequestError(f"x-groups: {problem}") from None


def _default_box(raw: RawRequest) -> Box:
    try:
        return WHOLE if raw.box is None else Box.parse(raw.box)
    except ValueError as problem:
        raise RequestError(f"x-box: {problem}") from None


def _default_receipt(raw: RawRequest) -> bool:
    if raw.receipt not in (None, "true", "false"):
        raise RequestError("x-receipt: neither true nor false")
    return raw.receipt == "true"


def _instance(row: Any, index: int, default: Instance) -> Instance:
    options = {"method": default.method, "target": default.target}
    text, box, own, receipt = row, default.box, default.groups, default.receipt
    if isinstance(row, dict):
        if row.get("groups") is not None:
            own = row["groups"]
        for name in options:
            if row.get(name) is None:
                continue
            if not isinstance(row[name], str):
                raise RequestError(f'instance {index}: "{name}" is {_kind(row[name])}, not a text')
            options[name] = row[name]
        if row.get("box") is not None:
            try:
                box = Box.of(row["box"])
            except ValueError as problem:
                raise RequestError(f"instance {index}: {problem}") from None
        if row.get("receipt") is not None:
            receipt = row["receipt"]
            if not isinstance(receipt, bool):
                raise RequestError(
                    f'instance {index}: "receipt" is {_kind(receipt)}, not true or false'
                )
        text = row.get("data", row.get("b64"))
        if text is None and isinstance(row.get("image"), dict):
            text = row["image"].get("b64")
    if not isinstance(text, str):
        raise RequestError(
            f'instance {index}: no image in it; expected {{"data": "<base64>"}}, '
            f'{{"b64": "<base64>"}}, {{"image": {{"b64": "<base64>"}}}} or the bare base64 text'
        )
    image = _base64(text, index)
    return Instance(image, options["method"], options["target"], box, own, receipt)


def _base64(text: str, index: int) -> bytes:
    if text.startswith("data:"):  # a browser's data URL
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise RequestError(
            f"instance {index}: not valid base64: encode the bytes of the image file, unchanged"
        ) from None
    if not data:
        raise RequestError(f"instance {index}: the image is empty (0 bytes)")
    return data


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
