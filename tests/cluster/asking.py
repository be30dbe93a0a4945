"""Send requests to the service: single ones, and continuous load through a gateway."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final

from k8s.rollout import smoke
from k8s.rollout.manifests import SERVICE
from loadtests.attack.clients import Tally, clients
from tests.cluster.bench import Bench
from tests.cluster.capabilities import Capabilities
from tests.cluster.forwarding import Tunnel
from tests.cluster.gateways import Gateway

PREDICT: Final = f"/v1/models/{SERVICE}:predict"
EXPLAIN: Final = f"/v1/models/{SERVICE}:explain"
PICTURE: Final = smoke.photograph(None)
BODY: Final = json.dumps(
    {"instances": [{"data": base64.b64encode(PICTURE).decode("ascii")}]}
).encode()
ANSWER_SECONDS: Final = 60.0
PORT: Final = 8080


@dataclass(frozen=True)
class Reply:
    """HTTP response."""

    status: int
    content: bytes

    @property
    def document(self) -> Any:
        """Parsed JSON body; raises ValueError."""
        return json.loads(self.content)


def ask(address: str, path: str, host: str = "", body: bytes | None = BODY) -> Reply:
    """Send one request on a new connection.

    Args:
        address: host and port.
        path: of the request.
        host: name that a gateway goes by; unset, the address.
        body: POSTed as JSON; None: GET.

    Raises:
        OSError: there is no answer.
    """
    connection = HTTPConnection(address, timeout=ANSWER_SECONDS)
    headers = {"Content-Type": "application/json", **({"Host": host} if host else {})}
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", path, body, headers)
        reply = connection.getresponse()
        return Reply(reply.status, reply.read())


def wait_for_answer(address: str, path: str, host: str, seconds: float, what: str) -> Reply:
    """Return the first response with 200; a gateway needs a moment to learn a new route.

    Raises:
        AssertionError: time is up; the message has what came instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            reply = ask(address, path, host)
            if reply.status == 200:
                return reply
            seen = f"{reply.status} {reply.content[:200].decode(errors='replace')}"
        except OSError as error:
            seen = f"{type(error).__name__}: {error}"
        assert time.monotonic() < deadline, f"{what} does not answer within {seconds:g} s: {seen}"
        time.sleep(1)


@dataclass
class Load:
    """Clients that send continuous load through a gateway, and their statistics.

    Attributes:
        tally: of the clients.
        tunnel: that they went through; None for the gateway's own address.
    """

    tally: Tally
    tunnel: Tunnel | None

    @property
    def failures(self) -> Counter[str]:
        """Requests without status 200, except for connections broken by kubectl's port-forward."""
        counted = Counter(self.tally.failures)
        if self.tunnel is not None and self.tunnel.breaks:
            # A gateway answers for a pod that is gone; it breaks no connection of its client.
            counted = Counter({kind: n for kind, n in counted.items() if kind.isdigit()})
        return counted

    @property
    def summary(self) -> str:
        """Summary for the results table."""
        failed = sum(self.failures.values())
        kinds = ", ".join(f"{number} x {kind}" for kind, number in self.failures.items())
        text = f"{self.tally.answered:,} requests, {failed} failed" + (f" ({kinds})" * bool(kinds))
        if self.tally.rejected:
            text += f", {self.tally.rejected} rejected and sent again"
        if self.tunnel is not None and self.tunnel.breaks:
            text += f", kubectl's port-forward broke {self.tunnel.breaks} times"
        if self.tally.milliseconds:
            text += f", p95 {self.tally.p95:.0f} ms"
        return text

    def progress(self, count: int, seconds: float) -> None:
        """Wait until this number of further requests was answered.

        Raises:
            AssertionError: they were not, in that time.
        """
        wanted, deadline = self.tally.answered + count, time.monotonic() + seconds
        while self.tally.answered < wanted:
            assert time.monotonic() < deadline, f"clients are not answered: {self.summary}"
            time.sleep(0.1)

    def assert_unharmed(self) -> None:
        """Raise AssertionError if a request failed or none was answered."""
        assert self.tally.answered > 0, self.summary
        assert not self.failures, self.summary


@contextlib.contextmanager
def load(bench: Bench, capabilities: Capabilities, gateway: Gateway, count: int) -> Iterator[Load]:
    """Start clients that send predictions through the component ``gateway`` during a test.

    Args:
        bench: with a route.
        capabilities: of the cluster.
        gateway: to go through.
        count: of the clients.

    Raises:
        AssertionError: the route does not answer before the load begins.
    """
    assert bench.route is not None
    host = bench.route.host
    with gateway.reached(capabilities) as (address, tunnel):
        wait_for_answer(address, PREDICT, host, 60, f"the route of {host}")
        with clients(address, PREDICT, [BODY], count, "application/json", host) as tally:
            yield Load(tally, tunnel)


def sigmas(hits: int, total: int, share: float) -> float:
    """Distance of a count from its expected share, in binomial standard deviations."""
    return abs(hits - total * share) / math.sqrt(total * share * (1 - share))
