"""Test that a stopping listener answers every client that had connected."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from serving.front.listener import Listener
from serving.front.sockets import listen
from tests.serving.front.conftest import PATIENT, SECONDS, Application, response, rest

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
HALF = b"POST / HTTP/1.1\r\nHost: a\r\n"

Client = Callable[[Listener, int], Awaitable[list[bytes]]]


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(SECONDS)
    return client


async def answers(clients: list[socket.socket]) -> list[bytes]:
    """Response of each client until the server closes."""
    try:
        return await asyncio.gather(*(asyncio.to_thread(rest, client) for client in clients))
    finally:
        for client in clients:
            client.close()


async def in_the_queue(listener: Listener, port: int) -> list[bytes]:
    """Connections that are not accepted yet at shutdown."""
    clients = [connect(port) for _ in range(8)]
    for client in clients:
        client.sendall(REQUEST)
    ending = asyncio.create_task(listener.shutdown(listener.listening))
    found = await answers(clients)
    await ending
    return found


async def before_its_request(listener: Listener, port: int) -> list[bytes]:
    """Accepted connections whose request arrives after shutdown."""
    clients = [connect(port) for _ in range(8)]
    await _accepted(listener, len(clients))
    ending = asyncio.create_task(listener.shutdown(listener.listening))
    await asyncio.sleep(0.05)
    for client in clients:
        client.sendall(REQUEST)
    found = await answers(clients)
    await ending
    return found


async def within_its_headers(listener: Listener, port: int) -> list[bytes]:
    """Second request of a connection with incomplete headers at shutdown."""
    client = connect(port)
    client.sendall(REQUEST)
    await asyncio.to_thread(response, client)
    client.sendall(HALF)
    await asyncio.sleep(0.05)
    ending = asyncio.create_task(listener.shutdown(listener.listening))
    await asyncio.sleep(0.05)
    client.sendall(REQUEST.removeprefix(HALF))
    found = await answers([client])
    await ending
    return found


@pytest.mark.parametrize("client", [in_the_queue, before_its_request, within_its_headers])
def test_connected_client_is_answered_during_shutdown(client: Client) -> None:
    found = run(client)
    assert found
    for answer in found:
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        assert answer.endswith(b"\r\n\r\n<hi>")


def test_shutdown_does_not_wait_for_silent_clients() -> None:
    async def silent(listener: Listener, port: int) -> list[bytes]:
        clients = [connect(port)]
        await _accepted(listener, 1)
        await asyncio.wait_for(listener.shutdown(listener.listening), SECONDS)
        return await answers(clients)

    assert run(silent) == [b""]


def test_rejects_connections_after_shutdown() -> None:
    async def late(listener: Listener, port: int) -> list[bytes]:
        await listener.shutdown(listener.listening)
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        return []

    assert run(late) == []


def run(client: Client) -> list[bytes]:
    """Responses to clients of a started listener."""

    async def main() -> list[bytes]:
        sockets = listen("127.0.0.1", 0)
        listener = Listener(Application(), sockets, PATIENT)
        listener.config.load()
        listener.lifespan = listener.config.lifespan_class(listener.config)
        await listener.startup(sockets)
        return await client(listener, sockets[0].getsockname()[1])

    return asyncio.run(main())


async def _accepted(listener: Listener, count: int) -> None:
    async with asyncio.timeout(SECONDS):
        while len(listener.server_state.connections) < count:
            await asyncio.sleep(0.005)
