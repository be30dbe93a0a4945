"""Test what the store of outcomes keeps, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.front.outcomes.store import DAY, VERSION_DAYS, FullError, OutcomeStore, RepeatedError
from tests.clock import Clock

ONE = ("outcomes", ("cancer", "cancer", "v1"))
TWO = ("outcomes", ("cancer", "cancer", "v2"))


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0 * DAY)


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[OutcomeStore]:
    opened = OutcomeStore(tmp_path / "store", 2, clock)
    yield opened
    opened.close()


def test_expired_receipts_make_room(store: OutcomeStore, clock: Clock) -> None:
    expires = int(clock.now)
    store.count("a", expires + 10, [ONE])
    store.count("b", expires + 99, [ONE])
    with pytest.raises(FullError):
        store.count("c", expires + 99, [ONE])
    clock.now += 10
    with pytest.raises(RepeatedError):
        store.count("b", expires + 99, [ONE])

    store.count("c", expires + 99, [ONE])

    assert store.counts() == [(ONE, 3)]
    with pytest.raises(FullError):
        store.count("d", expires + 99, [ONE])


def test_zero_of_a_series_never_replaces_its_count(store: OutcomeStore, clock: Clock) -> None:
    store.begin([ONE, TWO])
    store.count("a", int(clock.now) + 10, [ONE])
    store.begin([ONE, TWO])

    assert sorted(store.counts()) == [(ONE, 1), (TWO, 0)]


def test_counts_of_a_version_end_long_after_its_last_outcome(
    store: OutcomeStore, clock: Clock
) -> None:
    store.begin([ONE, TWO])
    clock.now += DAY
    store.count("a", int(clock.now) + 10, [TWO])
    clock.now += VERSION_DAYS * DAY
    store.forget_versions("v3")
    assert store.counts() == [(TWO, 1)]
    clock.now += DAY
    store.forget_versions("v2")
    assert store.counts() == [(TWO, 1)]
    store.forget_versions("v3")
    assert store.counts() == []
