"""Import Captum's attribution methods without the rest of Captum, which loads matplotlib.

A worker draws with Pillow: without matplotlib it is ready earlier and smaller.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_running(*packages: str) -> Iterator[None]:
    """Import modules of packages without running the packages' own ``__init__`` modules.

    A later import of such a package gets it complete, with these same modules in it. One difference
    remains: a submodule is not an attribute of its parent (``captum._utils``) until it is imported.
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
