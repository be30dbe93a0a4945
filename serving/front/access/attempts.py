"""Limit failed authentication attempts by address: 401 responses and log lines."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from typing import Final

from serving.front.access.rates import MINUTE, Bucket, Buckets

IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that identify one customer of a provider."""


class FailedAttempts:
    """Counts failed attempts only: a valid key is never refused because of its neighbours.

    Behind a gateway all clients share its address, so to lock an address out would let anybody lock
    out everybody. Nor is there anything to guess: a key has 256 random bits.

    Args:
        per_minute: answered with 401 from one address; further ones get 429 and no line in the log.
        clock: seconds, for tests.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._buckets = Buckets()

    def failed(self, address: str) -> int:
        """Record a failed attempt; returns seconds until the next 401, 0 for this one.

        Args:
            address: of the client, IPv4 or IPv6.
        """
        now = self._clock()
        bucket = self._buckets.of(
            network(address),
            self._per_minute,
            lambda: Bucket(self._per_minute, MINUTE, now),
        )
        if wait := bucket.seconds_until(1.0, now):
            return max(1, math.ceil(wait))
        bucket.take(1.0)
        return 0


def network(address: str) -> str:
    """Return the network that counts as one address: an IPv4 address, or 64 bits of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
