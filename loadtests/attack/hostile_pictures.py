"""Pictures that cost a decoder far more than their size suggests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from loadtests.attack.clients import Tally
from loadtests.attack.pictures import with_tags
from loadtests.attack.targets import PREDICT, V1_PREDICT, Outcome, Target, ordinary
from loadtests.attack.wire import Response, exchange, request
from loadtests.hostile.files import INSTANCES, makers
from loadtests.hostile.files import body as instances
from loadtests.hostile.jpegs import scans
from loadtests.hostile.webps import one_colour

FILES_SECONDS: Final = 50.0
"""Time budget for all hostile files, generation included; the rest is left out."""
QUICK_STEP: Final = 4
"""Step through the hostile files in quick mode: every fourth is sent."""
MAX_GAP_SECONDS: Final = 10.0
"""Maximum seconds between two answers to ordinary clients."""
MAX_LOG_BYTES: Final = 10_000
"""Maximum bytes of log that a picture with thousands of tags may cause."""
JSON: Final = "application/json"


def hostile_files(target: Target) -> Outcome:
    """Send every hostile file alone, as the body of a raw request."""
    made = dict(list(makers().items())[:: QUICK_STEP if target.quick else 1])
    responses: dict[str, Response] = {}
    deadline = time.monotonic() + FILES_SECONDS * target.tolerance

    def send() -> list[Response]:
        for name, make in made.items():
            if time.monotonic() > deadline:
                break
            responses[name] = exchange(target.port, request(PREDICT, make(), ""))
        return list(responses.values())

    sent = f"{len(made)} files of thousands of scans, chunks, tags or tables"
    outcome = _alongside(target, "hostile files", sent, send, clients=1)
    slowest = max(responses, key=lambda name: responses[name].seconds)
    detail = (
        f"{len(responses)} of {len(made)} sent; slowest {slowest!r} "
        f"{responses[slowest].seconds:.1f} s; {outcome.detail}"
    )
    if bad := [name for name, response in responses.items() if not response.honest]:
        detail = f"not answered as they must be: {', '.join(bad)}; {detail}"
    return Outcome(outcome.name, outcome.sent, outcome.passed, detail)


def sixteen_webps(target: Target) -> Outcome:
    """Send ten bodies at once, each of sixteen pictures of 25 megapixels and 38 bytes."""
    body = request(V1_PREDICT, instances([one_colour(5000, 5000)] * INSTANCES), JSON)
    return _alongside(
        target,
        "decoder: 16 WebP a body",
        "ten bodies at once, each of 16 x 25 megapixels in 38 bytes",
        lambda: _together(target, [body] * 10),
    )


def many_scans(target: Target) -> Outcome:
    """Send two progressive JPEGs of thousands of scans at once."""
    body = request(PREDICT, scans(5000, 5000, 20_000, refining=True), "")
    return _alongside(
        target,
        "decoder: JPEG scans",
        "two JPEGs of 25 megapixels and 20,000 scans at once",
        lambda: _together(target, [body] * 2),
    )


def many_tags(target: Target) -> Outcome:
    """Send EXIF of thousands of tags with invalid offsets: Pillow warns of each."""
    before = target.log_bytes()
    body = with_tags(target.photographs[0], 5_400)
    responses = [exchange(target.port, request(PREDICT, body)) for _ in range(3)]
    statuses = [response.status for response in responses]
    grown = target.log_bytes() - before
    return Outcome(
        "EXIF: many tags",
        "three photographs with 5,400 broken EXIF tags each",
        all(response.honest for response in responses) and grown < MAX_LOG_BYTES,
        f"statuses {statuses}; logs grew by {grown} bytes",
    )


def _together(target: Target, requests: Sequence[bytes]) -> list[Response]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda data: exchange(target.port, data), requests))


def _alongside(
    target: Target, name: str, sent: str, send: Callable[[], list[Response]], clients: int = 4
) -> Outcome:
    """Send during ordinary traffic: all clients are answered, and no worker is lost."""
    before = target.workers()
    with ordinary(target, clients) as tally:
        time.sleep(0.5)
        start = time.monotonic()
        responses = send()
        end = time.monotonic()
        time.sleep(0.5)
        gap = tally.longest_gap(start, end)
    lost = before - target.workers()
    passed = all(response.honest for response in responses) and not lost
    return Outcome(
        name,
        sent,
        passed and tally.unharmed and gap <= MAX_GAP_SECONDS * target.tolerance,
        _detail(responses, tally, len(lost), gap),
    )


def _detail(responses: Sequence[Response], tally: Tally, lost: int, gap: float) -> str:
    statuses = Counter(response.status for response in responses)
    counted = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    return f"{counted}; {lost} workers lost; {tally.summary}; longest gap {gap:.1f} s"
