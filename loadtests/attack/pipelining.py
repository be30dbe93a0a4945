"""Pipelining: requests sent on one connection before any is answered."""

from __future__ import annotations

from loadtests.attack.bystanders import EXPLAIN, PREDICT
from loadtests.attack.outcomes import Outcome
from loadtests.attack.targets import Target
from loadtests.attack.wire import Connection, exchange, request


def pipelined(target: Target) -> Outcome:
    """Pipeline three requests: predictions, with a slow explanation between them."""
    first, second, third = target.photographs[:3]
    quick = [request(PREDICT, photograph) for photograph in (first, second, third)]
    slow = request(EXPLAIN, second, "image/jpeg", "X-Method: smooth_grad")
    wrong = [
        name
        for name, requests in (
            ("three predictions", quick),
            ("an explanation first", [slow, quick[0], quick[2]]),
            ("an explanation between", [quick[0], slow, quick[2]]),
        )
        if _one_by_one(target, requests) != _at_once(target, requests)
    ]
    return Outcome(
        "pipelining",
        "three requests at once on one connection, three times",
        not wrong,
        f"answers are not those of single requests: {', '.join(wrong)}"
        if wrong
        else "the answers of single requests, in order",
    )


def _one_by_one(target: Target, requests: list[bytes]) -> list[tuple[int, bytes]]:
    responses = [exchange(target.port, data) for data in requests]
    return [(response.status, response.body) for response in responses]


def _at_once(target: Target, requests: list[bytes]) -> list[tuple[int, bytes]]:
    with Connection(target.port) as connection:
        connection.send(b"".join(requests))
        responses = [connection.receive() for _ in requests]
    return [(response.status, response.body) for response in responses]
