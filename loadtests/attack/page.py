"""Attacks on the upload page: slow uploads, aborted uploads, and cross-site forms."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Final

from loadtests.attack.slow_connections import Script, slow_connections
from loadtests.attack.targets import FORM, Outcome, Target, form, visitors
from loadtests.attack.wire import exchange, request
from loadtests.hostile.jpegs import scans

SLOW: Final = 64
"""Uploads that the page accepts at a time."""
PERIOD_SECONDS: Final = 5.0
"""Seconds between two bytes of each upload: 13 bytes a second in all."""
SECONDS: Final = 6.5
HANGING_UP: Final = 6
MAX_GAP_SECONDS: Final = 20.0
"""Maximum seconds between two answers to visitors."""
OTHER_SITES: Final = (
    ("Sec-Fetch-Site: cross-site",),
    ("Sec-Fetch-Site: same-site", "Origin: https://other.example"),
    ("Origin: https://other.example",),
    ("Origin: null",),
)
"""Headers that browsers add to a form that another site posts."""


def slow_uploads(target: Target) -> Outcome:
    """Send as many uploads as the page accepts, together with 13 bytes a second."""
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
        "Content-Length: 8000000\r\n\r\n"
    )
    script = Script(head.encode() + form(target.photographs[0])[:400], b"a")
    with slow_connections(target.page_port, [script] * SLOW, PERIOD_SECONDS) as drips:
        time.sleep(1.0)
        with visitors(target) as tally:
            time.sleep(SECONDS)
    return Outcome(
        "page: slow uploads",
        f"{SLOW} uploads, 13 bytes a second in all",
        tally.unharmed,
        f"{tally.summary}; {drips.closed} closed by the page",
    )


def senders_who_hang_up(target: Target) -> Outcome:
    """Send hostile pictures and disconnect: the work for them must be abandoned."""
    body = form(scans(5000, 5000, 5_000, refining=True))
    data = request("/", body, FORM)
    with visitors(target) as tally:
        time.sleep(0.5)
        start = time.monotonic()
        for _ in range(HANGING_UP):
            _send_and_hang_up(target.page_port, data)
        time.sleep(SECONDS)
        gap = tally.longest_gap(start, time.monotonic())
    return Outcome(
        "page: senders hang up",
        f"{HANGING_UP} JPEGs of 5,000 scans, each sender gone at once",
        tally.unharmed and gap <= MAX_GAP_SECONDS * target.tolerance,
        f"{tally.summary}; longest gap {gap:.1f} s",
    )


def cross_site(target: Target) -> Outcome:
    """Post a form from another site: it must be refused, the page's own must not."""
    body = form(target.photographs[0])
    statuses = [
        exchange(target.page_port, request("/", body, FORM, *headers)).status
        for headers in OTHER_SITES
    ]
    site = f"http://127.0.0.1:{target.page_port}"
    head = request("/", body, FORM, "Sec-Fetch-Site: same-origin", f"Origin: {site}")
    host = f"Host: 127.0.0.1:{target.page_port}".encode()
    own = exchange(target.page_port, head.replace(b"Host: 127.0.0.1", host, 1)).status
    return Outcome(
        "page: cross-site form",
        f"{len(OTHER_SITES)} forms of another site, one of its own",
        set(statuses) == {403} and own == 200,
        f"statuses {statuses}; its own {own}",
    )


def _send_and_hang_up(port: int, data: bytes) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as sender:
        sender.sendall(data)
