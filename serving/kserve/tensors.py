"""Requests of the Open Inference Protocol (V2): photographs as a tensor of BYTES.

KServe's own parser of binary tensors decodes BYTES as UTF-8 (kserve 0.21,
``InferRequest.from_bytes``), which a photograph is not, and quotes them in its error: so bodies are
parsed here.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from serving.front.media import OPTIONS
from serving.kserve.library import InferInput, InferRequest, RequestedOutput, to_http_parameters
from serving.kserve.outputs import EXPLANATION, PREDICTION

NAME: Final = "image"
INPUTS: Final[list[dict[str, Any]]] = [{"name": NAME, "datatype": "BYTES", "shape": [-1]}]
EXPECTED: Final = (
    '{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["<base64 of a JPEG, '
    'PNG or WebP file>"]}]}'
)
MAX_DIGITS: Final = 20
"""Maximum digits of a header that is a number."""

MAX_DEPTH: Final = 4
"""Maximum dimensions, and nesting of lists; a tensor of photographs has one dimension."""
MAX_VALUES: Final = 10_000
"""Maximum values of a request, photographs and all: the server's only thread reads them, and
millions of empty ones, which fit into a body, would hold up every other request for seconds."""
TOO_MANY: Final = f"the request has more than {MAX_VALUES} values: send fewer photographs at once"


class TensorError(ValueError):
    """The request is not valid for V2 or for this model; the message does not quote it."""


@dataclass(frozen=True)
class ServiceRequest:
    """A V2 request in the form of the service."""

    verb: str
    body: bytes
    is_json: bool
    """Whether the body is JSON of V1; otherwise it is one image file."""

    method: str | None
    target: str | None

    box: str | None
    receipt: str | None
    groups: str | None


def parse(body: bytes, json_bytes: str = "") -> InferRequest:
    """Read the body of a REST request.

    Args:
        body: JSON, and binary tensors after it.
        json_bytes: the header ``Inference-Header-Content-Length``; empty where all is JSON.

    Raises:
        TensorError: it is not V2.
    """
    size = len(body)
    if json_bytes:
        digits = json_bytes.isascii() and json_bytes.isdigit() and len(json_bytes) <= MAX_DIGITS
        if not digits or int(json_bytes) > size:
            raise TensorError(
                "Inference-Header-Content-Length is not the length of the JSON in the body"
            )
        size = int(json_bytes)
    document = _document(body[:size])
    binary = body[size:]
    inputs = []
    for tensor in document["inputs"]:
        converted = _input(tensor)
        if converted.data is None:
            count: Any = (converted.parameters or {}).get("binary_data_size")
            if not _is_count(count) or count > len(binary):
                raise TensorError('an input without "data" needs "binary_data_size" bytes after it')
            converted._raw_data, binary = binary[:count], binary[count:]
        inputs.append(converted)
    if binary:
        raise TensorError("there are more bytes after the JSON than its inputs name")
    return InferRequest(
        model_name="melanoma",
        infer_inputs=inputs,
        request_id=document.get("id"),
        parameters=document.get("parameters"),
        request_outputs=_outputs(document.get("outputs")),
    )


def service_request(request: InferRequest) -> ServiceRequest:
    """Convert a V2 request to one of the service.

    Args:
        request: of REST, from :func:`parse`, or of gRPC.

    Raises:
        TensorError: the model does not accept it.
    """
    if len(request.inputs) != 1:
        raise TensorError(f"{len(request.inputs)} inputs; one tensor of photographs is taken")
    [tensor] = request.inputs
    if tensor.datatype != "BYTES":
        raise TensorError(f"the input's datatype is not BYTES: expected {EXPECTED}")
    if tensor._raw_data is not None:
        photographs: list[Any] = list(_elements(tensor._raw_data))
    else:
        photographs = tensor.data or []
    if not photographs:
        raise TensorError("the input is empty: send one photograph or more")
    if len(tensor.shape) > MAX_DEPTH or math.prod(tensor.shape) != len(photographs):
        raise TensorError(
            f"the input's shape does not fit its data, which has {len(photographs)} elements"
        )
    options = _options(request)
    verb = "explain" if options["method"] or options["target"] else "predict"
    requested = {output.name for output in request.request_outputs or ()}
    existing = PREDICTION.keys() | (EXPLANATION.keys() if verb == "explain" else ())
    if options["receipt"] != "true":
        existing -= {"receipt"}
    if requested - existing:
        raise TensorError(
            "an output is requested that does not exist: those of an explanation need "
            "`parameters.method`, a receipt `parameters.receipt`; a prediction's are "
            f"{', '.join(PREDICTION)}"
        )
    if len(photographs) == 1 and isinstance(photographs[0], bytes):
        return ServiceRequest(verb, photographs[0], is_json=False, **options)
    texts = [
        base64.b64encode(data).decode("ascii") if isinstance(data, bytes) else data
        for data in photographs
    ]
    return ServiceRequest(verb, json.dumps({"instances": texts}).encode(), is_json=True, **options)


def _document(text: bytes) -> dict[str, Any]:
    # Every value but the first comes after one of these, in any encoding; base64 has none of them.
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise TensorError(TOO_MANY)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise TensorError(f"the body is not valid JSON: expected {EXPECTED}") from None
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise TensorError(f'no "inputs" in the body: expected {EXPECTED}')
    for name, kind in (("id", str), ("parameters", dict)):
        if not isinstance(document.get(name), kind | None):
            raise TensorError(f'"{name}" is not of the type that the protocol has')
    if not _is_unicode(document.get("id") or ""):
        raise TensorError('"id" is not valid Unicode')
    return document  # type: ignore[no-any-return]


def _input(tensor: Any) -> InferInput:
    fields = tensor if isinstance(tensor, dict) else {}
    shape, data = fields.get("shape"), fields.get("data")
    parameters = fields.get("parameters")
    named = all(isinstance(fields.get(name), str) for name in ("name", "datatype"))
    shaped = isinstance(shape, list) and shape and all(_is_count(side) for side in shape)
    if not named or not shaped or not isinstance(parameters, dict | None):
        raise TensorError(f"an input lacks its name, datatype or shape: expected {EXPECTED}")
    if data is not None:
        data = list(_flat(data))
        if not all(isinstance(element, str) for element in data):
            raise TensorError(f"an element of an input is not base64 text: expected {EXPECTED}")
    return InferInput(fields["name"], shape, fields["datatype"], data, parameters)


def _outputs(requested: Any) -> list[RequestedOutput] | None:
    if requested is None:
        return None
    known = PREDICTION | EXPLANATION
    rows: list[Any] = requested if isinstance(requested, list) else [None]
    for row in rows:
        if not isinstance(row, dict) or row.get("name") not in known:
            raise TensorError(f"an output is requested that does not exist: {', '.join(known)}")
        if not isinstance(row.get("parameters"), dict | None):
            raise TensorError('"parameters" of an output is not an object')
    return [RequestedOutput(row["name"], row.get("parameters")) for row in rows] or None


def _options(request: InferRequest) -> dict[str, str | None]:
    parameters = to_http_parameters(request.parameters) if request.parameters else {}
    options: dict[str, str | None] = {}
    for name, most in OPTIONS.items():
        value = parameters.get(name)
        if name == "receipt" and isinstance(value, bool):
            value = str(value).lower()
        text = isinstance(value, str) and value.isascii() and value.isprintable()
        if value is not None and not (text and 0 < len(value) <= most):
            raise TensorError(f"the parameter {name} is not a text of at most {most} characters")
        options[name] = value
    return options


def _elements(raw: bytes) -> Iterator[bytes]:
    """Yield the elements of a binary tensor of BYTES, each preceded by its length."""
    start = count = 0
    while start < len(raw):
        count += 1
        if count > MAX_VALUES:
            raise TensorError(TOO_MANY)
        if start + 4 > len(raw):
            raise TensorError("a binary tensor is cut off")
        [length] = struct.unpack_from("<I", raw, start)
        start += 4
        if start + length > len(raw):
            raise TensorError("a binary tensor is cut off")
        yield raw[start : start + length]
        start += length


def _flat(data: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the elements of a tensor, whose JSON may be nested by its shape."""
    if not isinstance(data, list) or depth > MAX_DEPTH:
        raise TensorError(f'"data" of an input is not a list: expected {EXPECTED}')
    for element in data:
        if isinstance(element, list):
            yield from _flat(element, depth + 1)
        else:
            yield element


def _is_unicode(text: str) -> bool:
    """Whether a text can be sent back: JSON may escape half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
