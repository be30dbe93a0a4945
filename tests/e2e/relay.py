"""Relay connections to a server and record requests: a browser does not report files."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Relay:
    """Relay between clients and a port of 127.0.0.1.

    Args:
        listening: a socket that is bound, and from ``__enter__`` on listens.
        port: to pass everything on to.
    """

    def __init__(self, listening: socket.socket, port: int) -> None:
        self._listening, self._port = listening, port
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.heard = b""
        """All that clients have sent."""
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Relay:
        self._listening.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        for place in (self._listening, *self._open):
            with suppress(OSError):  # the other end has gone
                place.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for place in self._open:
            place.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._open += [client, server]
            self._start(self._copy, client, server, True)
            self._start(self._copy, server, client, False)

    def _copy(self, one: socket.socket, other: socket.socket, kept: bool) -> None:
        try:
            while data := one.recv(65536):
                if kept:
                    self.heard += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            return
