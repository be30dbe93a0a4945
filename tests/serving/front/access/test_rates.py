"""Test rate limits by name and failed attempts by address."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.front.access.attempts import FailedAttempts, network
from serving.front.access.control import AccessControl
from serving.front.access.rates import Bucket, Buckets, Rate, RateLimiter, RateTable, parse
from serving.front.access.settings import AccessSettings
from serving.front.messages import FrontResponse
from serving.front.settings import FrontSettings
from tests.serving.front.fronts import JPEG, PREDICT, serving

FILE = b"""
[default]
requests = 60
[names.ward-3]
requests = 6
photographs = 12
burst_seconds = 10
[names.page]
requests = 0
"""


def limiter(table: RateTable, now: list[float]) -> RateLimiter:
    return RateLimiter(lambda: table, lambda: now[0])


def test_allows_a_burst_and_then_the_rate() -> None:
    now = [0.0]
    rates = limiter(RateTable(Rate(requests=60)), now)

    assert [rates.take("a") for _ in range(60)] == [None] * 60
    exceeded = rates.take("a")
    assert exceeded is not None
    assert exceeded.retry_after == 1
    assert "60 a minute" in exceeded.message
    assert rates.take("b") is None
    now[0] = 1.01
    assert rates.take("a") is None
    assert rates.take("a") is not None
    now[0] = 3_600
    assert [rates.take("a") is None for _ in range(61)] == [True] * 60 + [False]


def test_further_photographs_of_a_request_are_charged_afterwards() -> None:
    now = [0.0]
    rates = limiter(RateTable(Rate(photographs=60)), now)

    assert rates.take("a") is None
    rates.add_photographs("a", 75)  # 15 above a full bucket, and the one that was counted
    exceeded = rates.take("a")
    assert exceeded is not None
    assert exceeded.retry_after == 17
    assert "photographs" in exceeded.message
    now[0] = 17
    assert rates.take("a") is None


def test_rejected_request_is_not_charged() -> None:
    now = [0.0]
    rates = limiter(RateTable(Rate(requests=1, photographs=60)), now)
    assert rates.take("a") is None
    for _ in range(100):
        assert rates.take("a") is not None
    now[0] = 60
    assert rates.take("a") is None


def test_reads_rates_by_name() -> None:
    table = parse(FILE, Rate(photographs=100))

    assert table.of("ward-3") == Rate(6, 12, 10)
    assert table.of("page") == Rate(0, 100, 60)
    assert table.of("somebody") == Rate(60, 100, 60)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[", "not TOML"),
        (b"[ward]\nrequests = 1", "unknown: ward"),
        (b"[default]\nrequest = 1", "nothing else"),
        (b"[default]\nrequests = -1", "0 or more"),
        (b"[default]\nrequests = true", "0 or more"),
        (b"[default]\nrequests = inf", "0 or more"),
        (b"[names.a]\nburst_seconds = 0", "0 or more"),
        (b"names = 3", "holds tables"),
    ],
)
def test_invalid_rates_file_is_explained(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=message) as caught:
        AccessControl(AccessSettings(rates=str(path)))
    assert "LESIONLENS_RATES" in str(caught.value)


def test_changed_rate_applies_from_its_change(tmp_path: Path) -> None:
    now, path = [0.0], tmp_path / "rates.toml"
    path.write_text("[default]\nrequests = 1\n")
    table = [parse(path.read_bytes(), Rate())]
    rates = RateLimiter(lambda: table[0], lambda: now[0])
    assert rates.take("a") is None
    assert rates.take("a") is not None

    table[0] = parse(b"[default]\nrequests = 2\n", Rate())

    assert rates.take("a") is None


def test_number_of_names_and_addresses_is_bounded() -> None:
    buckets = Buckets(most=3)
    made: list[str] = []

    def visit(name: str) -> None:
        def make() -> Bucket:
            made.append(name)
            return Bucket(1, 60, 0)

        buckets.of(name, 1.0, make)

    for name in ("a", "b", "c", "a", "d", "a", "b"):
        visit(name)

    assert made == ["a", "b", "c", "d", "b"]  # b had been away longest when d came


def test_429_has_retry_after_and_the_limit() -> None:
    access = AccessControl(AccessSettings(rate_requests=2), clock=lambda: 0.0)
    with serving(FrontSettings(), access) as (_, upstream, client, _):
        replies = [client.post(PREDICT, content=b"x", headers=JPEG) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[2].headers["retry-after"] == "30"
    assert "2 a minute are accepted from this name" in replies[2].json()["error"]
    assert len(upstream.requests) == 2


def test_photographs_are_counted_from_the_response() -> None:
    access = AccessControl(AccessSettings(rate_photographs=4), clock=lambda: 0.0)
    with serving(FrontSettings(), access) as (_, upstream, client, _):
        result = b'{"label": "cancer", "probability": 0.5}'
        upstream.response = FrontResponse(200, b'{"predictions": [%b]}' % b", ".join([result] * 4))
        replies = [client.post(PREDICT, content=b"{}", headers=JPEG) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert "4 a minute" in replies[1].json()["error"]


def test_failed_attempts_are_counted_per_address() -> None:
    now = [0.0]
    failures = FailedAttempts(2, lambda: now[0])

    assert [failures.failed("192.0.2.1") for _ in range(3)] == [0, 0, 30]
    assert failures.failed("192.0.2.2") == 0
    now[0] = 30
    assert failures.failed("192.0.2.1") == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("-", "-"),
    ],
)
def test_ipv6_addresses_of_one_network_share_a_count(address: str, counted: str) -> None:
    assert network(address) == counted
