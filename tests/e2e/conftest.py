"""Real servers of a real archive: of ../shared where it is, else of synthetic lesions."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from k8s.images.__main__ import version
from k8s.images.build import build
from k8s.images.settings import ImageSettings
from k8s.rollout import bundle
from k8s.rollout.settings import RolloutSettings
from serving.local import LocalServer
from serving.settings import ServingSettings, free_ports
from tests.conftest import program
from tests.e2e.browser import chromium
from tests.e2e.containers import Container, Template, templates
from tests.e2e.environment import FORCED, REAL, ROOT, SERVED, SHARED, made_once, train
from tests.e2e.kept_back import kept_back
from tests.e2e.pages import Page, running

RUNTIMES = os.environ.get("LESIONLENS_TEST_RUNTIMES", "torchserve,kserve").split(",")
"""Of whose servers the tests are run; one of them halves the time."""
ONE_RUNTIME = {
    *("test_browser", "test_browser_access", "test_browser_cases", "test_browser_failures"),
    *("test_browser_files", "test_browser_heif"),
    *("test_container", "test_container_page", "test_loadtest", "test_page"),
}
"""Modules that test a client of the service, or a container against what the checkout answers: the
runtimes' answers are compared by the others."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a client with the first runtime only."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in ONE_RUNTIME and "runtime" in metafunc.fixturenames:
        mark = pytest.mark.parametrize("runtime", RUNTIMES[:1], indirect=True, scope="session")
        metafunc.definition.add_marker(mark)


@dataclass(frozen=True)
class Trained:
    """What the training left behind."""

    build: Path
    store: Path
    summary: dict[str, Any]
    said: str
    """What a person saw on the console."""
    photographs: Path
    """Where the real ones lie, with ``first`` and ``second`` that it has never seen."""


@pytest.fixture(scope="session", autouse=True)
def _time_to_explain() -> Iterator[None]:
    """Explanations have the lowest scheduling priority, and other tests run at the same time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLENS_EXPLAIN_SECONDS", "60")
        patch.setenv("LESIONLENS_ANSWER_SECONDS", "150")
        yield


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The main job, once for all processes: photographs to archive, by the command a user runs."""
    folder = made_once(request.config, tmp_path_factory, "trained", _train)
    return Trained(
        folder / "build",
        folder / "store",
        json.loads((folder / "build" / "summary.json").read_text()),
        (folder / "said.txt").read_text(),
        folder / "photographs",
    )


def _train(folder: Path) -> None:
    """Train and pack; what was said goes into ``said.txt``."""
    variables = {"COLUMNS": "200"}  # a table's cells stay on one line
    if REAL:
        variables["LESIONLENS_DATA"] = str(kept_back(SHARED / "lesions", folder / "photographs"))
    else:
        variables |= {"LESIONLENS_SYNTHETIC_TRAIN": "60", "LESIONLENS_SYNTHETIC_TEST": "50"}
    # A variant of another archive is served in test_variant.py.
    said = train(folder, SERVED.name, **variables)
    (folder / "said.txt").write_text(said)


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LocalServer]:
    """Makes servers on free ports, with separate logs; not yet started.

    Of one worker, unless told otherwise: that is ready sooner.
    """

    def make(**changes: Any) -> LocalServer:
        settings = ServingSettings(
            config=ROOT / "model_store" / "config",
            logs=tmp_path_factory.mktemp("logs"),
            workers=1,
            **free_ports(),
        )
        return LocalServer(settings.model_copy(update=changes))

    return make


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime after the other: what a client sees of them is the same."""
    return str(request.param)


@pytest.fixture(scope="session")
def start(
    trained: Trained, serving: Callable[..., LocalServer], runtime: str
) -> Callable[..., LocalServer]:
    """Makes servers of the trained archive, or of another."""

    def make(**changes: Any) -> LocalServer:
        return serving(**{"archive": trained.store, "runtime": runtime, **changes})

    return make


@pytest.fixture(scope="session")
def server(
    start: Callable[..., LocalServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalServer]:
    """One server for the tests that leave it as it was.

    It logs its decisions, gives receipts and counts outcomes.
    """
    folder, running = tmp_path_factory.mktemp("outcomes"), start()
    (folder / "receipt.keys").write_text(secrets.token_hex(32))
    try:
        # Only for this one: other servers start while it runs.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LESIONLENS_DECISION_LOG", "true")
            patch.setenv("LESIONLENS_RECEIPT_KEY", str(folder / "receipt.keys"))
            patch.setenv("LESIONLENS_OUTCOME_STORE", str(folder / "outcomes.sqlite"))
            running.start()
        running.wait_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def images() -> ImageSettings:
    """How the tests build images: from a base of Debian packages, apart from a user's own."""
    for name in ("buildah", "podman", "runc", "mmdebstrap"):
        program(name, "buildah podman runc mmdebstrap")
    if os.geteuid() != 0:
        pytest.skip("a container with separate limits needs root here")
    return ImageSettings(
        builder="buildah",
        base="debian",
        torch=os.environ.get("LESIONLENS_IMAGE_TORCH", "auto"),
        prefix="localhost",
        storage=ROOT / "build" / "containers",
    )


@pytest.fixture(scope="session")
def components(runtime: str) -> dict[str, Template]:
    """Predictor and explainer of the manifests."""
    return templates(runtime)


@pytest.fixture(scope="session")
def serving_image(images: ImageSettings, components: dict[str, Template]) -> str:
    """Name of the image that the manifests ask for, built as `make images` builds it."""
    name, _, _ = components["predictor"].container["image"].partition(":")
    return build(name.removeprefix("lesionlens-"), version(), images)


@pytest.fixture(scope="session")
def release(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as it is published: a folder that KServe would mount."""
    folder = tmp_path_factory.mktemp("release") / "models"
    settings = RolloutSettings(archive=trained.store, config=ROOT / "model_store/config")
    bundle.make(settings, folder)
    for path in (folder.parent, folder):
        path.chmod(0o755)  # another user reads it there
    return folder


@pytest.fixture(scope="session")
def start_container(
    serving_image: str, images: ImageSettings, release: Path, components: dict[str, Template]
) -> Callable[..., Container]:
    """Makes containers of a component of the manifests; not yet started."""

    def make(component: str, arguments: tuple[str, ...] = (), **changes: Any) -> Container:
        # With other tests running, an explanation takes longer than a pod allows.
        patience = {"LESIONLENS_EXPLAIN_SECONDS": "60", "LESIONLENS_ANSWER_SECONDS": "150"}
        given = {"models": release, "variables": patience | FORCED, **changes}
        return Container(serving_image, images, components[component], arguments=arguments, **given)

    return make


@pytest.fixture
def refused(start_container: Callable[..., Container]) -> Callable[..., tuple[int, str]]:
    """Starts a pod that is to end by itself; its exit status and its message."""

    def ended(**changes: Any) -> tuple[int, str]:
        with start_container("predictor", **changes) as pod:
            return pod.wait(90)

    return ended


@pytest.fixture(scope="session")
def client(server: LocalServer) -> Iterator[httpx.Client]:
    """A client of the inference address."""
    with httpx.Client(base_url=server.inference, timeout=120) as connected:
        yield connected


@pytest.fixture(scope="session")
def photographs(trained: Trained) -> list[bytes]:
    """A hundred photographs that the model was not trained on."""
    folder = Path(trained.summary["example"]).parents[1]
    paths = sorted(folder.glob("*/*.jpg"), key=lambda path: (path.name, path.parent.name))
    assert len(paths) >= 100
    return [path.read_bytes() for path in paths[:100]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser, without a screen and with the picture of a camera that is not there.

    Playwright keeps an event loop running while it is there.
    """
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with chromium(*flags) as started:
        yield started


@pytest.fixture(scope="session")
def page(server: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The upload page in front of the server."""
    with running(tmp_path_factory.mktemp("page"), server.inference) as started:
        yield started
