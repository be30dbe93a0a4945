"""Scores by group: what the table may say, and figures worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.answers import Answers
from training.dataset import Dataset, Photograph
from training.evaluation import groups
from training.evaluation.groups import GroupsError


@pytest.fixture
def found(tmp_path: Path) -> Dataset:
    """Four photographs, two with the same name, and one that was left out."""

    def photo(name: str) -> Photograph:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return Photograph(path, int("malignant" in name), name)

    train = (photo("train/benign/1.jpg"), photo("train/malignant/a.jpg"))
    test = (photo("test/benign/1.jpg"), photo("test/malignant/b.jpg"))
    return Dataset("folder", train, test, ((tmp_path / "test/benign/broken.jpg", "broken"),))


def table(folder: Path, text: str) -> Path:
    path = folder / groups.NAME
    path.write_text(text, encoding="utf-8")
    return path


def test_photographs_are_named_by_the_end_of_their_path(found: Dataset, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "file,skin,site\n"
        "test/benign/1.jpg,II,north\n"
        "./train/benign/1.jpg,V,north\n"
        "a.jpg,,south\n"
        "broken.jpg,I,south\n",
    )

    assert groups.default_table(found) == path
    assert groups.read(path, found) == {
        "train": {"skin": ["V", "not stated"], "site": ["north", "south"]},
        "test": {"skin": ["II", "not stated"], "site": ["north", "not stated"]},
    }


def test_there_need_be_no_table(found: Dataset) -> None:
    assert groups.default_table(found) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,skin\n1.jpg,II\n", "needs one column 'path' or 'file'.*it has: name, skin"),
        ("path\na.jpg\n", "one column for each attribute"),
        ("path,skin\nc.jpg,II\n", "names c.jpg, which is none of the photographs"),
        ("path,skin\n1.jpg,II\n", "2 photographs have that name: write its folders too"),
        ("path,skin\na.jpg,I\na.jpg,II\n", "two different groups of a.jpg for 'skin'"),
        ("path,skin\n,II\n", "a row that names no photograph"),
        ("path,skin\n", "has no row"),
        ("path,skin\na.jpg," + "x" * 50, "is longer than 40 characters"),
    ],
)
def test_a_table_that_does_not_fit_is_rejected(
    text: str, says: str, found: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(GroupsError, match=says):
        groups.read(table(tmp_path, text), found)


def test_an_attribute_of_single_people_is_rejected() -> None:
    why = groups.unusable("patient", map(str, range(21)))

    assert "the column 'patient' has 21 different values; at most 20 groups" in why
    assert groups.unusable("ward", map(str, range(20))) == ""


def test_scores_of_each_group_by_hand() -> None:
    probabilities = np.asarray([0.9, 0.2, 0.4, 0.6, 0.1, 0.2, 0.3, 0.7, 0.3])
    labels = np.asarray([1, 1, 1, 0, 0, 0, 0, 1, 1])
    own = ["I", "I", "I", "I", "I", "I", "I", "not stated", "II"]
    first, second, unstated = groups.score({"skin": own}, probabilities, labels, 0.4, 0)

    assert [one["group"] for one in (first, second, unstated)] == ["I", "II", "not stated"]
    assert (first["count"], first["cancers"], first["few"]) == (7, 3, True)
    # Two of three cancers from 0.4 on, three of four benign below.
    assert first["sensitivity"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert first["specificity"]["value"] == 0.75
    assert second["sensitivity"]["value"] == 0
    assert second["specificity"]["value"] is None


@pytest.mark.parametrize(
    ("count", "few", "auroc"), [(9, True, None), (10, True, 0.8), (20, False, 0.8)]
)
def test_how_many_it_takes_of_each_class(count: int, few: bool, auroc: float | None) -> None:
    # One in five of each class gets the probability of the other: of a hundred pairs, 64 are in
    # order and 32 are equal.
    labels = np.repeat([0, 1], [count, 30])
    probabilities = np.where(np.arange(len(labels)) % 5 == 0, 1 - labels, labels) * 0.5
    (found,) = groups.score({"site": ["north"] * len(labels)}, probabilities, labels, 0.4, 0)

    assert found["few"] == few
    assert found["auroc"]["value"] == auroc


def test_the_groups_of_a_training_leave_out_leaks() -> None:
    answers = Answers(
        train=np.asarray([0.9, 0.1]),
        distance=np.zeros(2),
        train_labels=np.asarray([1, 0]),
        test=np.asarray([0.8, 0.7, 0.2]),
        test_labels=np.asarray([1, 0, 0]),
        leak_free=np.asarray([True, False, True]),
    )
    stated = {"train": {"skin": ["I", "II"]}, "test": {"skin": ["II", "II", "I"]}}
    found = groups.of_training(stated, answers, 0.5, 0)

    rows = [(one["group"], one["sample"], one["count"], one["cancers"]) for one in found]
    assert rows == [
        ("I", "test_leak_free", 1, 0),
        ("I", "out_of_sample", 1, 1),
        ("II", "test_leak_free", 1, 1),
        ("II", "out_of_sample", 1, 0),
    ]
