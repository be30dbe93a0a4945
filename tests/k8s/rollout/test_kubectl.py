"""Nothing happens to a cluster that was not named, and waiting ends with a reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from k8s.rollout import cluster as clusters
from k8s.rollout.cluster import HISTORY, Cluster
from k8s.rollout.deployment import Deployment
from k8s.rollout.errors import RolloutError
from k8s.rollout.release import Release
from k8s.rollout.settings import RolloutSettings
from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api, Object

Start = Callable[[str, Api], Path]
SERVICE = "/apis/serving.kserve.io/v1beta1/namespaces/lesionlens/inferenceservices/melanoma"
DIGEST = "sha256:" + "0a" * 32


def service(ready: str, reason: str = "") -> Object:
    condition = {"type": "PredictorReady", "status": ready, "reason": reason}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "melanoma", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "url": "http://melanoma.example",
            "conditions": [condition, {"type": "Ready", "status": ready}],
        },
    }


def pod(digest: str, message: str) -> Object:
    ended = {"terminated": {"exitCode": 12, "message": f"a line before\n{message}\n"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "melanoma-predictor-x",
            "labels": {"serving.kserve.io/inferenceservice": "melanoma"},
        },
        "spec": {"containers": [{"env": [{"name": "LESIONLENS_DIGEST", "value": digest}]}]},
        "status": {"containerStatuses": [{"name": "kserve-container", "lastState": ended}]},
    }


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "POLL_SECONDS", 0.05)


@pytest.fixture
def connected(cluster: Start, settings: RolloutSettings) -> Callable[..., Cluster]:
    def connect(api: Api, name: str = "kind-test", **changes: Any) -> Cluster:
        config = cluster(name, api)
        return Cluster(settings.model_copy(update={"kubeconfig": config, **changes}))

    return connect


def test_it_is_ready_when_kserve_says_so_of_this_generation(
    connected: Callable[..., Cluster],
) -> None:
    api = Api({SERVICE: service("True")})

    assert connected(api).wait_ready("lesionlens", DIGEST, print) == "http://melanoma.example"

    api.objects[SERVICE]["metadata"]["generation"] = 2
    with pytest.raises(RolloutError, match="not ready after"):
        connected(api, deploy_seconds=0.3).wait_ready("lesionlens", DIGEST, print)


def test_waiting_says_what_it_waits_for(connected: Callable[..., Cluster]) -> None:
    said: list[str] = []
    waiting = connected(Api({SERVICE: service("False", "MinimumReplicas")}), deploy_seconds=0.5)

    with pytest.raises(RolloutError, match=r"not ready after 0\.5 s \(PredictorReady False"):
        waiting.wait_ready("lesionlens", DIGEST, said.append)

    assert said == ["PredictorReady False (MinimumReplicas)"]  # once, not each time


def test_a_pod_that_refuses_the_release_ends_the_waiting(
    connected: Callable[..., Cluster],
) -> None:
    api = Api({SERVICE: service("False")})
    pods = "/api/v1/namespaces/lesionlens/pods/x"
    api.objects[pods] = pod(DIGEST, "error: the archive is another")

    with pytest.raises(RolloutError) as caught:
        connected(api).wait_ready("lesionlens", DIGEST, print)

    words = "pod melanoma-predictor-x ended with status 12: error: the archive is another."
    assert str(caught.value).startswith(words)

    # One of the release before is no reason.
    api.objects[pods] = pod("sha256:other", "error: the archive is another")
    with pytest.raises(RolloutError, match="not ready after"):
        connected(api, deploy_seconds=0.5).wait_ready("lesionlens", DIGEST, print)


def test_what_ran_before_is_recorded_on_the_cluster(connected: Callable[..., Cluster]) -> None:
    api = Api()
    there = connected(api)
    assert there.previous("lesionlens") is None

    there.remember("lesionlens", Release("s3://a", DIGEST))
    there.remember("lesionlens", Release("s3://b", DIGEST))

    assert there.previous("lesionlens") == Release("s3://b", DIGEST)
    assert list(api.objects) == [f"/api/v1/namespaces/lesionlens/configmaps/{HISTORY}"]


def test_a_cluster_without_kserve_is_told_what_to_install(
    connected: Callable[..., Cluster],
) -> None:
    manifest = '{"apiVersion": "x.io/v1", "kind": "X", "metadata": {"name": "x"}}'

    with pytest.raises(RolloutError, match=r"(?s)no matches for kind.*docs/how-to/kubernetes\.md"):
        connected(Api()).kubectl("apply", "--filename", "-", given=manifest)


def test_a_cluster_where_nothing_is_asked_for_yet(
    connected: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected(Api()).running("lesionlens") is None

    monkeypatch.delitem(api_double.KINDS, "serving.kserve.io/v1beta1")
    with pytest.raises(RolloutError, match=r"(?s)have a resource type.*docs/how-to/kubernetes\.md"):
        connected(Api(), "kind-other").running("lesionlens")


def test_kubectls_log_is_not_its_message(settings: RolloutSettings, tmp_path: Path) -> None:
    config = tmp_path / "config"
    with api_double.serving(Api(), tmp_path, "kind-gone") as served:
        config.write_text(served.read_text())

    with pytest.raises(RolloutError) as caught:
        Cluster(settings.model_copy(update={"kubeconfig": config})).running("lesionlens")

    assert str(caught.value).startswith("kubectl get: The connection to the server 127.0.0.1:")


def test_a_release_that_names_no_archive_is_not_deployed(
    connected: Callable[..., Cluster], settings: RolloutSettings, overlays: Path
) -> None:
    api = Api()

    with pytest.raises(RolloutError, match=r"local/release\.yaml names no release by its digest"):
        Deployment("local", connected(api), settings).deploy()

    assert api.changes == []


def test_a_context_that_is_not_there(settings: RolloutSettings, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")

    with pytest.raises(RolloutError, match="kubectl config: error: current-context is not set"):
        Cluster(settings.model_copy(update={"kubeconfig": tmp_path / "empty"}))


@pytest.mark.parametrize(
    ("overlay", "context", "named", "typed", "allowed"),
    [
        ("local", "kind-test", "", None, True),
        ("local", "k3d-test", "", None, True),
        ("local", "hospital", "", None, False),
        ("production", "kind-test", "", None, False),
        ("production", "hospital", "hospital", None, True),
        ("production", "hospital", "", "hospital\n", True),
        ("production", "hospital", "", "yes\n", False),
        ("production", "hospital", "", "\n", False),
    ],
)
def test_only_a_cluster_that_was_named_is_changed(
    overlay: str,
    context: str,
    named: str,
    typed: str | None,
    allowed: bool,
    connected: Callable[..., Cluster],
    settings: RolloutSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keyboard = io.StringIO(typed or "")
    monkeypatch.setattr(keyboard, "isatty", lambda: typed is not None)
    monkeypatch.setattr("sys.stdin", keyboard)
    said: list[str] = []
    there = connected(Api(), context, context=named)
    deployment = Deployment(
        overlay, there, settings.model_copy(update={"context": named}), said.append
    )

    if allowed:
        deployment.demand_consent()
    else:
        with pytest.raises(RolloutError, match=f"CONTEXT={context}|nothing was changed"):
            deployment.demand_consent()

    assert context in said[0]
