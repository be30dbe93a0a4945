"""Test superpixels: connected, numbered, of similar size, along edges."""

import numpy as np
import pytest
from scipy import ndimage

from handlers.explainers.superpixels import GRID, superpixels


def disc() -> tuple[np.ndarray, np.ndarray]:
    """Picture of a dark disc on noisy skin, and its mask."""
    rows, columns = np.indices((56, 56))
    inside = (rows - 30) ** 2 + (columns - 26) ** 2 < 15**2
    rng = np.random.default_rng(3)
    return np.where(inside, -1.5, 1.0) + rng.normal(0, 0.05, (3, 56, 56)), inside


def hairs() -> np.ndarray:
    """Picture of thin dark lines."""
    picture = np.ones((3, 56, 56))
    picture[:, 3::9] = -2
    picture[:, :, 5::11] = -2
    return picture


PICTURES = {
    "flat": np.zeros((3, 56, 56)),
    "disc": disc()[0],
    "hairs": hairs(),
    "noise": np.random.default_rng(4).normal(size=(3, 56, 56)),
    "narrow": np.random.default_rng(5).normal(size=(3, 20, 56)),
}
names = pytest.mark.parametrize("name", PICTURES)


@names
def test_superpixels_are_connected(name: str) -> None:
    pieces = superpixels(PICTURES[name])

    for piece in np.unique(pieces):
        assert ndimage.label(pieces == piece)[1] == 1


@names
def test_superpixels_are_numbered_without_gaps(name: str) -> None:
    pieces = superpixels(PICTURES[name])

    assert pieces.shape == PICTURES[name].shape[1:]
    assert pieces.dtype == np.int64
    assert np.array_equal(np.unique(pieces), np.arange(pieces.max() + 1))
    assert 15 <= pieces.max() + 1 <= GRID**2


@names
def test_no_superpixel_covers_most_of_the_picture(name: str) -> None:
    pieces = superpixels(PICTURES[name])

    assert np.bincount(pieces.ravel()).max() < pieces.size / 8


@names
def test_superpixels_are_deterministic(name: str) -> None:
    before = PICTURES[name].copy()

    assert np.array_equal(superpixels(PICTURES[name]), superpixels(PICTURES[name]))
    assert np.array_equal(PICTURES[name], before)


def test_uniform_picture_gives_a_regular_grid() -> None:
    pieces = superpixels(PICTURES["flat"], 7)

    assert np.bincount(pieces.ravel()).tolist() == [64] * 49
    assert (pieces[:8, :8] == pieces[0, 0]).all()


def test_superpixels_do_not_cross_edges() -> None:
    picture, inside = disc()

    pieces = superpixels(picture)

    shares = np.bincount(pieces.ravel(), inside.ravel()) / np.bincount(pieces.ravel())
    # Weighted by size: how many pixels are with most of their piece.
    right = np.maximum(shares, 1 - shares) * np.bincount(pieces.ravel())
    assert right.sum() / pieces.size > 0.99
