"""Test that replicas follow the load."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final

from loadtests.attack.clients import clients
from tests.cluster.asking import BODY, PREDICT, Load, load
from tests.cluster.bench import Bench
from tests.cluster.capabilities import PROMETHEUS_SERVICE, Capabilities
from tests.cluster.conftest import need
from tests.cluster.forwarding import Tunnel
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Overlay, Patch, replace
from tests.cluster.settings import ClusterSettings
from tests.cluster.test_monitoring import watched_by
from tests.cluster.waiting import until

Say = Callable[[str], None]

MOST: Final = 3
"""Replicas: two cores carry no more."""
DEPLOYMENT: Final = "melanoma-predictor"


def test_hpa(
    bench: Bench,
    capabilities: Capabilities,
    found_gateway: tuple[Gateway | None, str],
    settings: ClusterSettings,
    measured: Say,
) -> None:
    """`autoscaling-hpa`: load makes more replicas, and no request fails."""
    need(capabilities.lacks_metrics_server())
    bench.ensure(Overlay())
    bench.ensure(Overlay(_with(found_gateway, "autoscaling-hpa"), replicas=(1, MOST)))
    _scales(bench, capabilities, found_gateway[0], settings, measured)


def test_keda(
    bench: Bench,
    capabilities: Capabilities,
    found_gateway: tuple[Gateway | None, str],
    settings: ClusterSettings,
    measured: Say,
) -> None:
    """`autoscaling-keda`: requests in flight make more replicas, and no request fails."""
    need(capabilities.lacks_keda())
    namespace, why = capabilities.prometheus()
    need(why)
    bench.ensure(Overlay())
    components = _with(found_gateway, "autoscaling-keda", "monitoring")
    bench.ensure(Overlay(components, patches=(watched_by(namespace), scaled_by(namespace))))
    _scales(bench, capabilities, found_gateway[0], settings, measured)


def scaled_by(namespace: str) -> Patch:
    """Point KEDA to the Prometheus of a namespace and limit replicas to two cores."""
    address = f"http://{PROMETHEUS_SERVICE}.{namespace}.svc:9090"
    return (
        {"kind": "ScaledObject"},
        [
            replace("/spec/minReplicaCount", 1),
            replace("/spec/maxReplicaCount", MOST),
            replace("/spec/triggers/0/metadata/serverAddress", address),
            # Of the clients of a test, some wait at the gateway.
            replace("/spec/triggers/0/metadata/threshold", "1"),
        ],
    )


def _with(found: tuple[Gateway | None, str], *components: str) -> tuple[str, ...]:
    return (*components, "gateway") if found[0] else components


def _scales(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway | None,
    settings: ClusterSettings,
    measured: Say,
) -> None:
    start = len(bench.pods())
    began = time.monotonic()
    with _loaded(bench, capabilities, gateway, settings.clients) as seen:
        until(
            lambda: len(bench.pods()) > start,
            settings.scale_seconds,
            f"{DEPLOYMENT} has more than {start} ready pods",
            lambda: f"{_wanted(bench)} wanted; {seen.summary}; {bench.why_not_ready()}",
        )
        seconds = time.monotonic() - began
        time.sleep(settings.load_seconds)
    measured(f"{start} to {len(bench.pods())} replicas after {seconds:.0f} s; {seen.summary}")
    if gateway is not None:
        seen.assert_unharmed()


@contextlib.contextmanager
def _loaded(
    bench: Bench, capabilities: Capabilities, gateway: Gateway | None, count: int
) -> Iterator[Load]:
    """Load through the gateway, or to a pod if there is no gateway."""
    if gateway is not None:
        with load(bench, capabilities, gateway, count) as seen:
            yield seen
        return
    with (
        Tunnel(bench.kubectl, bench.namespace, "service/lesionlens-predictor", 80) as tunnel,
        clients(tunnel.address, PREDICT, [BODY], count, "application/json") as tally,
    ):
        yield Load(tally, tunnel)


def _wanted(bench: Bench) -> str:
    deployment = bench.get("deployments.apps", DEPLOYMENT) or {"spec": {}}
    return f"{deployment['spec'].get('replicas', 1)} replicas"
