"""Rate limits by name: requests and photographs a minute, with bursts.

Not a library, because the number of photographs of a request is known only when it is answered: a
bucket must be able to have a negative balance.
"""

from __future__ import annotations

import math
import time
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MINUTE: Final = 60.0
MAX_BUCKETS: Final = 10_000
"""Maximum number of buckets; the one unused for longest is removed first."""
_FIELDS: Final = {"requests", "photographs", "burst_seconds"}


@dataclass(frozen=True)
class Rate:
    """Rate limit of one name."""

    requests: float = 0.0
    """Requests a minute; 0 for no limit."""
    photographs: float = 0.0
    """Photographs a minute; 0 for no limit."""
    burst_seconds: float = MINUTE
    """Seconds of the rate that may be used in one burst, after an equal pause."""


@dataclass(frozen=True)
class RateTable:
    """Rate limits by name, from a file, with a default."""

    default: Rate = Rate()
    by_name: Mapping[str, Rate] = field(default_factory=dict)

    def of(self, name: str) -> Rate:
        """Return the rate limit of a name."""
        return self.by_name.get(name, self.default)


def parse(content: bytes, default: Rate) -> RateTable:
    """Read the file of rates: TOML with tables ``default`` and ``names.<name>``.

    Args:
        content: of the file.
        default: what a table leaves out.

    Raises:
        ValueError: it is not such a file.
    """
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"it is not TOML: {error}") from None
    if unknown := document.keys() - {"default", "names"}:
        raise ValueError(
            f"unknown: {', '.join(sorted(unknown))}; there are [default] and [names.*]"
        )
    common = _rate("default", document.get("default", {}), default)
    names = document.get("names", {})
    if not isinstance(names, dict):
        raise ValueError("names holds tables: [names.ward-3]")
    return RateTable(
        common, {name: _rate(f"names.{name}", table, common) for name, table in names.items()}
    )


class Bucket:
    """Token bucket: fills steadily up to a limit; its balance may become negative.

    Args:
        per_minute: that it fills by.
        burst_seconds: that it takes to fill from empty.
        now: seconds.
    """

    def __init__(self, per_minute: float, burst_seconds: float, now: float) -> None:
        self._per_second = per_minute / MINUTE
        # At least one, or a rate below one per burst would never admit a request.
        self._most = max(1.0, self._per_second * burst_seconds)
        self._level, self._filled = self._most, now

    def seconds_until(self, amount: float, now: float) -> float:
        """Return the seconds until the balance reaches an amount; 0 if it does already."""
        # A bucket that was made within a request is younger than the request's time.
        passed = max(0.0, now - self._filled)
        self._level = min(self._most, self._level + passed * self._per_second)
        self._filled = now
        return max(0.0, (amount - self._level) / self._per_second)

    def take(self, amount: float) -> None:
        """Take an amount, even beyond the balance."""
        self._level -= amount


class Buckets:
    """A bounded number of token buckets of one kind, by name or address.

    Args:
        most: remembered.
    """

    def __init__(self, most: int = MAX_BUCKETS) -> None:
        self._most = most
        self._buckets: OrderedDict[tuple[str, Rate | float], Bucket] = OrderedDict()

    def of(self, name: str, rate: Rate | float, make: Callable[[], Bucket]) -> Bucket:
        """Return the bucket of a name; a new one if its rate has changed.

        Args:
            name: of a caller, or an address.
            rate: events a minute, or all that makes it.
            make: a new bucket.
        """
        bucket = self._buckets.get((name, rate))
        if bucket is None:
            bucket = self._buckets[name, rate] = make()
        self._buckets.move_to_end((name, rate))
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket


@dataclass(frozen=True)
class Exceeded:
    """A rate limit that a request exceeds."""

    message: str
    retry_after: int
    """Seconds."""


class RateLimiter:
    """Rate limiter of one front, in its memory: two servers count separately.

    Args:
        table: gives the rates at this moment.
        clock: seconds, for tests.
    """

    def __init__(
        self, table: Callable[[], RateTable], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table, self._clock = table, clock
        self._requests, self._photographs = Buckets(), Buckets()

    def take(self, name: str, photographs: bool = True) -> Exceeded | None:
        """Count a request with one photograph; if it exceeds the rate, nothing is counted.

        Args:
            name: of the caller.
            photographs: whether it has one.
        """
        rate, now = self._table().of(name), self._clock()
        buckets = [
            (bucket, limit, what)
            for bucket, limit, what in (
                (
                    self._bucket(self._requests, name, rate, rate.requests),
                    rate.requests,
                    "requests",
                ),
                (self._bucket_of_photographs(name, rate), rate.photographs, "photographs"),
            )
            if bucket is not None and (photographs or what != "photographs")
        ]
        for bucket, limit, what in buckets:
            if wait := bucket.seconds_until(1.0, now):
                seconds = max(1, math.ceil(wait))
                return Exceeded(
                    f"too many {what}: {limit:g} a minute are accepted from this name; send this "
                    f"one again in {seconds} s",
                    seconds,
                )
        for bucket, _, _ in buckets:
            bucket.take(1.0)
        return None

    def add_photographs(self, name: str, count: int) -> None:
        """Count the photographs of a request beyond the first; later requests wait for them.

        Args:
            name: of the caller.
            count: of photographs.
        """
        if count > 0 and (bucket := self._bucket_of_photographs(name, self._table().of(name))):
            bucket.take(float(count))

    def _bucket_of_photographs(self, name: str, rate: Rate) -> Bucket | None:
        return self._bucket(self._photographs, name, rate, rate.photographs)

    def _bucket(self, buckets: Buckets, name: str, rate: Rate, per_minute: float) -> Bucket | None:
        if per_minute <= 0:
            return None
        return buckets.of(name, rate, lambda: Bucket(per_minute, rate.burst_seconds, self._clock()))


def _rate(where: str, table: Any, base: Rate) -> Rate:
    if not isinstance(table, dict) or not table.keys() <= _FIELDS:
        raise ValueError(f"[{where}] holds {', '.join(sorted(_FIELDS))} and nothing else")
    for name, value in table.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value < (name == "burst_seconds"):
            raise ValueError(f"[{where}] {name} must be a number, 0 or more (a burst: 1 s or more)")
    return Rate(
        float(table.get("requests", base.requests)),
        float(table.get("photographs", base.photographs)),
        float(table.get("burst_seconds", base.burst_seconds)),
    )
