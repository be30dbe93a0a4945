"""Test that only the page, training, scoring and servers with a bucket have egress."""

from __future__ import annotations

import pytest

from tests.k8s.manifests.building import EVERY, Object, objects_of
from tests.k8s.manifests.pods import Workload, of_kind, selects, workloads

NEEDS = {
    "lesionlens-page": {"DNS", "servers"},
    "lesionlens-training": {"DNS", "HTTPS", "lesionlens-training"},
    "lesionlens-score": {"DNS", "HTTPS", "lesionlens-score"},
}
"""By the pods' own name; whatever is not here goes nowhere."""
FETCHING = {"DNS", "HTTPS"}
"""Of servers whose storage an init container of their pod fetches."""


def openings(objects: list[Object], work: Workload) -> set[str]:
    """Targets that a pod may reach by the policies of a set."""
    found = set()
    for policy in of_kind(objects, "NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], work.labels):
            found |= {_destination(opening) for opening in policy["spec"].get("egress", [])}
    return found


def _destination(opening: Object) -> str:
    ports = {(one["port"], one.get("protocol")) for one in opening.get("ports", [])}
    if not opening.get("to"):
        return "HTTPS" if ports == {(443, "TCP")} else "everything"
    (to,) = opening["to"]
    labels = to["podSelector"]["matchLabels"]
    if labels == {"k8s-app": "kube-dns"}:
        system = {"kubernetes.io/metadata.name": "kube-system"}
        assert to["namespaceSelector"]["matchLabels"] == system
        return "DNS" if ports == {(53, "UDP"), (53, "TCP")} else "everything"
    if labels == {"serving.kserve.io/inferenceservice": "melanoma"}:
        return "servers" if ports == {("http1", "TCP")} else "everything"
    own = labels.get("app.kubernetes.io/name", "")
    return own if own in NEEDS and to == {"podSelector": {"matchLabels": labels}} else str(to)


def needed(name: str, work: Workload) -> set[str]:
    if work.labels.get("component") in ("predictor", "explainer"):
        fetching = ("storage-s3", "access-issuer", "all, ", "overlays/production")
        return FETCHING if any(part in name for part in fetching) else set()
    return NEEDS.get(work.labels["app.kubernetes.io/name"], set())


@pytest.mark.parametrize("name", EVERY)
def test_egress_allows_only_what_a_pod_needs(name: str) -> None:
    objects = objects_of(name)

    for work in workloads(objects):
        assert openings(objects, work) == needed(name, work), work.name


def test_most_pods_have_no_egress() -> None:
    closed = {
        work.name
        for name in (
            "base",
            "overlays/local",
            "base + storage-pvc",
            "publisher",
            "training/publish",
        )
        for work in workloads(objects_of(name))
        if not openings(objects_of(name), work)
    }

    assert closed == {
        *("melanoma-predictor", "melanoma-explainer"),
        *("lesionlens-publisher", "lesionlens-publish"),
    }


def test_check_detects_too_wide_egress() -> None:
    objects = objects_of("base + storage-s3")
    (work, *_) = workloads(objects)
    (policy,) = [one for one in of_kind(objects, "NetworkPolicy") if "egress" in one["spec"]]

    policy["spec"]["egress"][1]["ports"][0]["port"] = 80

    assert "everything" in openings(objects, work)
