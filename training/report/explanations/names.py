"""Titles, descriptions and sources of methods and controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from training.report.formats import words


@dataclass(frozen=True)
class Named:
    """Title and description of a method or a control."""

    title: str
    does: str
    """How the map is computed."""
    source: str


METHODS: Final = {
    "grad_cam": Named(
        "Grad-CAM",
        "how much each place of the last activations adds to the answer",
        "Selvaraju et al. 2017",
    ),
    "integrated_gradients": Named(
        "Integrated Gradients",
        "what the details of each place add, summed on the way from a blurred copy",
        "Sundararajan et al. 2017",
    ),
    "saliency": Named(
        "Saliency",
        "how fast the answer changes with each place, up or down",
        "Simonyan et al. 2013",
    ),
    "smooth_grad": Named(
        "SmoothGrad",
        "the same, for the mean over noisy copies of the photograph",
        "Smilkov et al. 2017",
    ),
    "gradient_shap": Named(
        "Gradient SHAP",
        "what the details of each place add, at random points on the way from blurred copies",
        "Lundberg and Lee 2017; Erion et al. 2021",
    ),
    "occlusion": Named(
        "Occlusion",
        "how far the answer falls when a window is blurred",
        "Zeiler and Fergus 2014",
    ),
    "lime": Named(
        "LIME",
        "a linear model of the answers when random pieces are blurred",
        "Ribeiro et al. 2016",
    ),
}
CONTROLS: Final = {
    "random": "random map",
    "edges": "edge detector",
    "centre": "centred Gaussian",
}
"""Controls: maps that do not depend on the model; an explanation must do better."""


def title(name: str) -> str:
    """Return the title of a method or control; unknown ones keep their name."""
    if name in METHODS:
        return METHODS[name].title
    return CONTROLS.get(name, words(name))


def listed(names: Sequence[str], last: str = "and") -> str:
    """List titles in a sentence: ``A``, ``A and B``, ``A, B and C``."""
    titles = [title(name) for name in names]
    if len(titles) < 2:
        return "".join(titles)
    return f"{', '.join(titles[:-1])} {last} {titles[-1]}"


def with_article(names: Sequence[str], last: str = "and") -> str:
    """List controls in a sentence: ``a random map and an edge detector``."""
    titles = [f"{'an' if title(name)[0] in 'aeiou' else 'a'} {title(name)}" for name in names]
    if len(titles) < 2:
        return "".join(titles)
    return f"{', '.join(titles[:-1])} {last} {titles[-1]}"
