"""A worker imports what it needs, and no more."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"matplotlib", "pandas", "scipy", "sklearn", "torchvision", "nncf", "kserve", "pydantic"}


def modules_after(code: str) -> set[str]:
    code += "\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_handler_imports_nothing_heavy_that_it_does_not_need() -> None:
    modules = modules_after("import handlers.melanoma_handler")

    assert {"torch", "captum.attr._core.integrated_gradients", "PIL"} <= modules
    assert not HEAVY & modules


def test_captum_is_whole_for_who_asks_for_it() -> None:
    modules = modules_after(
        "from handlers import captum_methods\n"
        "from captum.attr import IntegratedGradients, LayerGradCam, visualization\n"
        "assert IntegratedGradients is captum_methods.IntegratedGradients\n"
        "assert LayerGradCam is captum_methods.LayerGradCam\n"
        "assert callable(visualization.visualize_image_attr)"
    )

    assert "matplotlib" in modules


def test_captum_may_be_there_before() -> None:
    modules_after(
        "import captum.attr\n"
        "from handlers import captum_methods\n"
        "assert captum_methods.LayerGradCam is captum.attr.LayerGradCam"
    )
