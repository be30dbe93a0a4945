"""Listening sockets of our HTTP servers, for IPv4, IPv6 or both, and who can reach them."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Mapping
from typing import Final

BACKLOG: Final = 2_048
"""Connections that the system queues until they are accepted; uvicorn's default."""


def host_port(host: str, port: int) -> str:
    """Format address and port as in a URL, with brackets for IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class PortError(RuntimeError):
    """An address cannot be listened on; the message names the setting to change."""


def check_ports(ports: Mapping[str, tuple[str, int]]) -> None:
    """Check that addresses can be listened on.

    Args:
        ports: host and port, by the setting that the port comes from.

    Raises:
        PortError: one of them cannot.
    """
    for setting, (host, port) in ports.items():
        for opened in listen_on_setting(host, port, setting):
            opened.close()


def listen_on_setting(
    host: str, port: int, port_name: str, host_name: str = "LESIONLENS_HOST"
) -> list[socket.socket]:
    """Listen like :func:`listen`, with errors that name the settings.

    Args:
        host: see :func:`listen`.
        port: of TCP.
        port_name: of the setting that the port comes from.
        host_name: of the setting that the host comes from.

    Raises:
        PortError: there is no such host, or its port is taken.
    """
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fix = f"stop what uses it, or set {port_name} to another port"
        elif error.errno == errno.EACCES:
            fix = f"a port below 1024 needs rights that this process lacks: set {port_name}"
        elif error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            fix = f"this machine has no such address: set {host_name}"
        else:
            fix = f"check {host_name} and {port_name}"
        raise PortError(
            f"cannot listen on {host_port(host, port)} ({error.strerror}): {fix}"
        ) from None


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
        return [_listening(socket.AF_INET6, host, port, dual=True)]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], entry[4][:2]) for entry in found):
            sockets.append(_listening(family, str(address[0]), int(address[1])))
    except OSError:
        for opened in sockets:
            opened.close()
        raise
    return sockets


def exposed(host: str, tls: bool, locked: bool, lock: str) -> str:
    """Describe the missing protection in one line; empty if there is none.

    Args:
        host: that a server listens on.
        tls: whether it speaks TLS.
        locked: whether it asks who is there.
        lock: name of the setting that makes it ask.
    """
    if is_loopback(host) or (tls and locked):
        return ""
    missing = [
        *([] if tls else ["photographs travel in clear text (set LESIONLENS_TLS_CERTIFICATE)"]),
        *([] if locked else [f"anyone who reaches it may use it (set {lock})"]),
    ]
    return (
        f"WARNING: others can reach {host}, and {' and '.join(missing)}: see docs/how-to/access.md"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listening(family: int, host: str, port: int, dual: bool = False) -> socket.socket:
    # asyncio switches Nagle's algorithm off for sockets that name their protocol, and for no others
    # (socket.create_server's do not): with it, a response of two packets waits 40 ms.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
