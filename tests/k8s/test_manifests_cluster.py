"""Test the manifests with KServe's canaries, gateways and limited rights."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from kserve.models import V1beta1PredictorSpec

from tests.k8s.manifests.building import COMPLETE, SERVING, Object, objects_of
from tests.k8s.manifests.pods import Workload, named, of_kind, selects, workloads

GATEWAYS = ("kserve", "envoy-gateway-system", "istio-system", "traefik")
"""Namespaces in which the proxies of the usual gateways run."""
ACCESS = ("overlays/local", "overlays/production", COMPLETE)


def of_spec_canary(objects: list[Object]) -> Workload:
    """Labels of a pod of ``spec.canary`` in KServe 0.20: another Deployment, the same component."""
    (predictor,) = [work for work in workloads(objects) if work.name == "melanoma-predictor"]
    name = "melanoma-blue-predictor"
    labels = {**predictor.labels, "app": f"isvc.{name}"}
    return dataclasses.replace(predictor, name=name, labels=labels)


@pytest.mark.parametrize("name", SERVING)
def test_selectors_exclude_pods_of_the_kserve_canary(name: str) -> None:
    objects = objects_of(name)
    canary = of_spec_canary(objects)

    for service in of_kind(objects, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        assert not selects(selector, canary.labels), service["metadata"]["name"]
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert not selects(budget["spec"]["selector"], canary.labels), budget["metadata"]["name"]
    for work in workloads(objects):
        for rule in work.spec.get("topologySpreadConstraints", []):
            assert not selects(rule["labelSelector"], canary.labels), work.name


def test_network_policies_cover_pods_of_the_kserve_canary() -> None:
    objects = objects_of(COMPLETE)
    canary = of_spec_canary(objects)
    (predictor,) = [work for work in workloads(objects) if work.name == "melanoma-predictor"]
    policies = [
        {
            policy["metadata"]["name"]
            for policy in of_kind(objects, "NetworkPolicy")
            if selects(policy["spec"]["podSelector"], work.labels)
        }
        for work in (predictor, canary)
    ]

    assert "lesionlens-default-deny" in policies[0]
    assert policies[0] == policies[1]


def let_in(sources: list[dict[str, Any]], namespace: str, **labels: str) -> bool:
    """Whether a pod with these labels in that namespace is one of a policy's sources."""
    return any(
        selects(source["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
        and selects(source.get("podSelector", {}), labels)
        for source in sources
    )


@pytest.mark.parametrize("name", ACCESS)
def test_network_policies_admit_common_gateways_to_the_servers(name: str) -> None:
    policy = named(objects_of(name), "NetworkPolicy", "lesionlens-gateway")["spec"]
    (opening,) = policy["ingress"]
    traefik = {"app.kubernetes.io/name": "traefik"}

    servers = [work for work in workloads(objects_of(name)) if "component" in work.labels]
    assert servers
    assert all(selects(policy["podSelector"], work.labels) for work in servers)
    assert opening["ports"] == [{"port": "http1", "protocol": "TCP"}]
    for namespace in GATEWAYS:
        assert let_in(opening["from"], namespace), namespace
    assert let_in(opening["from"], "kube-system", **traefik)  # k3s and k3d
    assert not let_in(opening["from"], "kube-system")
    assert not let_in(opening["from"], "default", **traefik)


def test_network_policies_admit_the_same_gateways_to_the_page() -> None:
    objects = objects_of(COMPLETE)
    servers, page = (
        named(objects, "NetworkPolicy", f"lesionlens-{name}")["spec"]["ingress"][0]["from"]
        for name in ("gateway", "page-in")
    )

    assert page[: len(servers)] == servers


RESOURCES = {
    "InferenceService": ("serving.kserve.io", "inferenceservices"),
    "ServingRuntime": ("serving.kserve.io", "servingruntimes"),
    "Service": ("", "services"),
    "ServiceAccount": ("", "serviceaccounts"),
    "ConfigMap": ("", "configmaps"),
    "PersistentVolumeClaim": ("", "persistentvolumeclaims"),
    "Deployment": ("apps", "deployments"),
    "PodDisruptionBudget": ("policy", "poddisruptionbudgets"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "HTTPRoute": ("gateway.networking.k8s.io", "httproutes"),
    "ScaledObject": ("keda.sh", "scaledobjects"),
    "PodMonitor": ("monitoring.coreos.com", "podmonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "prometheusrules"),
    "BackendTLSPolicy": ("gateway.networking.k8s.io", "backendtlspolicies"),
    "SecurityPolicy": ("gateway.envoyproxy.io", "securitypolicies"),
    "BackendTrafficPolicy": ("gateway.envoyproxy.io", "backendtrafficpolicies"),
    "Certificate": ("cert-manager.io", "certificates"),
    "Job": ("batch", "jobs"),
}
"""Group and resource of each kind that is applied."""
PRUNE = {"get", "list", "create", "patch", "delete"}
APPLY = {"get", "create", "patch"}


def rights(role: str) -> dict[tuple[str, str], set[str]]:
    """The verbs of a Role, by group and resource."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in named(objects_of("deployer"), "Role", role)["rules"]:
        assert not {"resourceNames", "nonResourceURLs"} & rule.keys()
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert (group, resource) not in found, "said twice"
                found[group, resource] = set(rule["verbs"])
    return found


def test_deployer_role_covers_exactly_the_kinds_of_overlays() -> None:
    kinds = {item["kind"] for name in SERVING for item in objects_of(name)}
    applied = {RESOURCES[kind]: PRUNE for kind in kinds}
    applied[RESOURCES["PersistentVolumeClaim"]] = PRUNE - {"delete"}  # holds the models

    assert rights("lesionlens-deployer") == {
        **applied,
        ("apps", "replicasets"): {"get", "list"},
        ("", "pods"): {"get", "list"},
        ("", "pods/log"): {"get"},
        ("", "pods/portforward"): {"get", "create"},
        ("", "events"): {"list"},
    }


def test_publisher_role_covers_the_volume_pod() -> None:
    allowed = rights("lesionlens-publisher")
    for item in objects_of("publisher"):
        waits = {"list", "watch"} if item["kind"] == "Job" else set()
        assert allowed[RESOURCES[item["kind"]]] == APPLY | {"delete"} | waits

    rest = allowed.keys() - {RESOURCES[item["kind"]] for item in objects_of("publisher")}
    assert {resource: allowed[resource] for resource in rest} == {
        ("", "persistentvolumeclaims"): APPLY,
        ("", "pods"): {"get", "list"},
        ("", "pods/exec"): {"get", "create"},
    }


def test_both_roles_are_bound_to_one_account_in_one_namespace() -> None:
    objects = objects_of("deployer")
    (account,) = of_kind(objects, "ServiceAccount")
    bindings = of_kind(objects, "RoleBinding")

    assert {item["kind"] for item in objects} == {"ServiceAccount", "Role", "RoleBinding"}
    assert {item["metadata"]["namespace"] for item in objects} == {"lesionlens"}
    assert sorted(binding["roleRef"]["name"] for binding in bindings) == sorted(
        role["metadata"]["name"] for role in of_kind(objects, "Role")
    )
    for binding in bindings:
        (subject,) = binding["subjects"]
        assert subject == {
            "kind": "ServiceAccount",
            "name": account["metadata"]["name"],
            "namespace": "lesionlens",
        }


def test_selectors_match_kserve_deployment_names() -> None:
    """Deployment names of the installed KServe: the default and that of a canary."""
    words = " ".join((V1beta1PredictorSpec.name.fget.__doc__ or "").split())

    assert "named {isvc}-{name}-predictor instead of the default {isvc}-predictor" in words
