"""Decide whether a Deployment's rollout is complete, from its status and its pods."""

from __future__ import annotations

from k8s.rollout.manifests import DIGEST, Object, Workload


def incomplete(workload: Workload, deployment: Object | None, pods: list[Object]) -> str:
    """Return what the rollout of a Deployment still lacks; empty if it is complete.

    KServe's own ``Ready`` does not show it: it stays True while the previous release's pods serve.

    Args:
        workload: what the overlay asks for.
        deployment: as the cluster has it; None where there is none.
        pods: of the Deployment, see :func:`pods_of`.
    """
    if deployment is None:
        return "not there yet"
    template = _container(deployment["spec"]["template"], workload.container)
    if template is None:
        return f"has no container {workload.container}"
    if (differs := _difference(workload, template)) is not None:
        return f"not updated yet: {differs}"
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return "its change is not taken up yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    total = status.get("replicas", 0)
    if (updated, available, total) != (wanted, wanted, wanted):
        old = f", {total - updated} of before left" if total > updated else ""
        return f"{updated} of {wanted} updated, {available} available{old}"
    others = [pod for pod in pods if not is_ending(pod) and _runs_another(workload, pod)]
    if others:
        return f"{len(others)} pods of another release left"
    return ""


def stuck(deployment: Object | None) -> str:
    """Return why no pod of a Deployment can be created or become ready; empty if unknown."""
    for condition in (deployment or {}).get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"{condition.get('reason')}: {condition.get('message', '')}"
    return ""


def pods_of(
    deployment: Object | None, replica_sets: list[Object], pods: list[Object]
) -> list[Object]:
    """Return the pods of a Deployment that belong to some of its ReplicaSets.

    Args:
        deployment: as the cluster has it; None has no pods.
        replica_sets: of the namespace, or some of them.
        pods: of the namespace.
    """
    if deployment is None:
        return []
    owned = {_uid(one) for one in replica_sets if _owner(one) == _uid(deployment)}
    return [pod for pod in pods if _owner(pod) in owned]


def newest(
    workload: Workload, deployment: Object | None, replica_sets: list[Object], pods: list[Object]
) -> list[Object]:
    """Return the pods of a Deployment's last revision that run the overlay's release.

    Args: as :func:`pods_of` and :func:`incomplete`.
    """
    revision = _revision(deployment or {"metadata": {}})
    last = [one for one in replica_sets if _revision(one) == revision]
    return [
        pod
        for pod in pods_of(deployment, last, pods)
        if not is_ending(pod) and not _runs_another(workload, pod)
    ]


def is_ending(pod: Object) -> bool:
    """Whether a pod is terminating or has terminated."""
    return "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") in (
        "Succeeded",
        "Failed",
    )


def is_ready(pod: Object) -> bool:
    """Whether a pod gets requests."""
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod.get("status", {}).get("conditions", ())
    )


def _runs_another(workload: Workload, pod: Object) -> bool:
    """Whether a pod runs another release; admission may have changed its image's name."""
    container = _container(pod, workload.container) or {}
    return _environment(container).get(DIGEST, "") != workload.digest


def _difference(workload: Workload, container: Object) -> str | None:
    """Return the first difference between a container and the overlay; None if there is none."""
    if workload.image and container.get("image") != workload.image:
        return f"image {container.get('image')} instead of {workload.image}"
    has = _environment(container)
    for name, value in workload.environment:
        if has.get(name) != value:
            if name == DIGEST:
                return f"release {has.get(name) or 'of no digest'} instead of {value}"
            return f"{name} is another"
    return None


def _environment(container: Object) -> dict[str, str]:
    return {one["name"]: str(one.get("value", "")) for one in container.get("env", ())}


def _container(pod: Object, name: str) -> Object | None:
    containers: list[Object] = pod["spec"]["containers"]
    return next((one for one in containers if one["name"] == name), None)


def _revision(thing: Object) -> str:
    annotations = thing["metadata"].get("annotations", {})
    return str(annotations.get("deployment.kubernetes.io/revision", ""))


def _owner(thing: Object) -> str:
    owners = thing["metadata"].get("ownerReferences", ())
    return next((str(one["uid"]) for one in owners if one.get("controller")), "")


def _uid(thing: Object) -> str:
    return str(thing["metadata"].get("uid", thing["metadata"]["name"]))
