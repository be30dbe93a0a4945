"""Connection to the API server that can be cut and restored."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from tests.cluster.bench import Bench

PIECE: Final = 65536
CONNECT_SECONDS: Final = 10.0


class Relay:
    """TCP relay from this machine to another address.

    Args:
        host: to pass on to.
        port: of the host.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._accept(self._listening)

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        """Accept connections again on the same port."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self._accept(self._listening)

    def _accept(self, listening: socket.socket) -> None:
        def loop() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(self._target, CONNECT_SECONDS)
            except OSError:
                return
            with server:
                server.settimeout(None)
                with self._lock:
                    self._open |= {client, server}
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()
                with self._lock:
                    self._open -= {client, server}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(PIECE):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def through(bench: Bench) -> Iterator[tuple[Relay, str]]:
    """Relay to the cluster's API server, and a kubeconfig that uses it."""
    text = bench.kubectl("config", "view", "--minify", "--flatten", "--raw", "--output", "json")
    config: dict[str, Any] = json.loads(text)
    (cluster,) = (one["cluster"] for one in config["clusters"])
    address = urlsplit(cluster["server"])
    host = str(address.hostname)
    relay = Relay(host, address.port or (443 if address.scheme == "https" else 80))
    cluster["server"] = f"{address.scheme}://127.0.0.1:{relay.port}{address.path}"
    if address.scheme == "https":
        cluster.setdefault("tls-server-name", host)
    path = bench.save("relayed.kubeconfig", json.dumps(config))
    try:
        yield relay, str(path)
    finally:
        relay.cut()
        path.unlink()  # it holds the user's credentials
