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

    Afterwards nobody can tell: who imports a package gets it whole, with these same modules in it.
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
    from captum.attr._core.integrated_gradients import IntegratedGradients
    from captum.attr._core.layer.grad_cam import LayerGradCam
    from captum.attr._utils.attribution import LayerAttribution

__all__ = ["IntegratedGradients", "LayerAttribution", "LayerGradCam"]
