"""Find what keeps a pod from running, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from k8s.rollout.manifests import Object

MAX_RESTARTS: Final = 3
"""Restarts of a container that never became ready, after which waiting is pointless."""
REFUSALS: Final = range(10, 20)
"""Exit codes of a serving pod that will never run as configured (``serving.pod.errors``)."""
STARTING: Final = ("ContainerCreating", "PodInitializing")
EVENTS: Final = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
"""Reasons of warning events that are not in a pod's status."""
COMPLIANT: Final = (
    '{"spec":{"container":{"name":"storage-initializer","securityContext":'
    '{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"runAsNonRoot":true,'
    '"seccompProfile":{"type":"RuntimeDefault"}}}}}'
)
FIX_INITIALIZER: Final = (
    "KServe's init container does not comply; once a cluster: kubectl patch "
    f"clusterstoragecontainer default --type merge --patch '{COMPLIANT}'"
)
FIX_MODEL_CAR: Final = (
    "KServe's model car does not comply; for this namespace: kubectl label namespace NAMESPACE "
    "--overwrite pod-security.kubernetes.io/enforce=baseline"
)


@dataclass(frozen=True)
class Obstacle:
    """A reason why something does not run."""

    text: str
    final: bool = False
    """Whether waiting is pointless."""


def of_pod(pod: Object) -> Iterator[Obstacle]:
    """Find what keeps one pod from running."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Obstacle(f"pod {name} is Pending: {_line(condition.get('message'))}")
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key, ()):
            yield from _of_container(name, container)


def of_deployment(name: str, why: str) -> Obstacle:
    """Find out whether admission or a quota rejects the Deployment's pods.

    Args:
        name: of the Deployment.
        why: from :func:`k8s.rollout.state.stuck`.
    """
    fix = ""
    if "violates PodSecurity" in why and "storage-initializer" in why:
        fix = f". {FIX_INITIALIZER}"
    elif "violates PodSecurity" in why and "modelcar" in why:
        fix = f". {FIX_MODEL_CAR}"
    return Obstacle(f"{name} gets no pods, {_line(why)}{fix}")


def of_events(events: list[Object], pods: list[Object]) -> Iterator[Obstacle]:
    """Return warnings about pods that have not started, such as a volume that cannot be mounted.

    Args:
        events: of the namespace.
        pods: that the warnings may be about.
    """
    starting = {pod["metadata"].get("uid") for pod in pods if _is_starting(pod)}
    for event in events:
        about = event.get("involvedObject", {})
        if event.get("reason") in EVENTS and about.get("uid") in starting:
            name, reason = about.get("name"), event["reason"]
            yield Obstacle(f"pod {name}, {reason}: {_line(event.get('message'))}")


def _of_container(pod: str, container: Object) -> Iterator[Obstacle]:
    name, now = container["name"], container.get("state", {})
    waiting = now.get("waiting")
    if waiting and waiting.get("reason") not in (*STARTING, "CrashLoopBackOff", None):
        yield Obstacle(
            f"pod {pod}, container {name}: {waiting['reason']}: {_line(waiting.get('message'))}"
        )
    ended = now.get("terminated") or container.get("lastState", {}).get("terminated")
    restarts = container.get("restartCount", 0)
    if ended and not container.get("ready") and (ended["exitCode"] or restarts):
        said = (ended.get("message") or "").strip().splitlines()
        words = said[-1] if said else ended.get("reason", "")
        again = f", restarted {restarts} times" if restarts > 1 else ""
        yield Obstacle(
            f"pod {pod}, container {name} ended with status {ended['exitCode']}{again}: "
            f"{words or 'it said nothing'}",
            ended["exitCode"] in REFUSALS or restarts >= MAX_RESTARTS,
        )


def _is_starting(pod: Object) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return not any(one.get("started") or one.get("state", {}).get("running") for one in statuses)


def _line(text: str | None) -> str:
    return " ".join((text or "no message").split())
