"""Test that a deployment waits for all pods and removes old objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from k8s.rollout import release, smoke
from k8s.rollout.errors import RolloutError
from k8s.rollout.manifests import OVERLAY_LABEL
from tests.k8s.rollout.api_double import Object
from tests.k8s.rollout.rollouts import ANSWER, BAD, BETTER, GOOD, Rollout, listing
from tests.k8s.rollout.simulated import DEPLOYMENTS, PODS, SERVICES, SPACE, Cluster
from tests.k8s.test_manifests_cluster import rights

pytestmark = pytest.mark.slow


def test_deployment_waits_until_every_pod_runs_the_release(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster(lag=3), ("page",))

    there.deploy(GOOD)
    there.deploy(BETTER)

    running = {at.removeprefix(f"{PODS}/") for at in there.api.objects if at.startswith(PODS)}
    assert running == {
        "melanoma-predictor-2",
        "melanoma-explainer-2",
        "lesionlens-page-1",
        "lesionlens-page-1-1",
    }
    assert there.asked[-1] == {
        "melanoma-predictor": "melanoma-predictor-2",
        "melanoma-explainer": "melanoma-explainer-2",
        "lesionlens-page": "lesionlens-page-1",
    }
    assert there.said[-4] == f"ready: {BETTER.digest}, on every pod"
    assert there.history == {
        "confirmed.storageUri": BETTER.storage_uri,
        "confirmed.digest": BETTER.digest,
        "storageUri": GOOD.storage_uri,
        "digest": GOOD.digest,
    }


def test_release_that_no_pod_runs_is_not_ready(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster(starts={BAD.digest: False}))
    there.deploy(GOOD)

    why = there.failure(BAD)

    assert why.startswith("not ready after 1 s: melanoma-predictor: 1 of 1 updated, 1 available, 1")
    assert len(there.asked) == 1  # the release before is asked nothing
    assert not any(line.startswith(f"ready: {BAD.digest}") for line in there.said)
    there.deployment.roll_back()
    assert release.read(there.overlay / "release.yaml") == GOOD
    assert there.said[-4] == f"ready: {GOOD.digest}, on every pod"
    assert there.history["confirmed.digest"] == GOOD.digest  # never the one that did not run


def test_rolling_back_twice_goes_forward(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster())
    there.deploy(GOOD)
    there.deploy(BETTER)
    there.deploy(BETTER)

    there.deployment.roll_back()
    assert release.read(there.overlay / "release.yaml") == GOOD
    there.deployment.roll_back()
    assert release.read(there.overlay / "release.yaml") == BETTER


def test_rollback_without_history_is_an_error(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster())
    there.deploy(GOOD)

    with pytest.raises(RolloutError, match="nowhere to go back"):
        there.deployment.roll_back()


def test_removes_objects_that_the_overlay_no_longer_has(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster(), ("page",))
    there.deploy(GOOD)
    kept = {
        f"/api/v1/{SPACE}/persistentvolumeclaims/lesionlens-models",
        f"/api/v1/{SPACE}/configmaps/made-by-hand",
        f"/api/v1/{SPACE}/secrets/melanoma-s3",
    }
    there.api.objects[f"/api/v1/{SPACE}/configmaps/made-by-hand"] = labelled("ConfigMap", {})
    there.api.objects[f"/api/v1/{SPACE}/secrets/melanoma-s3"] = labelled(
        "Secret", {OVERLAY_LABEL: "local"}
    )
    of_a_controller = labelled("Service", {OVERLAY_LABEL: "local"})
    of_a_controller["metadata"]["ownerReferences"] = [{"uid": "melanoma"}]
    there.api.objects[f"/api/v1/{SPACE}/services/made"] = of_a_controller
    listing(there.overlay)
    text = yaml.safe_load((there.overlay / "kustomization.yaml").read_text())
    text["components"].remove("../../components/storage-pvc")
    (there.overlay / "kustomization.yaml").write_text(yaml.safe_dump(text))

    there.deploy(GOOD)

    assert not [at for at in there.api.objects if at.endswith("/lesionlens-page")]
    assert kept | {f"/api/v1/{SPACE}/services/made"} <= set(there.api.objects)
    assert f"{SERVICES}/melanoma" in there.api.objects
    shown = there.said.index(
        "  deployments.apps/lesionlens-page is not in the overlay: removed once the rest runs"
    )
    assert shown < there.said.index("  deployments.apps/lesionlens-page removed")
    assert f"{DEPLOYMENTS}/lesionlens-page" not in there.api.objects


def test_deployer_role_is_sufficient(rollout: Callable[..., Rollout]) -> None:
    # kubectl asks for the namespace of what is not there, and does without an answer.
    there = rollout(Cluster(), ("page", "page-gateway"), forbidden={"namespaces", "events"})
    there.deploy(GOOD)
    listing(there.overlay)
    there.deploy(BETTER)
    there.deployment.roll_back()

    allowed = {
        (verb, resource)
        for (_, resource), verbs in rights("lesionlens-deployer").items()
        for verb in verbs
    }
    asked = there.api.asked - {("get", "namespaces")}
    assert {("delete", "deployments"), ("list", "replicasets")} <= asked <= allowed


def test_failed_rollout_removes_nothing(rollout: Callable[..., Rollout]) -> None:
    there = rollout(Cluster(starts={BAD.digest: False}), ("page",))
    there.deploy(GOOD)
    listing(there.overlay)

    there.failure(BAD)

    assert f"{DEPLOYMENTS}/lesionlens-page" in there.api.objects


def test_prints_address_only_if_it_answers(
    rollout: Callable[..., Rollout], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = rollout(Cluster())
    there.deploy(GOOD)
    assert there.said[-1] == "URL: http://melanoma.example/v1/models/melanoma:predict"

    def unreachable(*_: object) -> None:
        raise RolloutError("http://melanoma.example does not answer: timed out")

    monkeypatch.setattr(smoke, "ask_url", unreachable)
    there.deploy(GOOD)
    assert (
        there.said[-2]
        == "not reachable from here: http://melanoma.example does not answer: timed out"
    )
    assert "port-forward service/lesionlens-predictor 8080:80" in there.said[-1]


def test_tests_the_given_address_without_port_forward_rights(
    rollout: Callable[..., Rollout], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = rollout(Cluster())

    def forbidden(*_: object) -> None:
        raise smoke.ForwardingError("kubectl port-forward to pod x: forbidden")

    monkeypatch.setattr(smoke, "ask_pods", forbidden)
    with pytest.raises(RolloutError, match="port-forward to pod x: forbidden"):
        there.deploy(GOOD)
    asked: list[str] = []
    monkeypatch.setattr(smoke, "predict", lambda url, _: asked.append(url) or ANSWER)
    monkeypatch.setattr(smoke, "explain", lambda url, _: {"method": "grad_cam"})
    settings = there.deployment.settings.model_copy(update={"url": "http://gateway"})
    replace(there.deployment, settings=settings).deploy()

    assert asked == ["http://gateway"]
    assert any("only http://gateway: kubectl port-forward" in line for line in there.said)
    assert there.said[-1] == "URL: http://gateway/v1/models/melanoma:predict"


def labelled(kind: str, labels: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "made", "labels": labels}}
