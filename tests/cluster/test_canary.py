"""Test two releases at once: our component `canary` and KServe's field."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from typing import Final

from k8s.rollout.manifests import SERVICE
from k8s.rollout.release import Release
from tests.cluster.asking import PREDICT, ask, sigmas, wait_for_answer
from tests.cluster.bench import Bench, Object
from tests.cluster.capabilities import KSERVE, ROUTES, Capabilities
from tests.cluster.conftest import need
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Overlay
from tests.cluster.settings import ClusterSettings
from tests.cluster.waiting import until

Say = Callable[[str], None]

REQUESTS: Final = 400
SHARE: Final = 0.1
SIGMAS: Final = 4.0
GONE_SECONDS: Final = 120.0
PRUNED: Final = (
    (ROUTES, "lesionlens-canary"),
    (KSERVE, f"{SERVICE}-canary"),
    ("services", "lesionlens-canary"),
    ("poddisruptionbudgets.policy", "lesionlens-canary"),
)
BLUE: Final = f"{SERVICE}-blue-predictor"


def test_share(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway,
    first: Release,
    second: Release,
    measured: Say,
) -> None:
    """The component `canary` gives a tenth of the predictions to the other release (4 sigma)."""
    bench.ensure(Overlay(("gateway", "canary"), canary=second), first)
    assert bench.route is not None
    host = bench.route.host
    versions: Counter[str] = Counter()
    with gateway.reached(capabilities) as (address, _):
        wait_for_answer(address, PREDICT, host, 60, f"the route of {host}")
        for _ in range(REQUESTS):
            reply = ask(address, PREDICT, host)
            assert reply.status == 200, f"{reply.status} {reply.content[:200]!r}"
            versions[reply.document["predictions"][0]["model_version"]] += 1
    canary = sum(n for version, n in versions.items() if version.endswith("-second"))
    measured(f"{REQUESTS - canary} to {canary}")
    assert sigmas(canary, REQUESTS, SHARE) <= SIGMAS, versions


def test_removed(
    bench: Bench, gateway: Gateway, first: Release, second: Release, measured: Say
) -> None:
    """A component taken out of the overlay is removed: its route, InferenceService and the rest."""
    assert gateway
    bench.ensure(Overlay(("gateway", "canary"), canary=second), first)
    for kind, name in PRUNED:
        assert bench.get(kind, name), f"{kind} {name} was not there"

    outcome = bench.deploy(Overlay(("gateway",)), first)

    assert outcome.status == 0, outcome.text
    assert "httproutes.gateway.networking.k8s.io/lesionlens-canary removed" in outcome.text
    for kind, name in PRUNED:
        until(lambda: not bench.get(kind, name), GONE_SECONDS, f"{kind} {name} is gone")  # noqa: B023
    until(
        lambda: not bench.objects("pods", f"app=isvc.{SERVICE}-canary-predictor"),
        GONE_SECONDS,
        "the canary's pods are gone",
    )
    assert bench.get("persistentvolumeclaims", "lesionlens-models")
    measured(", ".join(f"{kind.partition('.')[0]}/{name}" for kind, name in PRUNED))


def test_spec_canary(
    bench: Bench, capabilities: Capabilities, settings: ClusterSettings, measured: Say
) -> None:
    """Pods of `spec.canary` (KServe 0.20) get no request through our Service of the predictor."""
    need(capabilities.lacks_spec_canary())
    bench.ensure(Overlay())
    service = bench.get(KSERVE, SERVICE)
    assert service is not None
    predictor = copy.deepcopy(service["spec"]["predictor"])
    predictor.pop("maxReplicas", None)
    predictor["name"] = "blue"
    try:
        _patch(bench, [{"trafficPercent": 10, "predictor": predictor}])
        until(
            lambda: bench.pods(BLUE),
            settings.deploy_seconds,
            f"a pod of {BLUE} is ready",
            bench.why_not_ready,
        )
        names = until(lambda: _endpoints(bench), 30, "lesionlens-predictor has endpoints")
        labels = {
            pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in bench.objects("pods")
        }
        apps = {labels[name].get("app") for name in names if name in labels}
        assert apps == {f"isvc.{SERVICE}-predictor"}
        measured(f"endpoints: {', '.join(sorted(names))}")
    finally:
        bench.disturbed()
        _patch(bench, None)


def _patch(bench: Bench, canary: list[Object] | None) -> None:
    patch = json.dumps({"spec": {"canary": canary}})
    bench("patch", KSERVE, SERVICE, "--type", "merge", "--patch", patch)


def _endpoints(bench: Bench) -> set[str]:
    """Names of the pods that our Service of the predictor leads to."""
    slices = bench.objects(
        "endpointslices.discovery.k8s.io", "kubernetes.io/service-name=lesionlens-predictor"
    )
    return {
        str(endpoint["targetRef"]["name"])
        for one in slices
        for endpoint in one.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") and "targetRef" in endpoint
    }
