"""Copy of the manifests to roll out from, and an API double."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from k8s.rollout import kubectl as kubectls
from k8s.rollout import readiness, release, smoke
from k8s.rollout.deployment import Deployment
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.settings import RolloutSettings
from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api, Object
from tests.k8s.rollout.rollouts import ANSWER, Rollout, listing
from tests.k8s.rollout.simulated import Cluster


@pytest.fixture(autouse=True)
def _no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a new cache, because kubectl caches discovery for hours."""
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "kubectl"))


@pytest.fixture
def overlays(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Overlays in a folder that may be changed."""
    for folder in ("k8s/base", "k8s/components", "k8s/overlays", "monitoring/dashboards"):
        shutil.copytree(root / folder, tmp_path / folder)
    monkeypatch.setattr(release, "OVERLAYS", tmp_path / "k8s/overlays")
    return tmp_path / "k8s/overlays"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Model store with an empty archive."""
    folder = tmp_path / "store"
    folder.mkdir()
    write_archive(folder, "first")
    return folder


def write_archive(store: Path, content: str) -> None:
    """Put another archive into a store."""
    with zipfile.ZipFile(store / "melanoma.mar", "w") as archive:
        archive.writestr(zipfile.ZipInfo("card.json"), content)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Callable[[str, Api], Path]]:
    """Start a cluster with a context's name; returns its kubeconfig."""
    with ExitStack() as stack:

        def start(context: str, api: Api) -> Path:
            serving: AbstractContextManager[Path] = api_double.serving(api, tmp_path, context)
            return stack.enter_context(serving)

        yield start


@pytest.fixture
def connected(
    cluster: Callable[[str, Api], Path],
    settings: RolloutSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Kubectl]:
    """kubectl for a cluster, with short polling intervals."""
    monkeypatch.setattr(kubectls, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(readiness, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(readiness, "SETTLE_SECONDS", 0.0)

    def connect(
        api: Api, name: str = "kind-test", say: Callable[[str], None] = print, **changes: Any
    ) -> Kubectl:
        config = cluster(name, api)
        return Kubectl(settings.model_copy(update={"kubeconfig": config, **changes}), say)

    return connect


@pytest.fixture
def rollout(
    connected: Callable[..., Kubectl],
    settings: RolloutSettings,
    overlays: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Rollout]:
    def make(cluster: Cluster, components: tuple[str, ...] = (), **options: Any) -> Rollout:
        said: list[str] = []
        overlay = overlays / "local"
        listing(overlay, *components)
        api = cluster.api(**options)
        changed = settings.model_copy(update={"deploy_seconds": 300})
        deployment = Deployment(
            "local", connected(api, say=said.append, deploy_seconds=300), changed, said.append
        )
        made = Rollout(api, cluster, overlay, deployment, said)

        def ask(
            _: Kubectl, namespace: str, pods: dict[str, str], __: bytes
        ) -> tuple[Object, Object]:
            assert namespace == "lesionlens"
            made.asked.append(pods)
            return ANSWER, {"method": "grad_cam"}

        monkeypatch.setattr(smoke, "ask_pods", ask)
        monkeypatch.setattr(smoke, "ask_url", lambda *_: None)
        return made

    return make


@pytest.fixture
def settings(root: Path, store: Path, tmp_path: Path) -> RolloutSettings:
    """Publish a release to a folder."""
    return RolloutSettings(
        archive=store, config=root / "model_store/config", releases=str(tmp_path / "releases")
    )
