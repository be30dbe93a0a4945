"""Test that only a named cluster is changed and that errors are one helpful line."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from k8s.rollout.deployment import Deployment
from k8s.rollout.errors import ForbiddenError, RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.settings import RolloutSettings
from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api

pytestmark = pytest.mark.slow

Connect = Callable[..., Kubectl]
SPACE = "lesionlens"


def test_missing_kserve_error_says_what_to_install(connected: Connect) -> None:
    manifest = '{"apiVersion": "x.io/v1", "kind": "X", "metadata": {"name": "x"}}'

    with pytest.raises(RolloutError, match=r"no matches for kind.*docs/how-to/kubernetes\.md"):
        connected(Api())("apply", "--filename", "-", given=manifest)


def test_missing_kind_is_an_error(connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connected(Api()).get("inferenceservice", "melanoma", SPACE) is None

    monkeypatch.delitem(api_double.KINDS, "serving.kserve.io/v1beta1")
    with pytest.raises(RolloutError, match=r"have a resource type.*docs/how-to/kubernetes\.md"):
        connected(Api(), "kind-other").get("inferenceservice", "melanoma", SPACE)


def test_missing_namespace_is_an_error(connected: Connect) -> None:
    manifest = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}'
    there = connected(Api(namespaces=frozenset({"default"})))

    with pytest.raises(RolloutError, match="make the namespace once: `make namespace OVERLAY"):
        there("apply", "--namespace", SPACE, "--filename", "-", given=manifest)


def test_forbidden_error_names_the_deployer_role(connected: Connect) -> None:
    refused = connected(Api(forbidden={"configmaps"}))

    with pytest.raises(ForbiddenError, match="k8s/components/deployer") as caught:
        refused.get("configmap", "x", SPACE)

    assert "\n" not in str(caught.value)


def test_does_not_wait_for_a_server_that_never_answered(
    settings: RolloutSettings, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    with api_double.serving(Api(), tmp_path, "kind-gone") as served:
        config.write_text(served.read_text())

    with pytest.raises(RolloutError) as caught:
        Kubectl(settings.model_copy(update={"kubeconfig": config})).list("pods", SPACE)

    assert str(caught.value).startswith("kubectl get: The connection to the server 127.0.0.1:")
    assert "\n" not in str(caught.value)


def test_waits_for_a_server_that_becomes_unreachable(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    kubectl = connected(Api(), say=said.append)
    kubectl.list("pods", SPACE)
    run = kubectl._run
    failures: Iterator[RolloutError] = iter(
        [
            RolloutError("kubectl get: connection refused"),
            RolloutError("kubectl get: net/http: TLS handshake timeout"),
            ForbiddenError("kubectl get: rights are not known yet"),
        ]
    )

    def away(*arguments: str, given: str | None = None) -> str:
        if (error := next(failures, None)) is not None:
            raise error
        return run(*arguments, given=given)

    monkeypatch.setattr(kubectl, "_run", away)

    assert kubectl.list("pods", SPACE) == []
    assert said == [
        "  the API server does not answer: waiting for it",
        "  the API server answers again",
    ]


def test_unreachable_server_ends_the_deployment(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = connected(Api(), deploy_seconds=0.2)
    kubectl.list("pods", SPACE)

    def gone(*_: str, **__: Any) -> str:
        raise RolloutError("kubectl get: connection refused")

    monkeypatch.setattr(kubectl, "_run", gone)
    with pytest.raises(RolloutError, match="connection refused"):
        kubectl.list("pods", SPACE)


def test_release_without_archive_is_not_deployed(
    connected: Connect, settings: RolloutSettings, overlays: Path
) -> None:
    api = Api()

    with pytest.raises(RolloutError, match=r"local/release\.yaml names no release by its digest"):
        Deployment("local", connected(api), settings).deploy()

    assert api.changes == []


def test_unknown_context_is_an_error(settings: RolloutSettings, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")

    with pytest.raises(RolloutError, match="kubectl config: error: current-context is not set"):
        Kubectl(settings.model_copy(update={"kubeconfig": tmp_path / "empty"}))


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
def test_only_a_named_cluster_is_changed(
    overlay: str,
    context: str,
    named: str,
    typed: str | None,
    allowed: bool,
    connected: Connect,
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
