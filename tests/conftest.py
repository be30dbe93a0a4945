"""What all tests share: the real photographs beside the checkout, and a clean environment."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests (`make test`) by folders: each sets its own things up once."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        item.add_marker(pytest.mark.xdist_group(folder))


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's settings cannot change a unit test; the end-to-end tests are meant to see them."""
    if ROOT / "tests" / "e2e" in request.path.parents:
        return
    for name in [name for name in os.environ if name.upper().startswith("LESIONLENS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs and weights beside the checkout; it need not be there."""
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


def program(name: str, packages: str) -> str:
    """A program that CI may not do without; elsewhere its tests are left out."""
    found = shutil.which(name)
    if found is None:
        words = f"{name} is missing: apt-get install {packages}"
        if os.environ.get("CI"):
            pytest.fail(f"{words} (CI may not leave its tests out)")
        pytest.skip(words)
    return found


def _there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is missing: the real photographs lie beside some checkouts only")
    return path
