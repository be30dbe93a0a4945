"""Captum's attribution methods without the rest of Captum, and random numbers that repeat.

The rest of Captum loads matplotlib. A worker draws with Pillow: without matplotlib it is ready
earlier and smaller.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch

SEED: Final = 20240


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


@contextmanager
def seeded(seed: int = SEED) -> Iterator[None]:
    """Seed torch (CPU) and NumPy within the context, and restore their state afterwards.

    Captum draws from the global generators and accepts no others. Only one explanation may run at
    a time in a process: two threads in here at once would draw each other's numbers.
    """
    numpy_state = np.random.get_state()
    with torch.random.fork_rng(devices=()):
        # Not torch.manual_seed, which would also seed GPUs, which are not restored.
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
