"""Wait until everything in an overlay runs as specified, or say why it does not."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from k8s.rollout import obstacles, state
from k8s.rollout.errors import ForbiddenError, RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.manifests import SERVICE, Manifests, Object, Workload
from k8s.rollout.obstacles import Obstacle

POLL_SECONDS: Final = 2.0
STABLE_POLLS: Final = 2
"""Polls in a row in which all must be complete: KServe updates a Deployment with a delay."""
SETTLE_SECONDS: Final = 10.0
"""Seconds after which an obstacle belongs to this rollout and not to the previous one."""
ACCEPTED: Final = {
    "InferenceService": "inferenceservices.serving.kserve.io",
    "ScaledObject": "scaledobjects.keda.sh",
    "HTTPRoute": "httproutes.gateway.networking.k8s.io",
}
"""Kinds whose controller reports the state of an object, with the conditions."""


@dataclass(frozen=True)
class Ready:
    """A complete rollout."""

    url: str
    """URL of the service from KServe; empty if there is none."""

    pods: dict[str, str]
    """A ready pod of the overlay's release, by the name of its Deployment."""


@dataclass
class Readiness:
    """Waits for one rollout.

    Attributes:
        kubectl: of the cluster.
        manifests: of the overlay that was applied.
        say: called with a line for each change.
    """

    kubectl: Kubectl
    manifests: Manifests
    say: Callable[[str], None]
    _may_list_events: bool = True
    _told: set[str] = field(default_factory=set)

    def wait(self, seconds: float) -> Ready:
        """Wait until the rollout of every Deployment is complete and every object is accepted.

        Args:
            seconds: that it may take.

        Raises:
            RolloutError: a pod will never run so, or time is up; the message says why.
        """
        start = time.monotonic()
        deadline = start + seconds
        said, complete = "", 0
        while True:
            seen = self._look()
            now = "; ".join(seen.missing) or "all complete"
            if now != said:
                said = now
                self.say(f"  {now}")
            for obstacle in seen.obstacles:
                if obstacle.text not in self._told:
                    self._told.add(obstacle.text)
                    self.say(f"  {obstacle.text}")
                if obstacle.final and time.monotonic() > start + SETTLE_SECONDS:
                    raise RolloutError(
                        f"{obstacle.text}. What ran before runs on; `make rollback` undoes this"
                    )
            complete = 0 if seen.missing else complete + 1
            if complete >= STABLE_POLLS:
                return Ready(seen.url, seen.pods)
            if time.monotonic() > deadline:
                reasons = "; ".join(one.text for one in seen.obstacles)
                raise RolloutError(
                    f"not ready after {seconds:g} s: {now}" + (f" ({reasons})" if reasons else "")
                )
            time.sleep(POLL_SECONDS)

    def _look(self) -> _Seen:
        found = self._found()
        seen = _Seen()
        for workload in self.manifests.workloads():
            deployment = found["Deployment"].get(workload.deployment)
            replica_sets, pods = (list(found[kind].values()) for kind in ("ReplicaSet", "Pod"))
            owned = state.pods_of(deployment, replica_sets, pods)
            newest = state.newest(workload, deployment, replica_sets, pods)
            if why := state.incomplete(workload, deployment, owned):
                seen.missing.append(f"{workload.deployment}: {why}")
                seen.obstacles += self._obstacles(workload, deployment, newest)
            ready = [pod for pod in newest if state.is_ready(pod)]
            if ready:
                seen.pods[workload.deployment] = str(ready[0]["metadata"]["name"])
        for kind in ACCEPTED:
            for wanted in self.manifests.of_kind(kind):
                name = wanted["metadata"]["name"]
                thing = found[kind].get(name, {})
                if why := _not_accepted(kind, thing):
                    seen.missing.append(f"{kind} {name}: {why}")
        service = found["InferenceService"].get(SERVICE, {})
        seen.url = str(service.get("status", {}).get("url", ""))
        return seen

    def _found(self) -> dict[str, dict[str, Object]]:
        """Return objects by kind and name: the awaited ones and their parts."""
        kinds = [resource for kind, resource in ACCEPTED.items() if self.manifests.of_kind(kind)]
        listed = ",".join(("pods", "replicasets.apps", "deployments.apps", *kinds))
        found: dict[str, dict[str, Object]] = defaultdict(dict)
        for one in self.kubectl.list(listed, self.manifests.namespace):
            found[one["kind"]][one["metadata"]["name"]] = one
        return found

    def _obstacles(
        self, workload: Workload, deployment: Object | None, pods: list[Object]
    ) -> Iterator[Obstacle]:
        if why := state.stuck(deployment):
            yield obstacles.of_deployment(workload.deployment, why)
        for pod in pods:
            yield from obstacles.of_pod(pod)
        if any(not state.is_ready(pod) for pod in pods) and self._may_list_events:
            try:
                events = self.kubectl.list("events", self.manifests.namespace)
            except ForbiddenError:
                self._may_list_events = False
                self.say("  events may not be listed: a volume that is missing is not named")
                return
            yield from obstacles.of_events(events, pods)


@dataclass
class _Seen:
    """State of the cluster at one poll."""

    missing: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    pods: dict[str, str] = field(default_factory=dict)
    url: str = ""


def _not_accepted(kind: str, found: Object) -> str:
    """Return why a controller is not done with an object; empty if it is."""
    status = found.get("status", {})
    generation = found.get("metadata", {}).get("generation", 0)
    if status.get("observedGeneration", generation) < generation:
        return "its change is not taken up yet"
    if kind == "HTTPRoute":
        listed = [one for parent in status.get("parents", ()) for one in parent["conditions"]]
        wanted = "Accepted"
    else:
        listed, wanted = status.get("conditions", ()), "Ready"
    said = [one for one in listed if one["type"] == wanted]
    if said and all(one["status"] == "True" for one in said):
        return ""
    return _why(listed) or f"not {wanted} yet"


def _why(conditions: list[Object]) -> str:
    """Return the conditions that are not True, in one line."""
    return ", ".join(
        f"{one['type']} {one['status']}" + (f" ({one['reason']})" if one.get("reason") else "")
        for one in conditions
        if one["status"] != "True"
    )
