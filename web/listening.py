"""The sockets on which the page listens, of IPv4, IPv6 or both."""

from __future__ import annotations

import resource
import socket
from typing import Final

BACKLOG: Final = 2048
"""Connections that the system holds until they are accepted, as uvicorn has it."""
OTHER_FILES: Final = 256
"""File descriptors besides those of visitors."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that a host has.

    Args:
        host: a name, an address of IPv4 or IPv6, or ``::`` for every address of this machine.
        port: of TCP.

    Raises:
        OSError: there is no such host, or its port is taken.
    """
    if host == "::":
        if not socket.has_dualstack_ipv6():
            return listen("0.0.0.0", port)  # noqa: S104
        return [
            socket.create_server(
                (host, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
        ]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], entry[4][:2]) for entry in found):
            sockets.append(
                socket.create_server(
                    (str(address[0]), int(address[1])), family=family, backlog=BACKLOG
                )
            )
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def url(host: str, port: int) -> str:
    """Address for a browser, with the brackets of IPv6."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_files(connections: int) -> None:
    """Raise this process's limit of open files to what so many visitors need, where it may.

    Args:
        connections: each with a file for its upload.
    """
    needed = 2 * connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
