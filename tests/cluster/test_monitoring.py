"""Test the component ``monitoring`` with a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import httpx

from tests.cluster.asking import PREDICT, ask
from tests.cluster.bench import Bench
from tests.cluster.capabilities import PROMETHEUS_SERVICE, Capabilities
from tests.cluster.conftest import need
from tests.cluster.forwarding import Tunnel
from tests.cluster.overlay import Overlay, Patch, replace
from tests.cluster.waiting import until

Say = Callable[[str], None]

HEALTHY_SECONDS: Final = 300.0
"""The operator reloads Prometheus within a minute or two; rules of a minute are then evaluated."""
POLICY: Final = {"kind": "NetworkPolicy", "name": "lesionlens-metrics"}


def watched_by(namespace: str) -> Patch:
    """Admit a Prometheus in another namespace than that of the charts."""
    place = "/spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name"
    return POLICY, [replace(place, namespace)]


def test_monitoring(bench: Bench, capabilities: Capabilities, measured: Say) -> None:
    """`monitoring`: Prometheus scrapes every pod, and every rule is healthy."""
    namespace, why = capabilities.prometheus()
    need(why)
    bench.ensure(Overlay(("monitoring",), patches=(watched_by(namespace),)))
    with Tunnel(bench.kubectl, bench.namespace, "service/lesionlens-predictor", 80) as tunnel:
        assert ask(tunnel.address, PREDICT).status == 200
    pods = len(bench.pods()) + len(bench.pods("melanoma-explainer"))
    with Tunnel(bench.kubectl, namespace, f"service/{PROMETHEUS_SERVICE}", 9090) as tunnel:
        url = f"http://{tunnel.address}/api/v1"
        targets = until(
            lambda: _healthy(_targets(url, bench.namespace), pods),
            HEALTHY_SECONDS,
            f"{pods} targets of {bench.namespace} are healthy",
            lambda: str(_targets(url, bench.namespace)),
        )
        rules = until(
            lambda: _healthy(_rules(url, bench.namespace), 1),
            HEALTHY_SECONDS,
            f"every rule of {bench.namespace} is healthy",
            lambda: str(
                [one for one in _rules(url, bench.namespace) if one[1] not in ("ok", "up")]
            ),
        )
    measured(f"{len(targets)} targets, {len(rules)} rules")


def _healthy(found: list[tuple[str, str, str]], count: int) -> list[tuple[str, str, str]] | None:
    """Return the results if there are enough and all are healthy."""
    well = all(health in ("up", "ok") for _, health, _ in found)
    return found if len(found) >= count and well else None


def _targets(url: str, namespace: str) -> list[tuple[str, str, str]]:
    """Name, health and error of the targets in a namespace."""
    active = _data(f"{url}/targets?state=active").get("activeTargets", [])
    return [
        (str(one["labels"].get("pod")), str(one["health"]), str(one.get("lastError", "")))
        for one in active
        if one["labels"].get("namespace") == namespace
    ]


def _rules(url: str, namespace: str) -> list[tuple[str, str, str]]:
    """Name, health and error of the rules of a namespace."""
    groups = _data(f"{url}/rules").get("groups", [])
    return [
        (str(rule["name"]), str(rule["health"]), str(rule.get("lastError", "")))
        for group in groups
        if f"/{namespace}-" in group.get("file", "")
        for rule in group["rules"]
    ]


def _data(url: str) -> dict[str, Any]:
    """Data of a Prometheus response; empty while the connection is broken."""
    try:
        reply = httpx.get(url, trust_env=False, timeout=30)
        found: dict[str, Any] = reply.json().get("data", {})
    except (httpx.HTTPError, ValueError):
        return {}
    return found
