"""Test listening sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from serving.front.sockets import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::"])
def test_listens_on_every_address_of_a_host(host: str) -> None:
    opened = listen(host, 0)
    try:
        families = {listener.family for listener in opened}
        assert (socket.AF_INET6 in families) is (host in ("::", "::1")) or host == "localhost"
        addresses = {"::": ["127.0.0.1", "::1"], "localhost": []}.get(host, [host])
        for address in addresses:
            socket.create_connection((address, opened[0].getsockname()[1])).close()
    finally:
        for listener in opened:
            listener.close()


def test_accepted_connections_use_tcp_nodelay() -> None:
    async def nodelay() -> int:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await accepted.put(writer)

        (opened,) = listen("127.0.0.1", 0)
        async with await asyncio.start_server(serve, sock=opened):
            _, client = await asyncio.open_connection(*opened.getsockname())
            writer = await asyncio.wait_for(accepted.get(), 20)
            found = writer.get_extra_info("socket")
            option = int(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            for one in (client, writer):
                one.close()
                await one.wait_closed()
        return option

    assert asyncio.run(nodelay())
