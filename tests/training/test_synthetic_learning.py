"""A model learns from the synthetic lesion itself, not from its surroundings."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.synthetic import BENIGN, MALIGNANT, SyntheticLesion, draw

pytestmark = pytest.mark.slow


LABELS = (BENIGN, MALIGNANT)


def features(lesion: SyntheticLesion, *, covered: bool) -> NDArray[np.float64]:
    """Levels, tints and detail of the middle of the picture, or of everything around the lesion.

    Pixels are left out, not filled: a filled area would still show the lesion's size and outline.
    """
    size = len(lesion.mask)
    seen = np.zeros_like(lesion.mask)
    seen[size // 8 : -size // 8, size // 8 : -size // 8] = True
    if covered:
        seen = ~ndimage.binary_dilation(lesion.mask, iterations=size // 12)
    image = lesion.image / np.percentile(lesion.image[seen], 90, axis=0)
    pixels = image[seen]
    tint = pixels[:, 0] - pixels[:, 2]
    detail = [(image - blurred(image, seen, sigma))[seen].std() for sigma in (2, 5, 10)]
    levels = np.percentile(pixels, [5, 15, 30, 50], axis=0).ravel()
    return np.concatenate([levels, np.percentile(tint, [2, 10, 50, 90, 98]), detail, [tint.std()]])


def blurred(
    image: NDArray[np.float64], seen: NDArray[np.bool_], sigma: float
) -> NDArray[np.float64]:
    """A Gaussian blur that takes in nothing of the pixels left out."""
    weight = ndimage.gaussian_filter(seen.astype(float), sigma)[..., None]
    total = ndimage.gaussian_filter(image * seen[..., None], (sigma, sigma, 0))
    return np.asarray(total / np.maximum(weight, 1e-9))


def test_the_label_is_learned_from_the_lesion_and_from_nothing_else() -> None:
    seeds = {"train": range(100), "test": range(1000, 1060)}
    drawn = {
        part: [draw(seed, label, size=96) for label in LABELS for seed in those]
        for part, those in seeds.items()
    }
    labels = {part: [lesion.label for lesion in those] for part, those in drawn.items()}

    def auroc(*, covered: bool) -> float:
        values = {
            part: [features(lesion, covered=covered) for lesion in those]
            for part, those in drawn.items()
        }
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        model.fit(values["train"], labels["train"])
        return float(roc_auc_score(labels["test"], model.decision_function(values["test"])))

    assert auroc(covered=False) >= 0.8
    # Two standard errors of a chance AUROC on 60 + 60 pictures are 0.105.
    assert abs(auroc(covered=True) - 0.5) <= 0.12
