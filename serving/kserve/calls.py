"""Serve the Open Inference Protocol over gRPC, through the same front as REST.

A call's message stays bytes until the front has checked limits, access and memory: the gRPC library
only bounds its size. Errors become gRPC statuses, with the front's messages.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Scope

from serving.front.messages import FrontRequest, FrontResponse
from serving.front.routes import GRPC, MODEL
from serving.kserve import asgi, tensors
from serving.kserve.library import (
    DataPlane,
    InferenceServicer,
    InferRequest,
    InvalidInput,
    messages,
)
from serving.kserve.model import MAY_EXPLAIN, AnswerError

SERVICE: Final = "inference.GRPCInferenceService"
GRPC_INFER: Final = f"/{SERVICE}/ModelInfer"
STATUSES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}
"""gRPC statuses by HTTP status; any other is INTERNAL."""
FORWARDED: Final = ("authorization", "x-api-key")
"""gRPC metadata forwarded to the front as HTTP headers."""


async def infer_over_grpc(plane: DataPlane, request: FrontRequest) -> FrontResponse:
    """Answer a call whose message the front has accepted.

    Args:
        plane: of the model server.
        request: whose body is a ``ModelInferRequest``.

    Returns:
        A ``ModelInferResponse``, serialized.

    Raises:
        AnswerError: the answer is an error.
    """
    try:
        message = messages.ModelInferRequest.FromString(request.body)
        if _values(message) > tensors.MAX_VALUES:
            raise AnswerError.of(400, tensors.TOO_MANY)
        InferenceServicer.validate_grpc_request(message)
        parsed = InferRequest.from_grpc(message)
    except (DecodeError, InvalidInput):
        raise AnswerError.of(400, "the message is not a ModelInferRequest of this model") from None
    if message.model_name != MODEL:
        raise AnswerError.of(404, f"no such model: there is {MODEL}")
    headers = {MAY_EXPLAIN: str(request.may_explain).lower()}
    response, _ = await plane.infer(MODEL, parsed, headers)
    photographs = response.outputs[0].shape[0]
    content = response.to_grpc().SerializeToString()
    return FrontResponse(200, content, photographs=photographs)


def _values(message: Any) -> int:
    """Count the values of a message before KServe makes lists of them; roughly above the limit."""
    lists = (message.inputs, message.outputs, message.raw_input_contents, message.parameters)
    count = sum(map(len, lists))
    if count <= tensors.MAX_VALUES:
        count += sum(len(output.parameters) for output in message.outputs)
        for tensor in message.inputs:
            count += len(tensor.shape) + len(tensor.parameters)
            count += sum(len(values) for _, values in tensor.contents.ListFields())
    return count


class Calls:
    """Methods of the gRPC service, each of which sends a request to the front.

    Args:
        front: the ASGI application.
    """

    def __init__(self, front: ASGIApp) -> None:
        self._front = front

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the handler for a gRPC server; models cannot be loaded or unloaded."""
        described: dict[str, tuple[str, Callable[[bytes, dict[str, Any]], Any]]] = {
            "ServerLive": ("/v2/health/live", _live),
            "ServerReady": ("/v2/health/ready", _ready),
            "ModelReady": (f"/v2/models/{MODEL}/ready", _model_ready),
            "ServerMetadata": ("/v2", _server_metadata),
            "ModelMetadata": (f"/v2/models/{MODEL}", _model_metadata),
        }
        methods: dict[str, Callable[[bytes, Any], Awaitable[bytes]]] = {
            name: self._description(path, convert) for name, (path, convert) in described.items()
        }
        methods["ModelInfer"] = self._infer
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {name: grpc.unary_unary_rpc_method_handler(call) for name, call in methods.items()},
        )

    async def _infer(self, message: bytes, context: Any) -> bytes:
        status, headers, body = await self._response(GRPC, GRPC_INFER, message, context)
        await _send_metadata(context, headers)
        if status != 200:
            await _abort(context, status, body)
        return body

    def _description(
        self, path: str, convert: Callable[[bytes, dict[str, Any]], Any]
    ) -> Callable[[bytes, Any], Awaitable[bytes]]:
        async def call(message: bytes, context: Any) -> bytes:
            status, headers, body = await self._response("GET", path, b"", context)
            await _send_metadata(context, headers)
            # "Not ready" is an answer here, not an error.
            if status not in (200, 503):
                await _abort(context, status, body)
            try:
                answer = convert(message, json.loads(body))
            except (DecodeError, LookupError):
                await context.abort(grpc.StatusCode.NOT_FOUND, f"no such model: there is {MODEL}")
            return bytes(answer.SerializeToString())

        return call

    async def _response(
        self, method: str, path: str, body: bytes, context: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request to the front; returns status, headers and body of its response."""
        return await asgi.call(self._front, _scope(method, path, len(body), context), body)


def _scope(method: str, path: str, size: int, context: Any) -> Scope:
    headers = [(b"content-length", str(size).encode())]
    for key, value in context.invocation_metadata() or ():
        if key in FORWARDED and isinstance(value, str):
            headers.append((key.encode(), value.encode("latin-1", "replace")))
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": _client(context.peer()),
    }


def _client(peer: str) -> tuple[str, int]:
    """Parse address and port of ``ipv4:127.0.0.1:1234`` or ``ipv6:%5B::1%5D:1234``."""
    address, _, port = peer.partition(":")[2].rpartition(":")
    address = address.replace("%5B", "").replace("%5D", "")
    return address or "-", int(port) if port.isdigit() else 0


async def _send_metadata(context: Any, headers: Mapping[str, str]) -> None:
    names = ("x-request-id", "retry-after", "www-authenticate")
    context.set_trailing_metadata(tuple((name, headers[name]) for name in names if name in headers))


async def _abort(context: Any, status: int, body: bytes) -> None:
    message = json.loads(body).get("error", "the service failed on this request; try again")
    await context.abort(STATUSES.get(status, grpc.StatusCode.INTERNAL), message)


def _live(message: bytes, document: dict[str, Any]) -> Any:
    return messages.ServerLiveResponse(live=document["live"])


def _ready(message: bytes, document: dict[str, Any]) -> Any:
    return messages.ServerReadyResponse(ready=document["ready"])


def _model_ready(message: bytes, document: dict[str, Any]) -> Any:
    _demand_model(messages.ModelReadyRequest.FromString(message).name)
    return messages.ModelReadyResponse(ready=document["ready"])


def _server_metadata(message: bytes, document: dict[str, Any]) -> Any:
    return messages.ServerMetadataResponse(**document)


def _model_metadata(message: bytes, document: dict[str, Any]) -> Any:
    _demand_model(messages.ModelMetadataRequest.FromString(message).name)
    known = ("name", "platform", "inputs", "outputs")
    return messages.ModelMetadataResponse(**{name: document[name] for name in known})


def _demand_model(name: str) -> None:
    if name != MODEL:
        raise LookupError(name)
