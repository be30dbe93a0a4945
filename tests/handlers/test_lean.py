"""Test that a worker imports only what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


HEAVY = {"matplotlib", "pandas", "scipy", "sklearn", "torchvision", "nncf", "kserve", "pydantic"}


def modules_after(code: str) -> set[str]:
    code += "\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_handler_avoids_heavy_imports() -> None:
    modules = modules_after("import handlers.melanoma_handler")

    assert {"torch", "captum.attr._core.layer.grad_cam", "PIL"} <= modules
    assert not HEAVY & modules


def test_methods_avoid_heavy_imports_when_they_run() -> None:
    modules = modules_after(
        "from handlers.explainers.methods import METHODS\n"
        "from tests.handlers.explainers.known import Corner, ask, noise\n"
        "for method in METHODS.values():\n"
        "    assert method.explain(ask(Corner(), noise(0))).values.any()"
    )

    assert "handlers.explainers.lime" in modules
    assert not HEAVY & modules


def test_captum_is_complete_when_imported_directly() -> None:
    modules = modules_after(
        "from handlers.explainers import captum_methods\n"
        "import captum.attr\n"
        "for name in set(captum_methods.__all__) - {'InterpretableModel'}:\n"
        "    assert getattr(captum.attr, name) is getattr(captum_methods, name), name\n"
        "from captum._utils.models import Model\n"
        "assert Model is captum_methods.InterpretableModel\n"
        "from captum.attr import KernelShap, visualization\n"
        "assert issubclass(KernelShap, captum_methods.Lime)\n"
        "assert callable(visualization.visualize_image_attr)"
    )

    assert "matplotlib" in modules


def test_captum_may_be_imported_before() -> None:
    modules_after(
        "import captum.attr\n"
        "from handlers.explainers import captum_methods\n"
        "assert captum_methods.LayerGradCam is captum.attr.LayerGradCam"
    )
