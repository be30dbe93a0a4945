"""What all tests share: the real photographs next to the checkout, and a clean environment."""

import gc
import os
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from handlers.structure import formats
from tests import left_out, scheduling

ROOT = Path(__file__).resolve().parent.parent
SLOW_FOLDERS = {ROOT / "tests" / name for name in ("docs", "e2e")}
SLOW_FIXTURES = {"learned", "prometheus", "promtool", "real_lesions", "real_weights", "trained"}
"""With what a server, a container or a training (from its features on) is started."""

# Until all tests are collected: modules and tests are not garbage, and looking for some among them
# takes as long as importing and collecting.
gc.disable()

# Servers of the tests are on this machine, where no proxy of the environment leads.
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), "127.0.0.1,::1,localhost")))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.ByGroup:
    """For `make test`, which runs several processes."""
    return scheduling.ByGroup(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import neither the tests that `make check` leaves out nor, without a cluster, its own."""
    if collection_path in SLOW_FOLDERS and config.option.markexpr == "not slow":
        return True
    without_cluster = not os.environ.get("LESIONLENS_CLUSTER_CONTEXT")
    return True if without_cluster and collection_path == ROOT / "tests" / "cluster" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out; where several processes run, begin with the longest."""
    for item in items:
        if SLOW_FOLDERS & set(item.path.parents) or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        scheduling.in_order(items)


def pytest_collection_finish() -> None:
    """From here on there is garbage, but never what was collected."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say at the end what was left out, and how to run it."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    if lines := left_out.table(one[2] for one in skipped if isinstance(one, tuple)):
        terminalreporter.section("left out")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's settings cannot change a unit test; those of whole systems are meant to see them."""
    if {ROOT / "tests" / "e2e", ROOT / "tests" / "cluster"} & set(request.path.parents):
        return
    for name in [name for name in os.environ if name.upper().startswith("LESIONLENS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs and weights next to the checkout; it need not be there."""
    return ROOT.parent / "shared"


@pytest.fixture(scope="session")
def real_lesions(shared: Path) -> Path:
    """Real dermoscopic photographs in the Kaggle layout."""
    return _there(shared / "lesions")


@pytest.fixture(scope="session")
def real_weights(shared: Path) -> Path:
    """A ResNet-18 trained on ImageNet, as a state dict."""
    return _there(shared / "weights" / "resnet18-imagenet.pth")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Path of Debian's prometheus."""
    return program("prometheus", "prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of promtool, which checks rules and runs their unit tests."""
    return program("promtool", "prometheus")


@pytest.fixture(scope="session")
def heif() -> None:
    """HEIC and AVIF are switched on, which is an operator's choice; CI may not do without."""
    if not formats.heif_enabled():
        _leave_out(left_out.EXTRA.format(package="pillow-heif", command="make setup HEIF=yes"))


@pytest.fixture(scope="session")
def dicom() -> None:
    """DICOM is switched on, which is an operator's choice; CI may not do without."""
    if not formats.dicom_enabled():
        _leave_out(left_out.EXTRA.format(package="pydicom", command="make setup DICOM=yes"))


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    """HEIC and AVIF are not switched on, whether or not their package is installed."""
    monkeypatch.setattr(formats, "find_spec", lambda name: None)


def program(name: str, packages: str) -> str:
    """A program that CI may not do without; elsewhere its tests are left out."""
    found = shutil.which(name)
    if found is None:
        _leave_out(left_out.REASON.format(program=name, packages=packages))
    return found


def _leave_out(words: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{words} (CI may not leave its tests out)")
    pytest.skip(words)


def _there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is missing: the real photographs lie next to some checkouts only")
    return path
