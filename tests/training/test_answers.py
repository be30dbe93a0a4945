"""Stored predictions are read back unchanged, and each set is scored separately."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from training.answers import Answers
from training.scores import evaluate

THRESHOLD = 0.4


@pytest.fixture
def answers() -> Answers:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(60) % 2)
    test_labels = rng.permutation(np.arange(40) % 2)
    return Answers(
        train=rng.beta(2 + 2 * labels, 3),
        distance=rng.normal(1, 0.1, 60),
        train_labels=labels,
        test=rng.beta(2 + 3 * test_labels, 3),
        test_labels=test_labels,
        leak_free=np.arange(40) >= 10,
    )


def test_answers_are_read_as_they_were_written(answers: Answers, tmp_path: Path) -> None:
    path = tmp_path / "build" / "answers.npz"
    answers.write(path)
    read = Answers.read(path)

    for field in fields(Answers):
        one, other = getattr(answers, field.name), getattr(read, field.name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert [file.name for file in path.parent.iterdir()] == ["answers.npz"]
    assert read.scores(THRESHOLD, 0) == answers.scores(THRESHOLD, 0)


def test_no_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"answers\.npz"):
        Answers.read(tmp_path / "answers.npz")


def test_each_set_has_its_own_scores(answers: Answers) -> None:
    scores = answers.scores(THRESHOLD, 3)

    free = answers.leak_free
    assert list(scores) == ["test", "test_leak_free", "out_of_sample"]
    for name, probabilities, labels in (
        ("test", answers.test, answers.test_labels),
        ("test_leak_free", answers.test[free], answers.test_labels[free]),
        ("out_of_sample", answers.train, answers.train_labels),
    ):
        assert scores[name] == evaluate(probabilities.round(6), labels, THRESHOLD, 3)
    assert [part["count"] for part in scores.values()] == [40, 30, 60]


def test_probabilities_are_scored_as_they_are_served() -> None:
    # Served with six digits: this cancer is on the threshold and so is called one.
    labels, probabilities = np.array([0, 1]), np.array([0.1, 0.3999999])
    given = Answers(probabilities, np.ones(2), labels, probabilities, labels, np.ones(2, bool))

    assert given.scores(THRESHOLD, 0)["test"]["sensitivity"]["value"] == 1.0


@pytest.mark.parametrize("gone", [(0,), (1,), (0, 1)], ids=["benign", "cancers", "all"])
def test_score_without_leaks_needs_both_classes(answers: Answers, gone: tuple[int, ...]) -> None:
    leaked = replace(answers, leak_free=~np.isin(answers.test_labels, gone))
    scores = leaked.scores(THRESHOLD, 0)

    assert list(scores) == ["test", "out_of_sample"]
    assert scores["test"] == answers.scores(THRESHOLD, 0)["test"]
