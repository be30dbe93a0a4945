"""Test the capabilities of an API double, and the wording of what it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster import gateways
from tests.cluster.capabilities import KSERVE, ROUTES, UNKNOWN, Capabilities
from tests.cluster.gateways import Gateway
from tests.cluster.settings import ClusterSettings
from tests.k8s.rollout.api_double import Api, Object

pytestmark = pytest.mark.slow

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kserve/deployments"
WATCHING: Object = {
    name: {}
    for name in (
        *("podMonitorSelector", "podMonitorNamespaceSelector"),
        *("ruleSelector", "ruleNamespaceSelector"),
    )
}


def definition(api: Api, name: str, version: str, schema: Object, **annotations: str) -> None:
    """Store a definition whose ``spec`` has a schema."""
    notes = {
        f"gateway.networking.k8s.io/{key.replace('_', '-')}": value
        for key, value in annotations.items()
    }
    root = {"openAPIV3Schema": {"properties": {"spec": {"properties": schema}}}}
    api.objects[f"{DEFINITIONS}/{name}"] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": notes},
        "spec": {"versions": [{"name": version, "schema": root}]},
    }


def rules(*fields: str) -> Object:
    return {"rules": {"items": {"properties": {field: {"type": "object"} for field in fields}}}}


def test_reads_versions_of_the_cluster(api: Api, capabilities: Capabilities) -> None:
    containers = [{"name": "manager", "image": "docker.io/kserve/kserve-controller:v0.20.0"}]
    labels = {"control-plane": "kserve-controller-manager"}
    api.objects[f"{DEPLOYMENTS}/kserve-controller-manager"] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kserve-controller-manager", "labels": labels, "generation": 1},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    definition(api, ROUTES, "v1", {}, bundle_version="v1.6.0", channel="standard")

    assert capabilities.versions() == {
        "Kubernetes": "v1.35.4",
        "KServe": "0.20.0",
        "Gateway API": "1.6.0 standard",
    }


def test_forbidden_information_is_unknown(api: Api, capabilities: Capabilities) -> None:
    api.forbidden = {"deployments"}

    found = capabilities.versions()

    assert (found["KServe"], found["Gateway API"]) == (UNKNOWN, UNKNOWN)


def test_looks_up_fields_in_the_definitions(api: Api, capabilities: Capabilities) -> None:
    definition(api, ROUTES, "v1", rules("matches"))
    definition(api, KSERVE, "v1beta1", {"predictor": {"type": "object"}})

    assert capabilities.lacks_retry() == "this Gateway API has no field `retry` of an HTTPRoute"
    assert "has no spec.canary" in capabilities.lacks_spec_canary()


def test_finds_existing_fields(api: Api, capabilities: Capabilities) -> None:
    definition(api, ROUTES, "v1", rules("matches", "retry"))
    definition(api, KSERVE, "v1beta1", {"canary": {"type": "array"}})

    assert capabilities.lacks_retry() == ""
    assert capabilities.lacks_spec_canary() == ""


def test_names_what_is_not_installed(capabilities: Capabilities) -> None:
    assert capabilities.lacks_kserve() == ""
    assert capabilities.lacks_keda() == ""
    assert capabilities.lacks_metrics_server() == "the cluster has no metrics-server"
    namespace, why = capabilities.prometheus()
    assert (namespace, why) == ("", "the cluster has no Prometheus of the operator")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"podMonitorSelector": {"matchLabels": {"release": "x"}}}, "monitors of its own labels"),
        ({"ruleSelector": None}, "takes only rules of its own labels"),
        ({"podMonitorNamespaceSelector": None}, "does not watch other namespaces"),
    ],
)
def test_prometheus_that_ignores_our_monitors_does_not_count(changes: Object, words: str) -> None:
    capabilities = Capabilities(None, {"groups": {"monitoring.coreos.com"}})  # type: ignore[arg-type]
    found = {"metadata": {"name": "k8s", "namespace": "prom"}, "spec": {**WATCHING, **changes}}
    key = "prometheuses.monitoring.coreos.com --all-namespaces"
    capabilities._found[key] = {"items": [found]}

    namespace, why = capabilities.prometheus()

    assert namespace == ("" if words else "prom")
    assert words in why


def gateway(name: str, namespace: str = "web", routes: str = "All", **listener: Any) -> Object:
    http = {"name": "http", "protocol": "HTTP", "port": 8000, **listener}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"listeners": [{**http, "allowedRoutes": {"namespaces": {"from": routes}}}]},
        "status": {"addresses": [{"value": "10.9.9.9"}]},
    }


def service(name: str, address: str = "10.9.9.9", **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "proxies",
            "labels": {
                label.replace("__", "/").replace("_", "."): value for label, value in labels.items()
            },
        },
        "spec": {"clusterIP": address, "ports": [{"port": 80, "targetPort": "web", "name": "web"}]},
    }


def store(api: Api, *objects: Object) -> None:
    for one in objects:
        version = one["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        metadata = one["metadata"]
        plural = f"{one['kind'].lower()}s"
        path = f"{root}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
        api.objects[path] = one


def find(capabilities: Capabilities, **changes: str) -> tuple[Gateway | None, str]:
    return gateways.find(capabilities, ClusterSettings(**changes))


def test_finds_gateway_with_its_service(api: Api, capabilities: Capabilities) -> None:
    store(api, gateway("first"), gateway("kserve-ingress-gateway", "kserve"), service("traefik"))

    found, why = find(capabilities)

    assert why == ""
    assert found is not None
    assert (found.namespace, found.name) == ("kserve", "kserve-ingress-gateway")
    assert (found.service_namespace, found.service, found.port) == ("proxies", "traefik", 80)
    assert found.addresses == (), "the address of a Service is not reached from everywhere"


def test_uses_reachable_service_address(
    api: Api, capabilities: Capabilities, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubernetes = service("kubernetes", "10.0.0.1")
    kubernetes["metadata"]["namespace"] = "default"
    store(api, gateway("web"), service("traefik"), kubernetes)
    asked: list[tuple[str, int]] = []

    def answers(host: str, port: int) -> bool:
        asked.append((host, port))
        return True

    monkeypatch.setattr(gateways, "_answers", answers)
    found, _ = find(capabilities)

    assert found is not None
    assert found.addresses == ("10.9.9.9",)
    assert asked == [("10.0.0.1", 443)]


def test_uses_the_named_gateway(api: Api, capabilities: Capabilities) -> None:
    store(api, gateway("first"), gateway("second"), service("traefik"))

    found, _ = find(capabilities, gateway="web/second", gateway_service="other/proxy:8080")

    assert found is not None
    assert (found.name, found.service_namespace, found.port) == ("second", "other", 8080)


def test_finds_gateway_without_address_by_its_controller(
    api: Api, capabilities: Capabilities
) -> None:
    made = gateway("web", hostname="*.example.com")
    made["spec"]["gatewayClassName"] = "traefik"
    made["status"] = {}
    chosen = {"spec": {"controllerName": "traefik.io/gateway-controller"}}
    capabilities._found["gatewayclasses.gateway.networking.k8s.io traefik"] = chosen
    store(api, made, service("proxy", "10.1.1.1", app_kubernetes_io__name="traefik"))

    found, why = find(capabilities)

    assert why == ""
    assert found is not None
    assert (found.service, found.port, found.addresses) == ("proxy", 80, ())


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ([], "the cluster has no Gateway"),
        ([gateway("web", routes="Same")], "no HTTP listener for routes of any namespace"),
        ([gateway("web", protocol="HTTPS")], "no HTTP listener"),
        ([gateway("web", hostname="*.hospital.example")], "no HTTP listener"),
        ([gateway("web"), service("other", "10.1.1.1")], "LESIONLENS_CLUSTER_GATEWAY_SERVICE"),
    ],
)
def test_states_why_there_is_no_gateway(
    api: Api, capabilities: Capabilities, stored: list[Object], words: str
) -> None:
    store(api, *stored)

    found, why = find(capabilities)

    assert found is None
    assert words in why


def test_forbidden_gateways_are_not_reported_as_missing(
    api: Api, capabilities: Capabilities
) -> None:
    original = api.answer

    def answer(method: str, path: str, body: Object | None) -> tuple[int, Object]:
        if path.split("?")[0].endswith("/gateways"):
            message = "gateways is forbidden: User x cannot list"
            return 403, {
                "kind": "Status",
                "status": "Failure",
                "reason": "Forbidden",
                "code": 403,
                "message": message,
            }
        return original(method, path, body)

    api.answer = answer  # type: ignore[method-assign]

    assert find(capabilities) == (
        None,
        "Gateways of other namespaces may not be listed with these rights",
    )
