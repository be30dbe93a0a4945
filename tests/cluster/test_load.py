"""Test that no request fails under load through a gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from k8s.rollout.errors import RolloutError
from k8s.rollout.release import Release
from tests.cluster.asking import load
from tests.cluster.bench import Bench, Object
from tests.cluster.capabilities import Capabilities
from tests.cluster.conftest import need
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Overlay, add
from tests.cluster.settings import ClusterSettings
from tests.cluster.waiting import until

Say = Callable[[str], None]

UNDER_LOAD = Overlay(("gateway",), replicas=(2, 2))
EVICTED_SECONDS = 180.0
AGAIN_SECONDS = 180.0
KILL_WORKER = """
import os, signal
killed = []
for entry in os.listdir("/proc"):
    try:
        command = open(f"/proc/{entry}/cmdline", "rb").read() if entry.isdigit() else b""
    except OSError:
        continue
    if b"model_service_worker" in command and int(entry) != os.getpid():
        os.kill(int(entry), signal.SIGKILL)
        killed.append(entry)
print("killed", *killed)
"""
KILL_POD = """
import os, signal
for entry in os.listdir("/proc"):
    try:
        command = open(f"/proc/{entry}/cmdline", "rb").read() if entry.isdigit() else b""
    except OSError:
        continue
    if command.split(bytes(1))[1:3] == [b"-m", b"serving.pod"]:
        print("killed", entry, flush=True)
        os.kill(int(entry), signal.SIGKILL)
"""


def test_new_release(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway,
    settings: ClusterSettings,
    first: Release,
    second: Release,
    measured: Say,
) -> None:
    """A new release under load: no request fails."""
    bench.ensure(UNDER_LOAD, first)
    with load(bench, capabilities, gateway, settings.clients) as seen:
        time.sleep(settings.load_seconds)
        outcome = bench.deploy(UNDER_LOAD, second)
        time.sleep(settings.load_seconds)
    assert outcome.status == 0, outcome.text
    measured(seen.summary)
    seen.assert_unharmed()


def test_evictions(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway,
    settings: ClusterSettings,
    measured: Say,
) -> None:
    """Pods evicted one after another, as a drained node does, against the budgets: none fails."""
    bench.ensure(UNDER_LOAD)
    refused = 0
    with load(bench, capabilities, gateway, settings.clients) as seen:
        time.sleep(settings.load_seconds)
        for pod in bench.pods():
            refused += _evict(bench, str(pod["metadata"]["name"]))
        until(lambda: len(bench.pods()) == 2, AGAIN_SECONDS, "both pods are replaced")
        time.sleep(settings.load_seconds)
    measured(f"{seen.summary}; the budget held back {refused} tries")
    seen.assert_unharmed()
    assert refused > 0, "the second eviction was not held back while a pod was missing"


def test_worker_killed(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway,
    settings: ClusterSettings,
    measured: Say,
) -> None:
    """A worker killed with SIGKILL under load: no request fails, no container restarts."""
    bench.ensure(UNDER_LOAD)
    before = {_name(pod): _restarts(pod) for pod in bench.pods()}
    with load(bench, capabilities, gateway, settings.clients) as seen:
        time.sleep(settings.load_seconds)
        said = _inside(bench, next(iter(before)), KILL_WORKER)
        assert said.split()[1:], f"no worker was found in {next(iter(before))}"
        time.sleep(settings.load_seconds)
        seen.progress(settings.clients, 60)
    measured(seen.summary)
    seen.assert_unharmed()
    assert {_name(pod): _restarts(pod) for pod in bench.pods()} == before


def test_container_killed(
    bench: Bench,
    capabilities: Capabilities,
    gateway: Gateway,
    settings: ClusterSettings,
    measured: Say,
) -> None:
    """A container killed with SIGKILL under load: with a route that repeats, no request fails."""
    need(capabilities.lacks_retry())
    # So that the entry point is not process 1, which no signal from within its container kills.
    shared = (
        {"kind": "InferenceService", "name": "melanoma"},
        [add("/spec/predictor/shareProcessNamespace", True)],
    )
    components = ("gateway", settings.retry_component)
    bench.ensure(Overlay(components, replicas=(2, 2), patches=(shared,)))
    pod = _name(bench.pods()[0])
    with load(bench, capabilities, gateway, settings.clients) as seen:
        time.sleep(settings.load_seconds)
        _inside(bench, pod, KILL_POD, may_break=True)
        until(lambda: _killed(bench, pod), 30, f"the container of {pod} is killed")
        until(lambda: len(bench.pods()) == 2, AGAIN_SECONDS, f"{pod} is ready again")
        time.sleep(settings.load_seconds)
    measured(seen.summary)
    if seen.failures and not _repeats(capabilities, gateway):
        pytest.skip(f"the gateway does not say that it repeats requests: {seen.summary}")
    seen.assert_unharmed()


def _evict(bench: Bench, pod: str) -> int:
    """Evict a pod as soon as its budget allows, and count the rejections."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": bench.namespace},
    }
    path = f"/api/v1/namespaces/{bench.namespace}/pods/{pod}/eviction"
    refused, deadline = 0, time.monotonic() + EVICTED_SECONDS
    while True:
        try:
            bench.outside("create", "--raw", path, "--filename", "-", given=json.dumps(eviction))
            return refused
        except RolloutError as error:
            if "disruption budget" not in str(error) or time.monotonic() > deadline:
                raise
        refused += 1
        time.sleep(1)


def _inside(bench: Bench, pod: str, script: str, may_break: bool = False) -> str:
    """Run Python in a server's container and return its output."""
    inside = ("exec", pod, "--container", "kserve-container", "--", "python", "-c", script)
    try:
        return bench.long(*inside, seconds=60)
    except RolloutError:
        if may_break:  # the container ends with what runs in it
            return ""
        raise


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])


def _restarts(pod: Object) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))


def _killed(bench: Bench, pod: str) -> bool:
    """Whether a pod's container was ended by SIGKILL (137) and counted as a restart."""
    found = bench.get("pod", pod) or {}
    for one in found.get("status", {}).get("containerStatuses", ()):
        states = (one.get("state", {}), one.get("lastState", {}))
        if any(state.get("terminated", {}).get("exitCode") == 137 for state in states):
            return True
    return False


def _repeats(capabilities: Capabilities, gateway: Gateway) -> bool:
    """Whether a gateway's class says that it obeys `retry`."""
    found = capabilities.get(
        *("gateways.gateway.networking.k8s.io", gateway.name, "--namespace", gateway.namespace)
    )
    name = found.get("spec", {}).get("gatewayClassName", "")
    chosen = capabilities.get("gatewayclasses.gateway.networking.k8s.io", name)
    features = chosen.get("status", {}).get("supportedFeatures", ())
    names = [str(one.get("name") if isinstance(one, dict) else one) for one in features]
    return any(name.startswith("HTTPRouteRetry") for name in names)
