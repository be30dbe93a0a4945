"""Test gRPC through the front: limits, access control, messages and readiness as over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from prometheus_client import CollectorRegistry

from serving.front.access.control import AccessControl
from serving.front.access.keys import digest
from serving.front.access.settings import AccessSettings
from serving.front.app import Front
from serving.front.messages import FrontRequest, FrontResponse, error_body
from serving.front.routes import ROUTES, V2_ROUTES
from serving.front.settings import FrontSettings
from serving.front.telemetry import FrontMetrics
from serving.kserve.application import data_plane
from serving.kserve.calls import GRPC_INFER, Calls, infer_over_grpc
from serving.kserve.dispatch import Dispatcher
from serving.kserve.grpc_listener import GrpcListener, max_calls
from serving.kserve.model import AnswerError, MelanomaModel
from serving.settings import free_ports
from tests.serving.front.fronts import Scripted

SECONDS = 20
ANSWER = messages.ModelInferResponse(model_name="melanoma", id="7")
CALL = messages.ModelInferRequest(model_name="melanoma")
Test = Callable[[Any], Awaitable[Any]]


def asked(
    test: Test,
    upstream: Scripted | None = None,
    settings: FrontSettings | None = None,
    access: AccessSettings | None = None,
) -> tuple[Any, Front, list[FrontRequest]]:
    """What a test gets of a server on a free port; the front, and what its upstream was asked."""
    upstream = upstream or Scripted()
    settings, access = settings or FrontSettings(), access or AccessSettings()
    if upstream.response.body.startswith(b'{"label"'):
        upstream.response = FrontResponse(200, ANSWER.SerializeToString())
    metrics = FrontMetrics(CollectorRegistry())
    front = Front(settings, upstream, metrics, AccessControl(access), ROUTES | V2_ROUTES)

    async def run() -> Any:
        port = free_ports()["grpc_inference_port"]
        listener = GrpcListener(Calls(front), settings, access, "127.0.0.1", port)
        await listener.start()
        try:
            async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                async with asyncio.timeout(SECONDS):
                    return await test(GRPCInferenceServiceStub(channel))
        finally:
            await listener.stop(0)

    return asyncio.run(run()), front, upstream.requests


async def infer(stub: Any) -> Any:
    return await stub.ModelInfer(CALL)


def error_of(test: Test, **given: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        asked(test, **given)
    return raised.value


def test_grpc_call_is_forwarded_unchanged() -> None:
    answer, _, [request] = asked(infer)

    assert answer == ANSWER
    assert (request.verb, request.path) == ("predict", GRPC_INFER)
    assert request.body == CALL.SerializeToString()
    assert request.may_explain


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, grpc.StatusCode.INVALID_ARGUMENT),
        (413, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (503, grpc.StatusCode.UNAVAILABLE),
        (500, grpc.StatusCode.INTERNAL),
    ],
)
def test_error_is_a_grpc_status_with_the_message_of_the_front(status: int, code: Any) -> None:
    upstream = Scripted()
    upstream.response = FrontResponse(status, error_body("what is wrong"), 7)
    error = error_of(infer, upstream=upstream)

    assert (error.code(), error.details()) == (code, "what is wrong")
    trailing = dict(error.trailing_metadata())
    assert trailing["retry-after"] == "7"
    assert len(trailing["x-request-id"]) == 16


def test_too_large_message_is_not_read() -> None:
    async def large(stub: Any) -> None:
        await stub.ModelInfer(messages.ModelInferRequest(id="x" * 2_000))

    error = error_of(large, settings=FrontSettings(max_body_bytes=1_000))

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_access_control_applies_to_grpc(tmp_path: Path) -> None:
    key = "k" * 54
    keys = tmp_path / "keys.json"
    entry = {"name": "ward-3", "sha256": digest(key), "verbs": ["predict"]}
    keys.write_text(json.dumps({"keys": [entry]}))
    keys.chmod(0o600)
    access = AccessSettings(api_keys=str(keys))
    error = error_of(infer, access=access)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "a valid key or token is needed" in error.details()

    async def with_key(stub: Any) -> Any:
        return await stub.ModelInfer(CALL, metadata=(("authorization", f"Bearer {key}"),))

    answer, _, [request] = asked(with_key, access=access)
    assert answer == ANSWER
    assert not request.may_explain, "the key is for predictions"


@pytest.mark.parametrize(
    "tensor",
    [
        {"shape": [1] * 10_001},
        {"contents": messages.InferTensorContents(bytes_contents=[b""] * 10_001)},
        {"contents": messages.InferTensorContents(int_contents=[1] * 10_001)},
        {"parameters": {str(number): messages.InferParameter() for number in range(10_001)}},
    ],
)
def test_a_call_of_too_many_values_is_refused_before_lists_are_made(tensor: dict[str, Any]) -> None:
    message = messages.ModelInferRequest(model_name="melanoma", inputs=[tensor])
    request = FrontRequest("predict", GRPC_INFER, message.SerializeToString(), is_json=False)
    plane = data_plane(MelanomaModel(Dispatcher(1, SECONDS, lambda: None)))

    with pytest.raises(AnswerError) as raised:
        asyncio.run(infer_over_grpc(plane, request))

    assert raised.value.answer.status == 400
    assert b"more than 10000 values" in raised.value.answer.body


@pytest.mark.parametrize("ready", [True, False])
def test_liveness_and_readiness_follow_the_front(ready: bool) -> None:
    async def ask(stub: Any) -> list[bool]:
        return [
            (await stub.ServerLive(messages.ServerLiveRequest())).live,
            (await stub.ServerReady(messages.ServerReadyRequest())).ready,
            (await stub.ModelReady(messages.ModelReadyRequest(name="melanoma"))).ready,
        ]

    upstream = Scripted()
    upstream.ready = ready

    assert asked(ask, upstream)[0] == [True, ready, ready]


def test_unknown_model_is_not_found() -> None:
    async def ask(stub: Any) -> None:
        await stub.ModelReady(messages.ModelReadyRequest(name="other"))

    assert error_of(ask).code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", ["RepositoryModelLoad", "RepositoryModelUnload"])
def test_loading_and_unloading_are_rejected(name: str) -> None:
    async def ask(stub: Any) -> None:
        await getattr(stub, name)(getattr(messages, f"{name}Request")(model_name="melanoma"))

    assert error_of(ask).code() is grpc.StatusCode.UNIMPLEMENTED


def test_disconnect_cancels_the_call() -> None:
    upstream = Scripted()
    upstream.release.clear()

    async def leave(stub: Any) -> None:
        call = stub.ModelInfer(CALL)
        await asyncio.to_thread(upstream.entered.acquire)
        call.cancel()
        assert await asyncio.to_thread(upstream.cancelled.wait, SECONDS)

    _, front, _ = asked(leave, upstream)
    assert front.in_flight == 0


def test_messages_of_all_calls_share_the_body_budget() -> None:
    assert max_calls(FrontSettings()) == 12
    assert max_calls(FrontSettings(buffer_bytes=1)) == 1
    assert max_calls(FrontSettings(max_in_flight=3)) == 3
