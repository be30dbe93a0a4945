"""Test the TorchServe client with a server that fails like TorchServe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from serving.front.messages import FrontRequest, FrontResponse
from serving.front.telemetry import FrontMetrics
from serving.torchserve.client import REPEATS, TorchServeClient

REQUEST = FrontRequest("predict", "/predictions/melanoma", b"photograph", False, {"method": "lime"})
JAVA = '{"code": 507, "type": "InternalServerException", "message": "Worker died. MARKER"}'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler, socket: Path) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


def answers(
    folder: Path, handler: Handler, requests: int = 1, seconds: float = 20
) -> tuple[list[FrontResponse], float]:
    """Responses to so many requests at once, and how many were repeated."""
    registry = CollectorRegistry()

    async def ask() -> list[FrontResponse]:
        client = TorchServeClient(folder / "s", seconds, FrontMetrics(registry))
        client.ready = True
        try:
            async with server(handler, folder / "s"):
                return await asyncio.gather(*[client.answer(REQUEST) for _ in range(requests)])
        finally:
            await client.close()

    return asyncio.run(ask()), registry.get_sample_value("lesionlens_http_repeated_total") or 0


def scripted(*replies: web.Response | None) -> Handler:
    """Send each reply once and the last one repeatedly; None closes the connection."""
    left = list(replies)

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        reply = left.pop(0) if len(left) > 1 else left[0]
        if reply is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return web.Response(status=reply.status, text=reply.text, headers=reply.headers)

    return handle


def reply(status: int, text: str, **headers: str) -> web.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, text=text, headers=names)


GOOD = reply(200, "good")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


def test_forwards_the_request_with_own_headers(folder: Path) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.headers), await request.read()))
        return web.Response(text="good")

    answers(folder, handle)

    ((path, headers, body),) = seen
    assert (path, body) == (REQUEST.path, b"photograph")
    assert headers["X-Method"] == "lime"
    assert headers["Content-Type"] == "application/octet-stream"
    assert "explain" not in {name.lower() for name in headers}


@pytest.mark.parametrize("failure", [reply(507, JAVA), reply(500, JAVA), None])
def test_retries_request_whose_worker_died(folder: Path, failure: web.Response | None) -> None:
    found, repeated = answers(folder, scripted(failure, GOOD))

    assert found == [FrontResponse(200, b"good")]
    assert repeated == 1


@pytest.mark.parametrize("failure", [reply(507, JAVA), None])
def test_request_that_no_worker_survives_gets_503(
    folder: Path, failure: web.Response | None
) -> None:
    (found,), repeated = answers(folder, scripted(failure))

    assert (found.status, found.retry_after) == (503, 2)
    assert b"each worker that had this request died" in found.body
    assert b"MARKER" not in found.body
    assert repeated == REPEATS


def test_retries_are_sequential(folder: Path) -> None:
    first = 4
    at_once: list[int] = []
    running = seen = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal running, seen
        await request.read()
        seen += 1
        if seen <= first:
            return reply(507, JAVA)
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.02)
        running -= 1
        return web.Response(text="good")

    found, repeated = answers(folder, handle, requests=first)

    assert [one.status for one in found] == [200] * first
    assert at_once == [1] * first
    assert repeated == first


def test_retries_requests_that_were_lost_with_a_worker(folder: Path) -> None:
    registry, posts = CollectorRegistry(), 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal posts
        await request.read()
        posts += 1
        if posts <= 3:
            await asyncio.Event().wait()  # TorchServe has lost it
        return web.Response(text="good")

    async def ask() -> list[FrontResponse]:
        client = TorchServeClient(folder / "s", 20, FrontMetrics(registry))
        client.ready = True
        try:
            async with server(handle, folder / "s"):
                asked = [asyncio.create_task(client.answer(REQUEST)) for _ in range(3)]
                while posts < 3:
                    await asyncio.sleep(0.005)
                client.worker_died()
                client.repeat_lost()
                client.ready = False  # as the health monitor says in the same turn
                await asyncio.sleep(0.2)
                assert posts == 3  # TorchServe would lose what comes before a worker is ready
                client.ready = True
                return await asyncio.gather(*asked)
        finally:
            await client.close()

    assert asyncio.run(ask()) == 3 * [FrontResponse(200, b"good")]
    assert registry.get_sample_value("lesionlens_http_repeated_total") == 3


def test_hides_messages_of_torchserve(folder: Path) -> None:
    (found,), repeated = answers(folder, scripted(reply(503, JAVA)))

    assert (found.status, found.retry_after, repeated) == (503, 2, 0)
    assert b"MARKER" not in found.body


@pytest.mark.parametrize("status", [400, 422, 500, 503])
def test_passes_on_errors_of_the_handler(folder: Path, status: int) -> None:
    own = reply(status, '{"error": "x"}', X_LesionLens_Handler="1", Retry_After="3")

    found, repeated = answers(folder, scripted(own))

    assert found == [FrontResponse(status, b'{"error": "x"}', 3)]
    assert repeated == 0


def test_timeout_is_503(folder: Path) -> None:
    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    (found,), _ = answers(folder, handle, seconds=0.2)

    assert (found.status, found.retry_after) == (503, 2)
    assert b"no answer within 0.2 s" in found.body


def test_unreachable_server_is_503(folder: Path) -> None:
    async def ask() -> FrontResponse:
        metrics = FrontMetrics(CollectorRegistry())
        client = TorchServeClient(folder / "nothing", 5, metrics)
        try:
            return await client.answer(REQUEST)
        finally:
            await client.close()

    assert asyncio.run(ask()).status == 503
