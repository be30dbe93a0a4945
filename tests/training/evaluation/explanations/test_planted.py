"""A model that was trained on a planted artefact only."""

import numpy as np
import pytest

from handlers.explainers.methods import METHODS
from handlers.imaging import SIDE, centre_view, decode
from training.dataset import Dataset, Photograph, Progress
from training.evaluation.explanations import planted
from training.evaluation.explanations.subjects import Explained
from training.features import extract


def test_the_patch_lies_exactly_in_its_outline(few: list[Photograph]) -> None:
    places = set()
    for photo in few:
        view, mask = planted.planted(photo)
        plain = np.asarray(centre_view(decode(photo.path.read_bytes())))
        changed = np.asarray(view)
        assert mask.sum() == planted.PATCH**2
        assert (changed[mask] == planted.COLOUR).all()
        assert np.array_equal(changed[~mask], plain[~mask])
        places.add(tuple(np.argwhere(mask)[0]))
    far = SIDE - planted.INSET - planted.PATCH
    assert places <= {(y, x) for y in (planted.INSET, far) for x in (planted.INSET, far)}
    assert len(places) > 1


def test_planted_model_is_tested_on_held_out_photographs(
    explained: Explained, found: Dataset
) -> None:
    seen: list[tuple[int, int]] = []
    spoilt = planted.train(
        explained, found.train, 6, lambda _, done, total: seen.append((done, total))
    )

    assert {total for _, total in seen} == {6, len(found.train) - 6}
    # By chance it would be half; the convolutions here were never trained.
    assert spoilt.accuracy >= 0.75
    assert spoilt.held_out == found.train[:6]


def test_planted_model_detects_the_patch(
    explained: Explained, found: Dataset, silent: Progress
) -> None:
    spoilt = planted.train(explained, found.train, 6, silent)
    answers = []
    for one in spoilt.outlined():
        assert one.subject.target == planted.PLANTED
        assert one.mask.sum() == planted.PATCH**2
        logits = spoilt.task(one.subject).logits(one.subject.inputs)
        answers.append(int(logits.argmax()))
        values = METHODS["grad_cam"].explain(spoilt.task(one.subject)).values
        assert np.isfinite(values).all()
    assert len(answers) == 6
    assert np.mean(answers) >= 0.5


def test_planted_model_is_trained_once(
    explained: Explained,
    found: Dataset,
    silent: Progress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = planted.train(explained, found.train, 4, silent)
    monkeypatch.setattr(planted.head, "fit", extract)  # would fail, were it called
    again = planted.train(explained, found.train, 4, silent)

    assert again.accuracy == first.accuracy
    assert again.digest == first.digest


def test_few_photographs_leave_enough_to_learn_from(
    explained: Explained, found: Dataset, silent: Progress
) -> None:
    spoilt = planted.train(explained, found.train[:8], 40, silent)

    assert len(spoilt.held_out) == 2
