"""Test the values of a release in the manifests."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.k8s.manifests.building import BEFORE, K8S, combined, objects_of, parsed
from tests.k8s.manifests.pods import Workload, named, of_kind, workloads

URI = "s3://a-bucket/melanoma/0123abcd"
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64


def release(name: str, uri: str, digest: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "annotations": {"config.kubernetes.io/local-config": "true"},
        },
        "data": {"storageUri": uri, "digest": digest},
    }


def variables(work: Workload) -> dict[str, str]:
    return {item["name"]: item["value"] for item in work.spec["containers"][0]["env"]}


@pytest.mark.parametrize("write", [yaml.safe_dump, json.dumps], ids=["YAML", "JSON"])
def test_release_values_are_set_in_all_places_and_no_others(write: Any) -> None:
    text = write(release("release", URI, DIGEST))
    objects = parsed(combined("base", ("release",), release=text))
    service = named(objects, "InferenceService", "melanoma")
    by_name = {work.name: work for work in workloads(objects)}

    assert service["spec"]["predictor"]["model"]["storageUri"] == URI
    assert variables(by_name["melanoma-explainer"])["STORAGE_URI"] == URI
    assert variables(by_name["melanoma-predictor"])["LESIONLENS_DIGEST"] == DIGEST
    assert variables(by_name["melanoma-explainer"])["LESIONLENS_DIGEST"] == DIGEST
    assert variables(by_name["melanoma-predictor"])["LESIONLENS_VERBS"] == "predict"
    assert service["metadata"]["annotations"]["lesionlens.io/digest"] == DIGEST
    assert json.dumps(objects).count(DIGEST) == 3
    assert json.dumps(objects).count(URI) == 2


def test_release_changes_nothing_else() -> None:
    first = combined("base", ("release",), release=json.dumps(release("release", URI, DIGEST)))
    second = combined("base", ("release",), release=json.dumps(release("release", "x", OTHER)))

    assert first.replace(URI, "x").replace(DIGEST, OTHER) == second


def test_canary_has_a_separate_release() -> None:
    objects = parsed(
        combined(
            "base",
            BEFORE,
            release=json.dumps(release("release", URI, DIGEST)),
            release_canary=json.dumps(release("release-canary", "pvc://a/b", OTHER)),
        )
    )
    stable, canary = (
        named(objects, "InferenceService", name) for name in ("melanoma", "melanoma-canary")
    )

    assert canary["spec"]["predictor"]["model"]["storageUri"] == "pvc://a/b"
    assert canary["metadata"]["annotations"]["lesionlens.io/digest"] == OTHER
    assert OTHER not in json.dumps(stable)
    assert DIGEST not in json.dumps(canary)
    by_name = {work.name: work for work in workloads(objects)}
    assert variables(by_name["melanoma-canary-predictor"])["LESIONLENS_DIGEST"] == OTHER


def test_a_release_without_its_data_does_not_build() -> None:
    broken = release("release", URI, DIGEST)
    del broken["data"]["digest"]

    with pytest.raises(AssertionError, match="digest"):
        combined("base", ("release",), release=json.dumps(broken))


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_overlay_serves_its_release(overlay: str) -> None:
    text = (K8S / "overlays" / overlay / "release.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)["data"]
    service = named(objects_of(f"overlays/{overlay}"), "InferenceService", "melanoma")

    assert set(data) == {"storageUri", "digest"}
    assert re.fullmatch(r"(sha256:[0-9a-f]{64})?", data["digest"])
    assert service["spec"]["predictor"]["model"]["storageUri"] == data["storageUri"]
    assert service["metadata"]["annotations"]["lesionlens.io/digest"] == data["digest"]


def test_base_alone_has_no_release_and_serves_nothing() -> None:
    for work in workloads(objects_of("base")):
        assert variables(work)["LESIONLENS_DIGEST"] == ""
    (service,) = of_kind(objects_of("base"), "InferenceService")
    model = service["spec"]["predictor"]["model"]
    assert model["storageUri"] == "pvc://lesionlens-models/melanoma"
