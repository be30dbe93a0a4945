"""Compare image statistics of a photograph with the drift baseline of the training data.

Each photograph adds one to a bin of each drift feature, the bins being the training data's
deciles. Prometheus turns bins and baseline into the population stability index; no image
leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from PIL import Image

from handlers.quality import LUMA, laplacian, quality
from handlers.quality import NAMES as QUALITY
from handlers.reference import EncodedFeatures, Reference

FEATURES: Final = ("brightness", "contrast", "sharpness", "probability", "distance")
"""The drift features. The first three are image statistics, without unit."""

STATISTICS: Final = ("brightness", "contrast", "sharpness", *QUALITY)
"""Names of what :func:`image_statistics` measures: drift features, and the image quality."""


def image_statistics(view: Image.Image) -> dict[str, float]:
    """Compute the statistics of the model's input view.

    Args:
        view: RGB, from :func:`handlers.imaging.framed_view`.

    Returns:
        ``brightness``: mean luma, 0 to 1; ``contrast``: standard deviation of luma, 0 to 0.5;
        ``sharpness``: log10 of the variance of the Laplacian of luma (Pech-Pacheco et al.
        2000), about -5 for a blurred and -2 for a crisp photograph; and those of
        :func:`handlers.quality.quality`.
    """
    pixels = np.asarray(view)
    luma = pixels.astype(np.float32) @ LUMA / 255.0
    return {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "sharpness": float(np.log10(laplacian(luma).var() + 1e-8)),
        **quality(pixels),
    }


@dataclass(frozen=True)
class Bins:
    """Distribution of one drift feature in the training data."""

    edges: tuple[float, ...]
    """Inner edges of the bins, rising."""
    shares: tuple[float, ...]
    """Share of the training data in each bin; one more than there are edges."""


@dataclass(frozen=True)
class Baseline:
    """Distribution of the training data: the document of ``baseline.json``."""

    photographs: int
    """Number of training photographs behind the shares."""
    drift: dict[str, Bins]
    """Bins of each drift feature."""
    limits: dict[str, tuple[float | None, float | None]]
    """Lower and upper limit of each feature; a photograph beyond them is an outlier."""
    features: EncodedFeatures
    """Pooled features of training photographs, to which distances are measured."""

    def __post_init__(self) -> None:
        """Check bins and features; raises ValueError if any is missing or damaged."""
        if missing := set(FEATURES) - set(self.drift):
            raise ValueError(f"baseline.json: drift has no {min(missing)!r}")
        assert self.reference is not None

    @cached_property
    def reference(self) -> Reference:
        """The features, decoded."""
        return self.features.decoded()

    @classmethod
    def fit(
        cls,
        values: Mapping[str, np.ndarray],
        limits: dict[str, tuple[float | None, float | None]],
        reference: Reference,
        bins: int = 10,
    ) -> Baseline:
        """Compute bins from the quantiles of each feature's values, shape (n,) each.

        Equal quantiles are merged, so every bin holds something and the index stays finite.
        """
        drift: dict[str, Bins] = {}
        for feature in FEATURES:
            sample = np.asarray(values[feature], dtype=np.float64)
            inner = np.unique(np.quantile(sample, np.arange(1, bins) / bins, method="higher"))
            inner = inner[inner > sample.min()]
            counts = np.bincount(np.searchsorted(inner, sample, "right"), minlength=len(inner) + 1)
            drift[feature] = Bins(
                edges=tuple(float(edge) for edge in inner),
                shares=tuple(float(share) for share in counts / len(sample)),
            )
        return cls(len(values[FEATURES[0]]), drift, limits, reference.encoded())

    def bin_of(self, feature: str, value: float) -> str:
        """Return the label of the bin that a value falls into, ``"0"`` being the lowest."""
        return str(int(np.searchsorted(self.drift[feature].edges, value, "right")))

    def beyond(self, feature: str, value: float) -> bool:
        """Whether a value lies outside the limits of a feature."""
        low, high = self.limits.get(feature, (None, None))
        return (low is not None and value < low) or (high is not None and value > high)
