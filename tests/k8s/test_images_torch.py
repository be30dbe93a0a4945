"""Test the default choice of torch for the serving image."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from k8s.images import torch_choice
from k8s.images.torch_choice import CUDA, DOCKERFILE, PLAIN

pytestmark = pytest.mark.slow


LIBRARY = "nvidia-cudnn-cu13==9.1; platform_system == 'Linux'"


def wheel(folder: Path, version: str, *requires: str) -> None:
    """Empty wheel of a package ``torch``."""
    info = f"torch-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", "Name: torch", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of wheels that pip finds."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return tmp_path


def test_uses_the_default_build_if_offered(index: Path) -> None:
    wheel(index, "2.14.1+cpu", "filelock")
    wheel(index, "2.13.0", "filelock")

    assert torch_choice.choose() == ""


def test_uses_another_cpu_build_by_its_metadata(index: Path) -> None:
    wheel(index, "2.14.1", "filelock", LIBRARY)
    wheel(index, "2.13.0", "filelock")

    assert torch_choice.choose() == "torch==2.13.0"


def test_uses_cuda_build_if_nothing_else_is_offered(index: Path) -> None:
    wheel(index, "2.14.1", LIBRARY)
    wheel(index, "2.13.0", LIBRARY)

    assert torch_choice.choose() == CUDA
    assert (DOCKERFILE.parent / Path(CUDA).name).is_file()


@pytest.mark.parametrize(
    ("requires", "needed"),
    [
        (["filelock", "sympy>=1.13.3"], False),
        (["cuda-bindings<14,>=13.0.3; platform_system == 'Linux'"], True),
        (["nvidia-cudnn-cu13==9.1; platform_system == 'Windows' and sys_platform == 'x'"], False),
        (["nvidia-cudnn-cu13==9.1; extra == 'cuda'"], False),
    ],
)
def test_ignores_requirements_of_other_platforms(requires: list[str], needed: bool) -> None:
    assert torch_choice.needs_cuda(requires) is needed


def test_versions_are_at_most_those_of_the_checkout(root: Path) -> None:
    text = (root / "requirements.txt").read_text()

    assert f"\n{PLAIN[0]} " in text
    assert f'ARG TORCH="{PLAIN[0]}+cpu ' in DOCKERFILE.read_text()
