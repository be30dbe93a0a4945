"""Test that a failing deployment names the obstacle."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.k8s.rollout.api_double import Object
from tests.k8s.rollout.rollouts import BAD, GOOD, Rollout, listing
from tests.k8s.rollout.simulated import SPACE, Cluster

pytestmark = pytest.mark.slow


def test_termination_message_of_a_pod_ends_the_wait(rollout: Callable[..., Rollout]) -> None:
    there = rollout(
        Cluster(
            starts={BAD.digest: False},
            pod_status={"melanoma-explainer": ended(12, "a line\nerror: another archive\n", 1)},
        )
    )

    assert there.failure(BAD).startswith(
        "pod melanoma-explainer-1, container kserve-container ended with status 12: "
        "error: another archive. What ran before runs on"
    )


def test_waits_for_everything_in_the_overlay(rollout: Callable[..., Rollout]) -> None:
    crash = ended(2, "error: page_port", 1)
    there = rollout(
        Cluster(starts={"lesionlens-page": False}, pod_status={"lesionlens-page": crash})
    )
    listing(there.overlay, "page")
    starting = there.failure(GOOD)

    assert "lesionlens-page: 1 of 2 updated, 0 available" in starting
    assert (
        "pod lesionlens-page-1, container kserve-container ended with status 2: error: page_port"
        in starting
    )
    there.cluster.pod_status["lesionlens-page"] = ended(2, "error: page_port", 3)
    assert "restarted 3 times" in there.failure(GOOD)


def test_names_unschedulable_pod(rollout: Callable[..., Rollout]) -> None:
    message = "0/1 nodes are available: 1 Insufficient memory."
    pending = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": message}],
    }
    there = rollout(
        Cluster(starts={BAD.digest: False}, pod_status={"melanoma-predictor": pending}),
        forbidden={"events"},
    )

    assert "is Pending" in there.failure(BAD)

    assert f"  pod melanoma-predictor-1 is Pending: {message}" in there.said
    assert sum("events may not be listed" in line for line in there.said) == 1


def test_names_pods_rejected_by_admission_with_the_fix(
    rollout: Callable[..., Rollout],
) -> None:
    message = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": (container '
    refused = f'{message}"storage-initializer" must set allowPrivilegeEscalation=false)'
    there = rollout(Cluster(refused={"melanoma-predictor": refused}))

    why = there.failure(GOOD)

    assert "melanoma-predictor gets no pods, FailedCreate: pods" in why
    assert "kubectl patch clusterstoragecontainer default --type merge" in why


def test_names_missing_volume(rollout: Callable[..., Rollout]) -> None:
    waiting = {"containerStatuses": [{"name": "kserve-container", "state": {"waiting": {}}}]}
    there = rollout(Cluster(starts={BAD.digest: False}, pod_status={"melanoma-predictor": waiting}))
    there.api.objects[f"/api/v1/{SPACE}/events/e"] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "reason": "FailedMount",
        "message": "configmap\n not found",
        "involvedObject": {"name": "melanoma-predictor-1", "uid": "pod-melanoma-predictor-1"},
    }

    assert "FailedMount" in there.failure(BAD)

    assert "  pod melanoma-predictor-1, FailedMount: configmap not found" in there.said


def test_names_image_that_cannot_be_pulled(rollout: Callable[..., Rollout]) -> None:
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    status = {"name": "kserve-container", "state": {"waiting": waiting}, "restartCount": 0}
    there = rollout(
        Cluster(
            starts={BAD.digest: False},
            pod_status={"melanoma-predictor": {"containerStatuses": [status]}},
        )
    )

    assert "container kserve-container: ErrImagePull: no such image" in there.failure(BAD)


def ended(status: int, message: str, restarts: int) -> Object:
    """Status of a pod whose container ended and waits for a restart."""
    return {
        "containerStatuses": [
            {
                "name": "kserve-container",
                "restartCount": restarts,
                "ready": False,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": status, "message": message}},
            }
        ]
    }
