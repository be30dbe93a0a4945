"""Localisation scores of maps with a known outline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlers.imaging import centre_view
from training.dataset import Photograph
from training.evaluation.explanations.localisation import locate, masked, masks_of, seen, synthetic
from training.evaluation.explanations.subjects import Explained

LEFT = np.repeat((np.arange(224) < 112)[None], 224, axis=0)
"""An outline around the left half."""


def test_a_map_without_aim_has_the_share_of_the_area() -> None:
    mask = np.zeros((224, 224), dtype=bool)
    mask[:56] = True

    assert locate(np.ones((28, 28), dtype=np.float32), mask).mass == pytest.approx(0.25)


def test_negative_attributions_are_not_counted() -> None:
    values = np.full((28, 28), -5.0, dtype=np.float32)
    values[:, :10] = 1
    values[:, 20:24] = 2
    found = locate(values, LEFT)

    # Drawn smoothly, each side loses a rim.
    assert 0.4 < found.mass < 0.65
    assert not found.pointing


@pytest.mark.parametrize("values", [np.zeros((7, 7)), -np.ones((7, 7))])
def test_a_map_that_speaks_for_nothing_points_nowhere(values: np.ndarray) -> None:
    found = locate(values.astype(np.float32), LEFT)

    assert (found.mass, found.pointing) == (0, False)


@pytest.mark.parametrize("beyond", [-40, -1, 8, 14, 17, 60])
def test_the_maximum_may_miss_by_half_a_coarse_place(beyond: int) -> None:
    values = np.zeros((224, 224), dtype=np.float32)
    values[100, 111 + beyond] = 1

    assert locate(values, LEFT).pointing == (beyond <= 15)


def test_a_plateau_points_where_most_of_it_is() -> None:
    inside, outside = np.zeros((2, 28, 28), dtype=np.float32)
    inside[:, 4:16] = 1
    outside[:, 12:26] = 1

    assert locate(inside, LEFT).pointing
    assert not locate(outside, LEFT).pointing


def test_a_mask_belongs_to_the_only_photograph_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for name in ("a", "b", "c"):
        Image.new("1", (4, 4)).save(tmp_path / "masks" / f"{name}.png")
    photographs = tuple(
        Photograph(tmp_path / "train" / folder / f"{name}.jpg", label, f"{name}{label}")
        for name, folder, label in (
            *(("a", "benign", 0), ("b", "benign", 0)),
            *(("b", "malignant", 1), ("d", "benign", 0)),
        )
    )

    assert masks_of(tmp_path, photographs) == {"a0": tmp_path / "masks" / "a.png"}
    assert masks_of(tmp_path / "none", photographs) == {}


@pytest.mark.parametrize(("size", "scale"), [((300, 200), 1), ((200, 300), 2), ((300, 300), 1)])
def test_a_mask_is_cropped_as_the_photograph_is(
    tmp_path: Path, size: tuple[int, int], scale: int
) -> None:
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    pixels[40:150, 60:130] = 255
    Image.fromarray(pixels).convert("1").save(tmp_path / "mask.png")
    picture = Image.fromarray(np.repeat(pixels[..., None], 3, axis=2)).resize(
        (size[0] * scale, size[1] * scale), Image.Resampling.NEAREST
    )
    found = seen(tmp_path / "mask.png", picture)

    assert found is not None
    shown = np.asarray(centre_view(picture))[..., 0] > 127
    assert (found == shown).mean() > 0.99


def test_a_mask_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    pixels = np.zeros((200, 300), dtype=np.uint8)
    pixels[:, :40] = 255  # beyond the square that the model sees
    Image.fromarray(pixels).save(path)
    assert seen(path, Image.new("RGB", (300, 200))) is None

    Image.new("1", (300, 200), 1).save(path)
    assert seen(path, Image.new("RGB", (300, 200))) is not None
    assert seen(path, Image.new("RGB", (200, 300))) is None


def test_photographs_without_a_usable_mask_are_passed_over(
    explained: Explained, tmp_path: Path
) -> None:
    photographs, masks = [], {}
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (64, 64), (200, 150, 120)).save(path)
        photographs.append(Photograph(path, 0, str(number)))
        if number:
            masks[str(number)] = tmp_path / f"mask{number}.png"
            Image.new("1", (64, 64), number > 1).save(masks[str(number)])

    found = list(masked(explained, tuple(photographs), masks, 2))
    assert [one.subject.name for one in found] == ["2", "3"]
    assert len(list(masked(explained, tuple(photographs), masks, 1))) == 1


def test_drawn_lesions_come_with_their_outlines(explained: Explained) -> None:
    found = list(synthetic(explained, 2))

    assert [one.subject.name for one in found] == ["synthetic-0", "synthetic-1"]
    for one in found:
        grey = np.asarray(one.subject.view, dtype=float).mean(axis=2)
        assert one.mask.dtype == bool
        assert grey[one.mask].mean() < grey[~one.mask].mean()
