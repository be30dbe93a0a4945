"""All orientations of a picture share one canonical picture, and maps find their way back."""

from collections.abc import Callable

import pytest
import torch
from PIL import Image

from handlers.imaging import centre_view, to_tensor
from handlers.orientations import FLIPS, Orientation, canonical

TRANSPOSITIONS = [None, *Image.Transpose]
EVERY = [
    Orientation(columns, rows, transpose)
    for columns in (False, True)
    for rows in (False, True)
    for transpose in (False, True)
]


@pytest.fixture(scope="module")
def picture(drawn: Callable[[int, int], Image.Image]) -> torch.Tensor:
    return to_tensor(centre_view(drawn(5, 1)))


def test_every_orientation_has_the_same_canonical_picture(picture: torch.Tensor) -> None:
    wanted = canonical(picture).apply(picture)

    for orientation in EVERY:
        turned = orientation.apply(picture)
        assert torch.equal(canonical(turned).apply(turned), wanted), orientation


def test_canonical_picture_is_brighter_on_the_right_and_then_below(picture: torch.Tensor) -> None:
    found = canonical(picture).apply(picture).double().sum(dim=0)

    half = len(found) // 2
    assert found[:, half:].sum() > found[:, :half].sum()
    assert found[half:].sum() > found[:half].sum()


@pytest.mark.parametrize("orientation", EVERY)
def test_undo_reverses_apply(orientation: Orientation) -> None:
    maps = torch.arange(2 * 3 * 7 * 7).reshape(2, 3, 7, 7)

    assert torch.equal(orientation.undo(orientation.apply(maps)), maps)


@pytest.mark.parametrize("orientation", EVERY)
def test_each_turned_copy_is_mapped_back(orientation: Orientation) -> None:
    picture = torch.rand(3, 8, 8)
    turned = orientation.turned(picture, len(FLIPS))

    assert torch.equal(turned[0], orientation.apply(picture))
    assert len({tuple(one.flatten().tolist()) for one in turned}) == len(FLIPS)
    for found in orientation.mapped_back(turned):
        assert torch.equal(found, picture)


def test_uniform_picture_stays_as_it_is() -> None:
    assert canonical(torch.ones(3, 8, 8)) == Orientation(False, False, False)
