"""Captum's attribution methods, without the rest of Captum, which loads all of matplotlib.

A worker draws with Pillow: without matplotlib it is ready earlier and smaller.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_running(*packages: str) -> Iterator[None]:
    """Let modules of packages be imported, but not what the packages import themselves.

    Who imports a package afterwards gets it whole, with these same modules in it; only that they
    are attributes of their parent (``captum._utils`` without importing it) does not hold.
    """
    absent = [name for name in packages if name not in sys.modules]
    for name in absent:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with _without_running("captum", "captum.attr"):
    from captum._utils.models.model import Model as InterpretableModel
    from captum.attr._core.gradient_shap import GradientShap
    from captum.attr._core.layer.grad_cam import LayerGradCam
    from captum.attr._core.lime import Lime
    from captum.attr._core.noise_tunnel import NoiseTunnel
    from captum.attr._core.occlusion import Occlusion
    from captum.attr._core.saliency import Saliency
    from captum.attr._utils.attribution import LayerAttribution

__all__ = [
    "GradientShap",
    "InterpretableModel",
    "LayerAttribution",
    "LayerGradCam",
    "Lime",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
]
