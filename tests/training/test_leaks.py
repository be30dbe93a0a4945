"""A lesion counts once, and not in the test if it is in the training data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import dataset, features, leaks, near_duplicates
from training.backbone import Backbone
from training.dataset import Dataset, Photograph, Progress
from training.leaks import Leaks
from training.near_duplicates import Pair


def photographs(labels: str) -> tuple[Photograph, ...]:
    """One a letter, ``b`` or ``m``."""
    return tuple(
        Photograph(Path(f"{place}.jpg"), int(letter == "m"), f"{place:064x}")
        for place, letter in enumerate(labels)
    )


def pair(first: int, second: int, correlation: float = 0.95) -> Pair:
    return Pair(first, second, correlation, 0.9)


@pytest.mark.parametrize(
    ("pairs", "free"),
    [
        ([], "1111"),
        ([pair(1, 4)], "1011"),
        ([pair(1, 4), pair(1, 5), pair(3, 5)], "1010"),
        ([pair(0, 2)], "1101"),
        ([pair(0, 1), pair(1, 3)], "1010"),
        ([pair(0, 1), pair(1, 5)], "0011"),
        ([pair(2, 4), pair(4, 5), pair(3, 5)], "1100"),
        ([pair(4, 5)], "1111"),
    ],
    ids=[
        "none",
        "one repeats train",
        "two repeat train",
        "two of one lesion",
        "three of one lesion",
        "one repeats another that repeats train",
        "both repeat one lesion of train",
        "within train alone",
    ],
)
def test_a_score_without_leaks_takes_each_new_lesion_once(pairs: list[Pair], free: str) -> None:
    """Places 0 to 3 are of test, 4 to 6 of train."""
    found = Leaks(photographs("bbbbbbb"), tuple(pairs), test=4)

    assert found.free.dtype == bool
    assert "".join(str(int(one)) for one in found.free) == free
    assert found.to_json()["test_photographs_left_out"] == free.count("0")


def test_pairs_across_the_folders_come_first_and_contradicting_labels_are_named() -> None:
    pairs = (pair(4, 5, 0.99), pair(0, 1, 0.98), pair(1, 6, 0.97), pair(2, 3, 0.96))
    document = Leaks(photographs("bmbbmbb"), (*pairs, pair(3, 4, 0.91)), test=4).to_json()

    assert [entry["files"] for entry in document["listed"]] == [
        ["test/malignant/1.jpg", "train/benign/6.jpg"],
        ["test/benign/3.jpg", "train/malignant/4.jpg"],
        ["train/malignant/4.jpg", "train/benign/5.jpg"],
        ["test/benign/0.jpg", "test/malignant/1.jpg"],
        ["test/benign/2.jpg", "test/benign/3.jpg"],
    ]
    contradict = [entry["labels_contradict"] for entry in document["listed"]]
    assert contradict == [True, True, True, True, False]
    assert document["listed"][0]["correlation"] == 0.97
    assert document["listed"][0]["likeness"] == 0.9


def test_everything_is_counted() -> None:
    # Groups: 0, 1 and 6; 2, 3, 4 and 5; photograph 7 is alone.
    pairs = (pair(0, 1), pair(1, 6), pair(2, 3), pair(3, 4), pair(4, 5))
    document = Leaks(photographs("bmbbmbbm"), pairs, test=4).to_json()

    thresholds = document.pop("thresholds")
    assert len(document.pop("listed")) == 5
    assert document == {
        "photographs": 8,
        "pairs": 5,
        "groups": 2,
        "in_groups": 7,
        "pairs_across_train_and_test": 2,
        "pairs_with_contradicting_labels": 4,
        "test_photographs_left_out": 4,
    }
    assert set(thresholds) == {"correlation", "likeness", "correlation_alone"}
    assert thresholds["correlation"] == near_duplicates.CORRELATION


def test_a_name_that_is_no_text_is_written_as_one() -> None:
    odd = replace(photographs("b")[0], path=Path("na\udce9vus.jpg"))
    document = Leaks((odd, *photographs("m")), (pair(0, 1),), test=1).to_json()

    text = json.dumps(document, ensure_ascii=False).encode("utf-8")
    assert b"test/benign/na" in text
    assert document["listed"][0]["files"][0] == "test/benign/na\\udce9vus.jpg"


@pytest.fixture
def leaking(small_set: Path, tmp_path: Path, silent: Progress) -> Dataset:
    """Synthetic lesions; one of train turned for test with the other label, one of test saved again
    for test, and one of train mirrored for train."""
    sources = {
        "train/benign": ("train/benign", range(8)),
        "train/malignant": ("train/malignant", range(8)),
        "test/benign": ("test/benign", range(4)),
        "test/malignant": ("test/malignant", range(4)),
    }
    for target, (source, places) in sources.items():
        (tmp_path / target).mkdir(parents=True)
        paths = sorted((small_set / source).iterdir())
        for place in places:
            (tmp_path / target / f"{place}.jpg").write_bytes(paths[place].read_bytes())
    copies = {
        "test/malignant/turned.jpg": ("train/benign/3.jpg", Image.Transpose.ROTATE_90),
        "test/benign/again.jpg": ("test/benign/1.jpg", Image.Transpose.ROTATE_180),
        "train/malignant/mirrored.jpg": (
            "train/malignant/5.jpg",
            Image.Transpose.FLIP_LEFT_RIGHT,
        ),
    }
    for target, (source, turn) in copies.items():
        with Image.open(tmp_path / source) as image:
            image.transpose(turn).save(tmp_path / target, "JPEG", quality=80)
    return dataset.load("folder", tmp_path, silent)


@pytest.mark.slow
def test_the_folders_are_compared_with_each_other_and_what_was_found_within_train_is_kept(
    leaking: Dataset, network: Backbone, cache: Path, silent: Progress
) -> None:
    train, test = (
        features.extract(part, network, cache, silent) for part in (leaking.train, leaking.test)
    )
    views = features.views_of(leaking.train, network, cache, silent)
    within = near_duplicates.find(train.small, train.plain, views, silent)
    views = features.views_of(leaks.every(leaking), network, cache, silent)

    found = leaks.between(leaking, test, train, within, views, silent)

    document = found.to_json()
    assert {frozenset(entry["files"]) for entry in document["listed"]} == {
        frozenset({"train/benign/3.jpg", "test/malignant/turned.jpg"}),
        frozenset({"test/benign/1.jpg", "test/benign/again.jpg"}),
        frozenset({"train/malignant/5.jpg", "train/malignant/mirrored.jpg"}),
    }
    assert document["pairs"] == 3, "each once"
    first = document["listed"][0]
    assert first["files"] == ["test/malignant/turned.jpg", "train/benign/3.jpg"]
    assert first["labels_contradict"]
    assert document["pairs_with_contradicting_labels"] == 1
    left_out = {leaking.test[place].path.name for place in np.flatnonzero(~found.free)}
    assert "turned.jpg" in left_out
    assert len(left_out & {"1.jpg", "again.jpg"}) == 1
    assert len(left_out) == 2
