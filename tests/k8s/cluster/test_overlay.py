"""Test the overlays of ``make cluster-test`` with the real kustomize."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from k8s.rollout import release
from k8s.rollout.manifests import OVERLAY_LABEL
from k8s.rollout.release import Release
from tests.cluster import overlay, probes
from tests.cluster.overlay import LABEL, NAME, Overlay, Route
from tests.cluster.settings import ClusterSettings
from tests.cluster.test_autoscaling import scaled_by
from tests.cluster.test_monitoring import watched_by
from tests.cluster.test_obstacles import broken_torch
from tests.cluster.test_training import write_jobs
from tests.k8s.manifests.building import Object, kustomize, parsed
from tests.k8s.manifests.pods import named, of_kind, workloads
from tests.k8s.test_manifests_schemas import problems

pytestmark = pytest.mark.slow

SPACE = "lesionlens-test-1"
SETTINGS = ClusterSettings(
    serving_image="registry.example:5000/team/serving:2",
    serving_kserve_image="registry.example:5000/team/serving-kserve:2",
    page_image="page@sha256:" + "0" * 64,
    storage_class="fast",
    access_mode="ReadWriteMany",
)
ROUTE = Route("web", "kserve", "test.example.com", "ingress")
RELEASE = Release("pvc://lesionlens-models/melanoma/one", "sha256:" + "1" * 64)
OVERLAYS = {
    "basic": Overlay(replicas=(2, 2)),
    "gateway": Overlay(("gateway",)),
    "retry": Overlay(("gateway-retry", "gateway")),
    "canary": Overlay(("gateway", "canary"), canary=RELEASE),
    "page": Overlay(("page-gateway", "page")),
    "kserve": Overlay(("runtime-kserve", "gateway")),
    "signature": Overlay(("signature",)),
    "bucket": Overlay(("storage-s3",)),
    "hpa": Overlay(("autoscaling-hpa",), replicas=(1, 3)),
    "keda": Overlay(
        ("autoscaling-keda", "monitoring"), patches=(watched_by("prom"), scaled_by("prom"))
    ),
    "broken torch": broken_torch("/opt/venv/torch/__init__.py"),
}

Build = Callable[[Overlay], list[Object]]


@pytest.fixture
def build(root: Path, tmp_path: Path) -> Build:
    for folder in ("k8s", "monitoring/dashboards"):
        shutil.copytree(root / folder, tmp_path / folder)

    def made(wanted: Overlay) -> list[Object]:
        folder = tmp_path / "k8s/overlays" / NAME
        wanted.write(folder, SPACE, SETTINGS, ROUTE)
        release.write(folder / "release.yaml", RELEASE)
        return parsed(kustomize(folder))

    return made


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlays_match_the_types_and_stay_in_their_namespace(name: str, build: Build) -> None:
    objects = build(OVERLAYS[name])

    assert not of_kind(objects, "Namespace"), "it is applied apart"
    for item in objects:
        assert problems(item) == [], (item["kind"], item["metadata"]["name"])
        assert item["metadata"]["namespace"] == SPACE, item["metadata"]["name"]
        assert item["metadata"]["labels"][OVERLAY_LABEL] == NAME, item["metadata"]["name"]


def test_overlay_has_small_requests_and_the_named_images(build: Build) -> None:
    objects = build(Overlay(("page",), replicas=(2, 3)))
    service = named(objects, "InferenceService", "melanoma")["spec"]
    (volume,) = of_kind(objects, "PersistentVolumeClaim")

    assert (service["predictor"]["minReplicas"], service["predictor"]["maxReplicas"]) == (2, 3)
    assert service["explainer"]["maxReplicas"] == 1
    assert service["predictor"]["model"]["storageUri"] == RELEASE.storage_uri
    for work in workloads(objects):
        image = SETTINGS.page_image if "page" in work.name else SETTINGS.serving_image
        for container in work.containers:
            assert container["image"] == image
            assert container["resources"]["requests"]["cpu"] in ("250m", "100m")
    assert volume["spec"]["storageClassName"] == "fast"
    assert volume["spec"]["accessModes"] == ["ReadWriteMany"]


def test_overlay_of_the_kserve_runtime_has_its_image_and_small_requests(build: Build) -> None:
    objects = build(Overlay(("canary", "runtime-kserve"), canary=RELEASE))

    for work in workloads(objects):
        for container in work.containers:
            assert container["image"] == SETTINGS.serving_kserve_image
            assert container["resources"]["requests"]["memory"] == overlay.MEMORY
    for service in of_kind(objects, "InferenceService"):
        assert service["spec"]["predictor"]["model"]["runtime"] == "lesionlens-kserve"


def test_routes_use_the_detected_gateway(build: Build) -> None:
    objects = build(Overlay(("gateway", "canary", "page", "page-gateway"), canary=RELEASE))
    hosts = {
        route["metadata"]["name"]: route["spec"]["hostnames"]
        for route in of_kind(objects, "HTTPRoute")
    }

    assert hosts == {
        "lesionlens": [ROUTE.host],
        "lesionlens-canary": [ROUTE.host],
        "lesionlens-page": [f"page-{ROUTE.host}"],
    }
    for route in of_kind(objects, "HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        assert (parent["name"], parent["namespace"]) == ("web", "kserve")
    (opening,) = named(objects, "NetworkPolicy", "lesionlens-gateway-test")["spec"]["ingress"]
    (source,) = opening["from"]
    labels = source["namespaceSelector"]["matchLabels"]
    assert labels == {"kubernetes.io/metadata.name": "ingress"}


def test_common_gateways_need_no_additional_policy(tmp_path: Path) -> None:
    Overlay().write(tmp_path, SPACE, SETTINGS, Route("web", "any", "x.example.com", "traefik"))

    assert not (tmp_path / "gateway-policy.yaml").exists()


def test_overlays_without_gateway_build(build: Build) -> None:
    assert not of_kind(build(Overlay()), "HTTPRoute")


def test_publisher_volume_and_deployer_are_in_the_namespace(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "k8s", tmp_path / "k8s")
    overlay.write_publisher(tmp_path / "k8s/cluster-test", SPACE, SETTINGS)

    for name in ("publisher", "volume", "deployer"):
        for item in parsed(kustomize(tmp_path / "k8s/cluster-test" / name)):
            assert item["metadata"]["namespace"] == SPACE
            assert LABEL in item["metadata"]["labels"]
            assert problems(item) == []
            for subject in item.get("subjects", ()):
                assert subject["namespace"] == SPACE
    (job,) = of_kind(parsed(kustomize(tmp_path / "k8s/cluster-test/publisher")), "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == SETTINGS.serving_image


def test_training_jobs_are_small_and_in_the_namespace(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "k8s", tmp_path / "k8s")
    settings = SETTINGS.model_copy(update={"training_image": "registry.example/training:3"})
    write_jobs(tmp_path / "k8s/cluster-test", SPACE, settings)

    for name in ("training", "publishing"):
        objects = parsed(kustomize(tmp_path / "k8s/cluster-test" / name))
        for item in objects:
            assert item["metadata"]["namespace"] == SPACE
            assert problems(item) == []
        for volume in of_kind(objects, "PersistentVolumeClaim"):
            assert volume["spec"]["storageClassName"] == "fast"
        (work,) = workloads(objects)
        assert {container["image"] for container in work.containers} == {settings.training_image}
        for container in work.containers:
            assert container["resources"]["requests"]["cpu"] in ("250m", "500m")


def test_namespace_is_as_strict_as_that_of_an_overlay(root: Path) -> None:
    (real,) = parsed((root / "k8s/overlays/local/namespace.yaml").read_text(encoding="utf-8"))
    made = overlay.namespace_of(SPACE)

    levels = {
        name: text for name, text in real["metadata"]["labels"].items() if "version" not in name
    }
    assert {name: made["metadata"]["labels"][name] for name in levels} == levels
    assert problems(json.loads(json.dumps(made))) == []


def test_probe_pod_matches_the_types_and_the_restricted_profile() -> None:
    made = probes.pod("client", "image", {"lesionlens.io/client": "true"})

    assert problems(made) == []
    assert made["metadata"]["labels"]["lesionlens.io/client"] == "true"
    assert "app.kubernetes.io/part-of" not in made["metadata"]["labels"]
