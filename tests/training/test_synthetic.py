"""Synthetic lesions are deterministic and well formed, and a set is written atomically."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from training.synthetic import (
    ARTEFACTS,
    BENIGN,
    MALIGNANT,
    VERSION,
    SyntheticLesion,
    draw,
    draw_set,
)

LABELS = (BENIGN, MALIGNANT)


@pytest.fixture(scope="module")
def plain() -> list[SyntheticLesion]:
    return [draw(seed, label, size=128, artefacts=()) for label in LABELS for seed in range(60)]


def test_same_seed_draws_the_same_bytes_whatever_the_global_state() -> None:
    np.random.seed(1)
    first = draw(7, MALIGNANT)
    np.random.seed(2)
    draw(8, BENIGN)
    second = draw(7, MALIGNANT)

    assert first.image.tobytes() == second.image.tobytes()
    assert first.mask.tobytes() == second.mask.tobytes()
    assert first.artefacts == second.artefacts


@pytest.mark.parametrize(("seed", "label"), [(8, MALIGNANT), (7, BENIGN)])
def test_another_seed_or_label_gives_another_lesion(seed: int, label: int) -> None:
    one, other = draw(7, MALIGNANT, artefacts=()), draw(seed, label, artefacts=())

    assert not np.array_equal(one.image, other.image)
    assert not np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("size", [64, 151, 300])
def test_shapes_and_types(label: int, size: int) -> None:
    lesion = draw(3, label, size=size, artefacts=ARTEFACTS)

    assert lesion.image.shape == (size, size, 3)
    assert lesion.image.dtype == np.uint8
    assert lesion.image.flags.c_contiguous
    assert lesion.mask.shape == (size, size)
    assert lesion.mask.dtype == np.bool_
    assert lesion.label == label


def test_a_lesion_is_the_same_at_every_size() -> None:
    small, large = draw(5, MALIGNANT, size=150).mask, draw(5, MALIGNANT, size=300).mask

    assert np.mean(small == large[::2, ::2]) > 0.97


def test_mask_is_one_piece_without_holes_and_of_sensible_area(plain: list[SyntheticLesion]) -> None:
    for lesion in plain:
        assert 0.015 <= lesion.mask.mean() <= 0.70
        assert ndimage.label(lesion.mask)[1] == 1
        assert np.array_equal(ndimage.binary_fill_holes(lesion.mask), lesion.mask)


def test_lesion_stands_out_from_light_and_dark_skin(plain: list[SyntheticLesion]) -> None:
    skin = np.array([lesion.image[~lesion.mask].mean() for lesion in plain])
    inside = np.array([lesion.image[lesion.mask].mean() for lesion in plain])

    assert skin.min() < 130
    assert skin.max() > 190
    # Darker inside by at least 10 levels of 255; a mask moved elsewhere has a contrast near 0.
    assert (skin - inside).min() > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 0, "label": 2}, "label must be 0 .* got 2"),
        ({"seed": -1, "label": 0}, "seed must not be negative, got -1"),
        ({"seed": 0, "label": 0, "size": 63}, "at least 64 pixels, got 63"),
        ({"seed": 0, "label": 0, "artefacts": ["tattoo"]}, "unknown artefacts .'tattoo'."),
        ({"seed": 0, "label": 0, "artefacts": "hair"}, "unknown artefacts"),
    ],
)
def test_impossible_numbers_of_drawings_are_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw(**arguments)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_set_has_the_kaggle_layout_with_masks(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    folder = draw_set(
        tmp_path / "new" / "set",
        per_class={"train": 3, "test": 2},
        size=64,
        progress=lambda *call: calls.append(call),
    )

    expected = {"synthetic.json"}
    for split, count in (("train", 3), ("test", 2)):
        for name in ("benign", "malignant"):
            for number in range(count):
                expected.add(f"{split}/{name}/synthetic_{number:04d}.jpg")
                expected.add(f"masks/{split}/{name}/synthetic_{number:04d}.png")
    assert set(contents(folder)) == expected
    assert calls == [("train", n, 6) for n in range(1, 7)] + [("test", n, 4) for n in range(1, 5)]
    for mask in (folder / "masks").rglob("*.png"):
        with Image.open(mask) as opened:
            assert (opened.mode, opened.size) == ("1", (64, 64))
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_a_stored_mask_fits_its_picture_and_splits_share_no_picture(tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "set", per_class={"train": 4, "test": 4}, size=128)

    pictures = sorted(folder.glob("t*/*/*.jpg"))
    assert len(pictures) == 16
    for picture in pictures:
        mask = np.asarray(
            Image.open(folder / "masks" / picture.relative_to(folder).with_suffix(".png"))
        )
        image = np.asarray(Image.open(picture))
        assert np.median(image[mask]) < np.median(image[~mask & (image.max(axis=2) > 60)])
    assert len({picture.read_bytes() for picture in pictures}) == 16


def test_set_depends_on_its_seed_alone(tmp_path: Path) -> None:
    sets = [
        contents(draw_set(tmp_path / name, per_class={"train": 2}, seed=seed, size=64))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]

    assert sets[0] == sets[1]
    assert sets[0]["train/benign/synthetic_0000.jpg"] != sets[2]["train/benign/synthetic_0000.jpg"]


def test_an_interrupted_set_leaves_nothing_and_the_next_call_completes_it(tmp_path: Path) -> None:
    def interrupt(split: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_set(tmp_path / "set", per_class={"train": 2}, size=64, progress=interrupt)
    assert list(tmp_path.iterdir()) == []

    folder = draw_set(tmp_path / "set", per_class={"train": 2}, size=64)
    assert len(list(folder.rglob("*.jpg"))) == 4


def test_an_interrupted_replacement_leaves_the_old_set(tmp_path: Path) -> None:
    folder = draw_set(tmp_path / "set", per_class={"train": 1}, size=64)
    before = contents(folder)

    def interrupt(split: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_set(folder, per_class={"train": 2}, size=64, progress=interrupt)
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_set_is_drawn_again_only_for_other_parameters_or_another_drawer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "set"
    drawn: list[int] = []

    def total(**parameters: int) -> int:
        drawn.clear()
        settings = {"count": 1, "seed": 0, "size": 64} | parameters
        draw_set(
            folder,
            per_class={"train": settings["count"]},
            seed=settings["seed"],
            size=settings["size"],
            progress=lambda split, done, total: drawn.append(done),
        )
        return len(drawn)

    assert total() == 2
    assert total() == 0
    assert total(count=2) == 4
    assert total(count=2, seed=1) == 4
    assert total(count=2, seed=1, size=65) == 4
    assert total(count=2, seed=1, size=65) == 0
    monkeypatch.setattr("training.synthetic.VERSION", VERSION + 1)
    assert total(count=2, seed=1, size=65) == 4


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(FileExistsError, match="something other than synthetic lesions"):
        draw_set(tmp_path, per_class={"train": 1}, size=64)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("per_class", [{"train": -1}, {"../train": 1}, {"masks": 1}, {"": 1}])
def test_a_set_that_cannot_be_laid_out_is_refused(
    tmp_path: Path, per_class: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="per_class"):
        draw_set(tmp_path / "set", per_class=per_class, size=64)
    assert list(tmp_path.iterdir()) == []
