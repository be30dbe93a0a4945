"""Test the manifests of access control."""

from __future__ import annotations

import pytest

from serving.front.access.settings import AccessSettings
from tests.k8s.manifests.building import COMPLETE, Object, objects_of
from tests.k8s.manifests.pods import Workload, named, workloads
from web.settings import PageSettings


def servers(objects: list[Object]) -> list[Workload]:
    return [work for work in workloads(objects) if "component" in work.labels]


def page(objects: list[Object]) -> Workload:
    (found,) = [work for work in workloads(objects) if work.name == "lesionlens-page"]
    return found


def variables(work: Workload) -> dict[str, Object]:
    (container,) = work.spec["containers"]
    return {variable["name"]: variable for variable in container["env"]}


def secret_of(work: Workload, path: str) -> tuple[str, str]:
    """Secret and its entry that is mounted at a path of the container."""
    (container,) = work.spec["containers"]
    folder, _, file = path.rpartition("/")
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == folder]
    (volume,) = [one for one in work.spec["volumes"] if one["name"] == mount["name"]]
    assert mount["readOnly"] is True
    items = [item["path"] for item in volume["secret"].get("items", [])]
    assert file in (items or [file])
    return volume["secret"]["secretName"], file


@pytest.mark.parametrize("name", ["base + access", COMPLETE])
def test_every_server_requires_a_key(name: str) -> None:
    objects = objects_of(name)

    assert len(servers(objects)) == (3 if name == COMPLETE else 2)
    for work in servers(objects):
        path = variables(work)["LESIONLENS_API_KEYS"]["value"]
        assert secret_of(work, path) == ("lesionlens-api-keys", "keys.json")
        # Without it the pod waits: an optional volume would open the door.
        assert "optional" not in str(work.spec["volumes"])


def test_page_sends_a_separate_key() -> None:
    work = page(objects_of(COMPLETE))

    path = variables(work)["LESIONLENS_PAGE_KEY_FILE"]["value"]
    assert secret_of(work, path) == ("lesionlens-page-key", "page.key")
    assert "LESIONLENS_API_KEYS" not in variables(work)


def test_every_server_accepts_tokens_of_the_issuer() -> None:
    for work in servers(objects_of("base + access-issuer")):
        for field in ("issuer", "audience", "jwks"):
            reference = variables(work)[f"LESIONLENS_TOKEN_{field.upper()}"]["valueFrom"]
            assert reference == {"configMapKeyRef": {"name": "lesionlens-issuer", "key": field}}


def test_servers_use_tls_and_the_page_verifies_it_without_their_private_key() -> None:
    objects = objects_of(COMPLETE)
    certificate = named(objects, "Certificate", "lesionlens-servers")["spec"]
    for work in servers(objects):
        given = variables(work)
        for name, file in (("CERTIFICATE", "tls.crt"), ("KEY", "tls.key")):
            path = given[f"LESIONLENS_TLS_{name}"]["value"]
            assert secret_of(work, path) == (certificate["secretName"], file)
    work = page(objects)
    given = variables(work)
    secret = secret_of(work, given["LESIONLENS_PAGE_CA"]["value"])
    assert secret == (certificate["secretName"], "ca.crt")
    assert "tls.key" not in str(work.spec["volumes"])
    for which in ("predictor", "explainer"):
        url = given[f"LESIONLENS_{which.upper()}_URL"]["value"]
        assert url == f"https://lesionlens-{which}:80"
        assert f"lesionlens-{which}" in certificate["dnsNames"]


@pytest.mark.parametrize("name", ["base + access", "base + access-tls", COMPLETE])
def test_every_variable_is_a_setting(name: str) -> None:
    objects = objects_of(name)
    for work in servers(objects):
        given = {key for key in variables(work) if "API_KEYS" in key or "TLS" in key}
        known = {f"LESIONLENS_{field.upper()}" for field in vars(AccessSettings())}
        assert given <= known
    if name == COMPLETE:
        known = {f"LESIONLENS_{field.upper()}" for field in PageSettings.model_fields}
        assert set(variables(page(objects))) <= known


def test_probes_and_metrics_ports_need_no_key() -> None:
    for work in servers(objects_of(COMPLETE)):
        (container,) = work.spec["containers"]
        for kind in ("startup", "readiness", "liveness"):
            probe = container[f"{kind}Probe"]["httpGet"]
            assert probe["port"] == "health"
            assert "scheme" not in probe
    (endpoint,) = named(objects_of(COMPLETE), "PodMonitor", "lesionlens")["spec"][
        "podMetricsEndpoints"
    ]
    assert endpoint["port"] == "metrics"


def test_gateway_requires_a_key_except_for_health() -> None:
    objects = objects_of(COMPLETE)
    policy = named(objects, "SecurityPolicy", "lesionlens")["spec"]
    routes = {
        item["metadata"]["name"]
        for item in objects
        if item["kind"] == "HTTPRoute" and item["metadata"]["name"] != "lesionlens-page"
    }

    assert {one["name"] for one in policy["targetRefs"]} == routes - {"lesionlens-health"}
    assert policy["apiKeyAuth"]["extractFrom"] == [{"headers": ["x-api-key"]}]
    health = named(objects, "HTTPRoute", "lesionlens-health")["spec"]["rules"][0]["matches"]
    assert {match["path"]["type"] for match in health} == {"Exact"}
    assert not any(":" in match["path"]["value"] for match in health)


def test_gateway_retries_undelivered_but_not_shed_requests() -> None:
    policy = named(objects_of("base + envoy"), "BackendTrafficPolicy", "lesionlens")["spec"]

    assert policy["retry"]["retryOn"] == {
        "triggers": ["connect-failure", "retriable-status-codes"],
        "httpStatusCodes": [502],
    }
    assert policy["retry"]["numRetries"] == 2
