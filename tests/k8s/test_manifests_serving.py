"""Test the manifests of the serving pods with each component."""

import copy
import json
from typing import Any

import pytest

from tests.k8s.manifests.building import COMPLETE, Object, combined, objects_of, parsed
from tests.k8s.manifests.pods import Workload, named, of_kind, selects, workloads
from web.settings import PageSettings

PORTS = {"http1": 8080, "metrics": 8082, "health": 8090}
TALKS_BACK = {"serving.kserve.io/deploymentMode": "Standard"}


def of(objects: list[Object], name: str) -> Workload:
    (found,) = [work for work in workloads(objects) if work.name == name]
    return found


def serving(objects: list[Object]) -> list[Workload]:
    return [work for work in workloads(objects) if work.labels.get("component")]


def only(work: Workload) -> dict[str, Any]:
    (container,) = work.spec["containers"]
    return container


def alike(work: Workload) -> dict[str, Any]:
    """Pod spec without the parts that differ between predictor and explainer."""
    spec = copy.deepcopy(work.spec)
    container = spec["containers"][0]
    container["env"] = sorted(
        (
            item
            for item in container["env"]
            if item["name"] not in ("STORAGE_URI", "LESIONLENS_BACKEND", "LESIONLENS_VERBS")
        ),
        key=lambda item: item["name"],
    )
    for field in ("modelFormat", "protocolVersion", "runtime", "storageUri"):
        container.pop(field, None)
    for rule in spec["topologySpreadConstraints"]:
        rule.pop("labelSelector")
    return spec


@pytest.mark.parametrize("name", ["base + runtime-kserve", "all, runtime-kserve"])
def test_kserve_runtime_differs_only_by_grpc(name: str) -> None:
    objects = objects_of(name)
    [runtime] = of_kind(objects, "ServingRuntime")
    assert runtime["metadata"]["name"] == "lesionlens-kserve"
    assert runtime["spec"]["protocolVersions"] == ["v1", "v2", "grpc-v2"]
    for item in of_kind(objects, "InferenceService"):
        assert item["spec"]["predictor"]["model"]["runtime"] == "lesionlens-kserve"
    for work in serving(objects):
        container = only(work)
        assert container["image"] == "lesionlens-serving-kserve:0.1.0"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == PORTS | {"grpc": 7070}
        assert container["ports"][0]["name"] == "http1"
        assert "command" not in container
        assert "args" not in container


@pytest.mark.parametrize(
    "name", ["base", "base + runtime-kserve", "overlays/local", "overlays/production"]
)
def test_predictor_and_explainer_have_the_same_pod_spec(name: str) -> None:
    objects = objects_of(name)

    assert alike(of(objects, "melanoma-predictor")) == alike(of(objects, "melanoma-explainer"))


@pytest.mark.parametrize("name", ["base + canary", COMPLETE])
def test_canary_equals_predictor_except_for_the_archive(name: str) -> None:
    objects = objects_of(name)
    stable, canary = (alike(of(objects, f"melanoma{end}-predictor")) for end in ("", "-canary"))
    for field in ("minReplicas", "maxReplicas"):  # an autoscaler's
        stable.pop(field), canary.pop(field)

    assert stable == canary


@pytest.mark.parametrize("name", ["base", COMPLETE, "overlays/local", "overlays/production"])
def test_server_matches_its_entry_point(name: str) -> None:
    for work in serving(objects_of(name)):
        container = only(work)
        assert container["name"] == "kserve-container"
        assert {port["name"]: port["containerPort"] for port in container["ports"]} == PORTS
        assert container["ports"][0]["name"] == "http1"  # KServe's Service leads to the first
        paths = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness")}
        assert paths["startup"] == {"path": "/started", "port": "health"}
        assert paths["readiness"] == {"path": "/ready", "port": "health"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/alive", "port": "health"}
        assert "command" not in container
        assert "args" not in container  # KServe appends its own to the image's entry point
        context = work.spec["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (1000,) * 3


@pytest.mark.parametrize(
    ("name", "memory"),
    [("base", "4Gi"), ("base + runtime-kserve", "2Gi"), ("overlays/local", "3Gi")],
)
def test_server_memory_covers_the_largest_load(name: str, memory: str) -> None:
    for work in serving(objects_of(name)):
        assert only(work)["resources"]["limits"]["memory"] == memory


def test_server_has_a_start_deadline() -> None:
    for work in serving(objects_of("base")):
        probe = only(work)["startupProbe"]
        assert 60 < probe["periodSeconds"] * probe["failureThreshold"] <= 180


@pytest.mark.parametrize("name", ["base", COMPLETE, "overlays/production"])
def test_deployment_mode_is_without_knative(name: str) -> None:
    for service in of_kind(objects_of(name), "InferenceService"):
        assert service["metadata"]["annotations"].items() >= TALKS_BACK.items()


def test_kserve_0_15_component_uses_the_old_mode_name() -> None:
    for service in of_kind(objects_of("all, kserve-0.15"), "InferenceService"):
        mode = service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
        assert mode == "RawDeployment"


@pytest.mark.parametrize("name", [COMPLETE, "overlays/production"])
def test_signature_component_applies_to_every_server(name: str) -> None:
    for work in serving(objects_of(name)):
        container = only(work)
        given = {item["name"]: item.get("value") for item in container["env"]}
        path = given["LESIONLENS_SIGNING_KEY"]
        (mount,) = [m for m in container["volumeMounts"] if m["name"] == "signing-key"]
        assert path == f"{mount['mountPath']}/signing.pub"
        assert mount["readOnly"] is True


def test_signature_is_optional_without_the_component() -> None:
    for work in serving(objects_of("base")):
        assert "LESIONLENS_SIGNING_KEY" not in {item["name"] for item in only(work)["env"]}


def test_kserve_scales_both_components_by_cpu() -> None:
    service = named(objects_of("base + autoscaling-hpa"), "InferenceService", "melanoma")

    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"
    for component in ("predictor", "explainer"):
        spec = service["spec"][component]
        assert 2 == spec["minReplicas"] < spec["maxReplicas"]


def test_keda_scales_both_components_instead_of_kserve() -> None:
    objects = objects_of("base + autoscaling-keda")
    service = named(objects, "InferenceService", "melanoma")
    scalers = of_kind(objects, "ScaledObject")

    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
    assert {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers} == {
        "melanoma-predictor",
        "melanoma-explainer",
    }


def test_only_predictions_run_on_a_gpu() -> None:
    objects = objects_of(COMPLETE)
    for work in serving(objects):
        container = only(work)
        wanted = work.labels["component"] == "predictor"
        backend = {"name": "LESIONLENS_BACKEND", "value": "cuda-fp16"}
        assert (backend in container["env"]) is wanted
        assert ("tolerations" in work.spec) is wanted
        for side in ("requests", "limits"):
            assert container["resources"][side].get("nvidia.com/gpu") == ("1" if wanted else None)


def test_only_bucket_storage_allows_server_egress() -> None:
    for storage, open_to_the_world in (("storage-pvc", 0), ("storage-s3", 1)):
        policies = of_kind(objects_of(f"base + {storage}"), "NetworkPolicy")
        anywhere = [
            rule
            for policy in policies
            for rule in policy["spec"].get("egress", [])
            if not rule.get("to")
        ]
        assert len(anywhere) == open_to_the_world


def backend_of(objects: list[Object], path: str) -> dict[str, int]:
    """Backends of a path in the Gateway API, by weight: exact match, else longest prefix."""
    best: tuple[tuple[bool, int], dict[str, int]] = ((False, 0), {})
    for route in of_kind(objects, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            backends = {item["name"]: item.get("weight", 1) for item in rule["backendRefs"]}
            for match in (item["path"] for item in rule["matches"]):
                exact, value = match["type"] == "Exact", match["value"]
                if path == value or (not exact and f"{path}/".startswith(f"{value.rstrip('/')}/")):
                    best = max(best, ((exact, len(value)), backends), key=lambda item: item[0])
    return best[1]


@pytest.mark.parametrize(
    ("path", "stable"),
    [
        ("/v1/models/melanoma:explain", "lesionlens-explainer"),
        ("/explanations/melanoma", "lesionlens-explainer"),
        ("/v1/models/melanoma:predict", "lesionlens-predictor"),
        ("/predictions/melanoma", "lesionlens-predictor"),
        ("/v1/models/melanoma", "lesionlens-predictor"),
        ("/ping", "lesionlens-predictor"),
    ],
)
def test_gateway_routes_each_path_to_its_component(path: str, stable: str) -> None:
    with_canary = parsed(combined("base", ("canary", "gateway")))
    split = {"lesionlens-predictor": 90, "lesionlens-canary": 10}

    assert backend_of(objects_of("base + gateway"), path) == {stable: 1}
    wanted = split if "predict" in path else {stable: 1}
    assert backend_of(with_canary, path) == wanted


def test_service_routes_share_host_and_gateway() -> None:
    for name in (COMPLETE, "overlays/production"):
        routes = of_kind(objects_of(name), "HTTPRoute")
        places = [
            (route["spec"]["hostnames"], route["spec"]["parentRefs"])
            for route in routes
            if route["metadata"]["name"] != "lesionlens-page"
        ]
        assert places
        assert all(place == places[0] for place in places)


def test_page_has_a_separate_host_and_upload_timeout() -> None:
    objects = objects_of(COMPLETE)
    page, service = (
        named(objects, "HTTPRoute", name)["spec"] for name in ("lesionlens-page", "lesionlens")
    )
    (rule,) = page["rules"]
    settings = PageSettings()

    assert not {*page["hostnames"]} & {*service["hostnames"]}
    assert [backend["name"] for backend in rule["backendRefs"]] == ["lesionlens-page"]
    assert int(rule["timeouts"]["request"].removesuffix("s")) > (
        settings.page_upload_seconds + settings.page_decode_seconds + settings.page_seconds
    )


def test_gateway_retries_undelivered_but_not_shed_requests() -> None:
    routes = {
        route["metadata"]["name"]: [rule.get("retry") for rule in route["spec"]["rules"]]
        for route in of_kind(objects_of(COMPLETE), "HTTPRoute")
    }
    retry = {"codes": [502], "attempts": 2, "backoff": "100ms"}

    assert routes == {
        "lesionlens": [retry, retry],
        "lesionlens-canary": [retry],
        "lesionlens-health": [None],
        "lesionlens-page": [None],  # an upload is not repeatable to a gateway that streams it
    }
    for route in of_kind(objects_of("base + gateway"), "HTTPRoute"):
        assert "retry" not in json.dumps(route)  # older Gateway APIs refuse the field


def test_route_timeout_exceeds_explanation_timeout() -> None:
    (route,) = of_kind(objects_of("base + gateway"), "HTTPRoute")
    explain, predict = (rule["timeouts"]["request"] for rule in route["spec"]["rules"])

    assert int(explain.removesuffix("s")) >= 2 * 30  # LESIONLENS_EXPLAIN_SECONDS
    assert int(predict.removesuffix("s")) >= 10


def test_network_policies_connect_the_page_to_both_servers() -> None:
    objects = objects_of("base + page")
    page = of(objects, "lesionlens-page")
    variables = {item["name"]: item["value"] for item in only(page)["env"]}
    out = named(objects, "NetworkPolicy", "lesionlens-page-out")["spec"]["egress"]
    into = named(objects, "NetworkPolicy", "lesionlens-requests")["spec"]["ingress"][0]

    assert variables == {
        "LESIONLENS_PREDICTOR_URL": "http://lesionlens-predictor",
        "LESIONLENS_EXPLAINER_URL": "http://lesionlens-explainer",
    }
    assert only(page)["ports"][0]["containerPort"] == 8000
    for work in serving(objects):
        assert any(selects(to["podSelector"], work.labels) for rule in out for to in rule["to"])
    assert selects(into["from"][0]["podSelector"], page.labels)
    assert only(page)["readinessProbe"]["httpGet"]["path"] == "/healthz"
