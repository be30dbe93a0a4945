"""Ordinary clients of the front and visitors of the page, running during an attack."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from loadtests.attack.clients import Tally, clients
from loadtests.attack.targets import Target

PREDICT: Final = "/predictions/melanoma"
EXPLAIN: Final = "/explanations/melanoma"
V1_PREDICT: Final = "/v1/models/melanoma:predict"
_BOUNDARY: Final = "ordinary-boundary-7c1f"
FORM: Final = f"multipart/form-data; boundary={_BOUNDARY}"
"""Content type of :func:`form`."""


def ordinary(target: Target, count: int = 4) -> AbstractContextManager[Tally]:
    """Start ordinary clients of the front, each with different photographs.

    Args:
        target: that they send to.
        count: of clients.
    """
    return clients(f"127.0.0.1:{target.port}", PREDICT, target.photographs, count)


def visitors(target: Target, count: int = 2) -> AbstractContextManager[Tally]:
    """Start visitors of the page, who upload photographs one after the other.

    Args:
        target: that they visit.
        count: of visitors.
    """
    forms = [form(photograph) for photograph in target.photographs]
    return clients(f"127.0.0.1:{target.page_port}", "/", forms, count, FORM)


def form(photograph: bytes) -> bytes:
    """Build the page's form with a photograph, as a browser sends it."""
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="photograph"; filename="1.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photograph + f"\r\n--{_BOUNDARY}--\r\n".encode()
