"""Address to print and limit of open files of a listening process."""

from __future__ import annotations

import resource
from typing import Final

from serving.front.sockets import host_port

OTHER_FILES: Final = 256
"""File descriptors besides those of visitors' connections."""


def url(host: str, port: int, tls: bool = False) -> str:
    """Return the address for a browser, with the brackets of IPv6."""
    return f"{'https' if tls else 'http'}://{host_port(host, port)}"


def allow_files(connections: int) -> None:
    """Raise this process's limit of open files for so many visitors, if permitted.

    Args:
        connections: each with a file for its upload.
    """
    needed = 2 * connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
