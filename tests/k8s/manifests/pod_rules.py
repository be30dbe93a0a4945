"""Rules for pods, similar to kube-linter; each yields its problems."""

import re
from collections.abc import Callable, Iterator

from tests.k8s.manifests import pod_security
from tests.k8s.manifests.building import Object
from tests.k8s.manifests.pods import Workload, of_kind, selects, workloads

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
DRAIN_SECONDS = 60
"""Within which a server has answered what it had when it was told to stop."""

Rule = Callable[[list[Object]], list[str]]


def _of_each(check: Callable[[Workload], Iterator[str]]) -> Rule:
    """Make a rule from a check of one workload."""

    def rule(objects: list[Object]) -> list[str]:
        return [f"{work.name}: {text}" for work in workloads(objects) for text in check(work)]

    return rule


@_of_each
def image_tags(work: Workload) -> Iterator[str]:
    """Require fixed image versions."""
    for container in work.containers:
        image = container["image"]
        tag = re.search(r":([\w.-]+)$|@sha256:[0-9a-f]{64}$", image)
        if tag is None or tag[1] == "latest":
            yield f"image {image} has no fixed tag"


@_of_each
def resources(work: Workload) -> Iterator[str]:
    """Require resource requests and limits."""
    for container in work.containers:
        for side in ("requests", "limits"):
            given = container.get("resources", {}).get(side, {})
            for name in {"cpu", "memory"} - given.keys():
                yield f"{container['name']} has no {name} in {side}"


@_of_each
def probes(work: Workload) -> Iterator[str]:
    """Require startup, readiness and liveness probes on an existing port."""
    if not work.long_running:
        return
    for container in work.spec["containers"]:
        ports = {port["name"] for port in container.get("ports", [])}
        for kind in PROBES:
            probe = container.get(kind)
            if probe is None:
                yield f"{container['name']} has no {kind}"
            elif probe["httpGet"]["port"] not in ports:
                yield f"{kind} asks port {probe['httpGet']['port']}, which is not among {ports}"
        alive, ready = (container.get(kind, {}) for kind in ("livenessProbe", "readinessProbe"))
        if _patience(alive) <= _patience(ready):
            yield "a pod is killed before it is taken out of service"


def _patience(probe: dict[str, int]) -> int:
    return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


@_of_each
def pod_security_restricted(work: Workload) -> Iterator[str]:
    """Require that the pod complies with `restricted`."""
    yield from pod_security.violations(work.spec)


@_of_each
def read_only_root(work: Workload) -> Iterator[str]:
    """Require a read-only root, and size limits for local volumes."""
    for container in work.containers:
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{container['name']} can write to its root"
        if "/tmp" not in {mount["mountPath"] for mount in container.get("volumeMounts", [])}:
            yield f"{container['name']} has no /tmp"
    for volume in work.spec.get("volumes", []):
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"emptyDir {volume['name']} may fill the node"


@_of_each
def mounts(work: Workload) -> Iterator[str]:
    """Require that mounts and volumes match."""
    volumes = {volume["name"] for volume in work.spec.get("volumes", [])}
    used = {m["name"] for c in work.containers for m in c.get("volumeMounts", [])}
    if volumes != used:
        yield f"volumes {sorted(volumes)}, mounted {sorted(used)}"


def service_accounts(objects: list[Object]) -> list[str]:
    """Require that no pod has credentials for the API server."""
    accounts = {
        account["metadata"]["name"]: account.get("automountServiceAccountToken")
        for account in of_kind(objects, "ServiceAccount")
    }
    found = [
        f"{name}: the account hands out a token" for name, on in accounts.items() if on is not False
    ]
    for work in workloads(objects):
        if work.spec.get("serviceAccountName") not in accounts:
            found.append(f"{work.name}: no account of its own")
        if work.spec.get("automountServiceAccountToken") is not False:
            found.append(f"{work.name}: a token is mounted")
    return found


@_of_each
def service_links(work: Workload) -> Iterator[str]:
    """Require ``enableServiceLinks: false``: variables of Services could be read as settings."""
    if work.spec.get("enableServiceLinks") is not False:
        yield "gets the variables of every Service"


@_of_each
def spread(work: Workload) -> Iterator[str]:
    """Require spread over nodes, with a selector of exactly these pods."""
    if not work.long_running:
        return
    rules = work.spec.get("topologySpreadConstraints", [])
    if "kubernetes.io/hostname" not in {rule["topologyKey"] for rule in rules}:
        yield "not spread over nodes"
    for rule in rules:
        if not selects(rule["labelSelector"], work.labels):
            yield f"the spread over {rule['topologyKey']} does not count its own pods"


@_of_each
def time_to_drain(work: Workload) -> Iterator[str]:
    """Require a grace period and a termination message."""
    grace = work.spec.get("terminationGracePeriodSeconds", 30)
    if work.labels.get("component") and grace <= DRAIN_SECONDS:
        yield f"killed {grace} s after it was told to stop"
    for container in work.spec["containers"]:
        if container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            yield f"{container['name']}: its last words are lost"


RULES: dict[str, Rule] = {
    "image tags": image_tags,
    "resources": resources,
    "probes": probes,
    "pod security": pod_security_restricted,
    "read-only root": read_only_root,
    "mounts": mounts,
    "service accounts": service_accounts,
    "service links": service_links,
    "spread": spread,
    "time to drain": time_to_drain,
}
