"""Access log: one line per request, without any text that a client sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

logger = logging.getLogger("lesionlens.access")


def send_to(handler: logging.Handler) -> None:
    """Write every line to a handler, and nowhere else.

    Args:
        handler: of a file or a stream.
    """
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)


def log_request(name: str, status: int, seconds: float, request_id: str, caller: str = "-") -> None:
    """Write a line.

    Args:
        name: of the route, or ``-`` where there is none.
        status: of the response.
        seconds: that the request took.
        request_id: ours, also the response's header ``x-request-id``.
        caller: whose key or token it was, or ``-``.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    logger.info("%sZ %s %d %.1f ms %s %s", now, name, status, seconds * 1000, caller, request_id)
