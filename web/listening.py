"""What a process that listens needs besides its sockets: an address to print, open files."""

from __future__ import annotations

import resource
from typing import Final

from serving.front.sockets import host_port

OTHER_FILES: Final = 256
"""File descriptors besides those of visitors."""


def url(host: str, port: int, tls: bool = False) -> str:
    """Address for a browser, with the brackets of IPv6."""
    return f"{'https' if tls else 'http'}://{host_port(host, port)}"


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
