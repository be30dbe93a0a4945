"""Plots of the report, as PNG data embedded in the page."""

from __future__ import annotations

import base64
import io
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from monitoring.drift_report.comparison import FeatureChange

GREY: Final = "#8C8C8C"
BLUE: Final = "#3A7EBF"
ORANGE: Final = "#E08E0B"
THUMBNAIL: Final = 96
UNITS: Final = {
    "brightness": "mean luma, 0 to 1",
    "contrast": "standard deviation of luma",
    "sharpness": "log10 of the Laplacian's variance",
    "probability": "calibrated P(cancer)",
    "distance": "distance to the training features",
}


def of_values(feature: str, reference: np.ndarray, current: np.ndarray) -> str:
    """Plot histograms of single values of both samples, as a data URI.

    Args:
        feature: one of ``UNITS``.
        reference: a value a photograph, shape (n,).
        current: likewise, shape (m,).
    """
    figure = Figure(figsize=(4.6, 2.3), layout="constrained")
    axes = figure.subplots()
    edges = np.histogram_bin_edges(np.concatenate([reference, current]), 30).tolist()
    for values, colour, name in ((reference, BLUE, "reference"), (current, ORANGE, "current")):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values, edges, weights=weights, color=colour, alpha=0.25)
        axes.hist(values, edges, weights=weights, color=colour, histtype="step", label=name)
    axes.set_xlabel(UNITS[feature])
    axes.set_ylabel("share")
    return _written(figure)


def of_bins(change: FeatureChange) -> str:
    """Plot shares in the drift baseline's bins, of training and both samples, as a data URI."""
    figure = Figure(figsize=(4.6, 2.3), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(change.shares))
    for shift, counts, colour, name in (
        (-0.2, change.reference, BLUE, "reference"),
        (0.2, change.current, ORANGE, "current"),
    ):
        axes.bar(places + shift, counts / max(counts.sum(), 1), 0.4, color=colour, label=name)
    axes.step(
        np.append(places, len(places)) - 0.5,
        np.append(change.shares, change.shares[-1]),
        where="post",
        color=GREY,
        label="training",
    )
    axes.set_xticks(places)
    axes.set_xlabel("bin, lowest values left")
    axes.set_ylabel("share")
    return _written(figure)


def thumbnail(data: bytes) -> str:
    """Make a small copy of a photograph without its metadata, as a data URI."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    # A new picture: nothing of the file except its pixels.
    Image.fromarray(np.asarray(picture)).save(out, "PNG")
    return _uri(out.getvalue())


def _written(figure: Figure) -> str:
    axes = figure.axes[0]
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=150)
    return _uri(out.getvalue())


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
