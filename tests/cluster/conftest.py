"""A new namespace on a named cluster, and the table of test results."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.release import Release
from tests.cluster import gateways, reporting
from tests.cluster.bench import Bench
from tests.cluster.capabilities import Capabilities
from tests.cluster.checkout import ARCHIVE, ROOT, Checkout
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Route
from tests.cluster.reporting import Row, Table
from tests.cluster.settings import ClusterSettings

TABLE: Final = pytest.StashKey[Table]()
HERE: Final = Path(__file__).parent
DETAIL: Final = "measured"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Collect nothing in a plain ``pytest`` run, which must not contact a cluster."""
    return None if ClusterSettings().context or collection_path == HERE else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the basic tests first, because all others depend on them."""
    if ClusterSettings().context:
        items.sort(key=lambda item: item.path != HERE / "test_basics.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds a row for each test, with the first line of its docstring."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    if HERE not in item.path.parents or (report.when != "call" and report.passed):
        return
    table = item.config.stash.setdefault(TABLE, Table(ClusterSettings().context))
    text = (getattr(item, "obj", None).__doc__ or item.name).strip().splitlines()[0].rstrip(".")
    details = [str(value) for name, value in report.user_properties if name == DETAIL]
    result = reporting.PASSED
    if report.skipped:
        result = reporting.LEFT_OUT
        longrepr = report.longrepr
        details = [str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)]
        details = [detail.removeprefix("Skipped: ") for detail in details]
    elif report.failed:
        result = reporting.FAILED
        error = call.excinfo.value if call.excinfo else None
        details.append(" ".join(str(error).split()) or type(error).__name__)
    table.add(Row(item.nodeid, text, result, "; ".join(details), round(call.duration, 1)))
    table.write(ClusterSettings().output)  # what is known stays, should the run be killed


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table and write it."""
    table = config.stash.get(TABLE, None)
    if table is None:
        return
    terminalreporter.section("cluster test")
    for line in table.lines():
        terminalreporter.write_line(line)
    output = ClusterSettings().output
    table.write(output)
    terminalreporter.write_line(f"written: {output}")


@pytest.fixture(scope="session")
def settings() -> ClusterSettings:
    """Settings of this run."""
    return ClusterSettings()


@pytest.fixture(scope="session")
def kubectl(settings: ClusterSettings) -> Kubectl:
    """kubectl for the named cluster."""
    return Kubectl(settings.rollout())


@pytest.fixture(scope="session")
def capabilities(kubectl: Kubectl, settings: ClusterSettings) -> Capabilities:
    """Capabilities of the cluster; without KServe or a model the run ends here."""
    if not (ROOT / settings.archive / ARCHIVE).is_file():
        pytest.exit(f"{settings.archive}/{ARCHIVE} is missing: `make archive` first", 2)
    found = Capabilities(kubectl)
    try:
        why = found.lacks_kserve()
    except RolloutError as error:
        why = str(error)
    if why:
        pytest.exit(why, 2)
    return found


@pytest.fixture(scope="session")
def found_gateway(
    capabilities: Capabilities, settings: ClusterSettings
) -> tuple[Gateway | None, str]:
    """Gateway, or the reason why there is none."""
    return gateways.find(capabilities, settings)


@pytest.fixture(scope="session")
def bench(
    request: pytest.FixtureRequest,
    settings: ClusterSettings,
    kubectl: Kubectl,
    capabilities: Capabilities,
    found_gateway: tuple[Gateway | None, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    """Namespace that is removed after the last test, failed or not."""
    name = settings.namespace or f"lesionlens-test-{secrets.token_hex(3)}"
    versions = capabilities.versions()
    table = request.config.stash.setdefault(TABLE, Table(settings.context))
    table.namespace, table.versions = name, versions
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    say(f"cluster {settings.context}, namespace {name}")
    route = None
    gateway, _ = found_gateway
    if gateway is not None:
        host = f"{name}.{gateways.DOMAIN}"
        route = Route(gateway.name, gateway.namespace, host, gateway.service_namespace)
    checkout = Checkout.make(tmp_path_factory.mktemp("checkout"), settings, name)
    made = Bench(kubectl, checkout, say, route)
    # On SIGTERM the runner removes the namespace, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        made.make_namespace()
    except RolloutError as error:
        pytest.exit(f"no namespace to test in: {error}", 2)
    try:
        yield made
    finally:
        if settings.keep:
            say(f"kept: kubectl --context {settings.context} delete namespace {name}")
        else:
            made.remove_namespace()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Add a remark to a test's row in the table."""
    return lambda text: record_property(DETAIL, text)


@pytest.fixture
def gateway(found_gateway: tuple[Gateway | None, str]) -> Gateway:
    """Gateway; without one the test is skipped."""
    found, why = found_gateway
    if found is None:
        pytest.skip(why)
    return found


@pytest.fixture
def first(bench: Bench) -> Release:
    """Release that is published and copied to the volume."""
    return bench.publish("first")


@pytest.fixture
def second(bench: Bench, first: Release) -> Release:
    """Second release, with another model version."""
    return bench.publish("second")


def need(reason: str) -> None:
    """Skip a test if the cluster lacks something, with the reason."""
    if reason:
        pytest.skip(reason)
