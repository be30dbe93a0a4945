"""Candidate methods show what a model uses, and take the number of passes that they state."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.lime import cut
from handlers.explainers.task import AttributionTask
from handlers.orientations import Orientation
from tests.handlers.explainers.known import Corner, ask, corner_of, noise
from training.evaluation.explanations import candidates, outline
from training.evaluation.explanations.candidates import CANDIDATES, CandidateTask, grad_cam_8
from training.evaluation.explanations.subjects import Explained, Subject

Draw = Callable[..., Subject]
EVERY = [
    Orientation(columns, rows, transpose)
    for columns in (False, True)
    for rows in (False, True)
    for transpose in (False, True)
]


def candidate_task(task: AttributionTask) -> CandidateTask:
    def features(inputs: torch.Tensor) -> torch.Tensor:
        uneven = inputs * inputs.roll(1, -1)  # no orientation gives the map of another
        return uneven.repeat(1, 171, 1, 1)[:, :512, ::16, ::16]

    return CandidateTask(**vars(task), features=features)


@pytest.mark.parametrize("name", ["rise", "lime_outline", "lime_49"])
def test_a_candidate_finds_what_the_model_uses_in_its_number_of_passes(name: str) -> None:
    model = Corner()
    most = {"rise": 256, "lime_outline": 72, "lime_49": 112}[name]

    found = CANDIDATES[name](candidate_task(ask(model, noise(0))))

    assert corner_of(found.values).mean() > 5 * np.abs(found.values).mean()
    assert found.steps == sum(model.batches) <= most
    assert set(model.batches) == {8}
    again = CANDIDATES[name](candidate_task(ask(model, noise(0))))
    assert np.array_equal(found.values, again.values)


def test_no_superpixel_crosses_the_outline(subject: Draw) -> None:
    inputs = subject(3).inputs
    mask = outline.rough_mask(outline._picture(inputs))
    assert mask is not None
    inside = outline._lesion(mask[::4, ::4])
    plain, pieces = cut(inputs), outline.outlined(inputs)

    def crossing(found: np.ndarray) -> int:
        return sum(len(np.unique(inside[found == piece])) > 1 for piece in np.unique(found))

    assert crossing(plain) > 0
    assert crossing(pieces) == 0
    assert np.array_equal(np.unique(pieces), np.arange(plain.max() + 1))


def test_without_an_outline_superpixels_are_those_of_lime() -> None:
    flat = torch.zeros(1, 3, 224, 224)

    assert np.array_equal(outline.outlined(flat), cut(flat))


def test_the_smallest_part_is_merged_along_its_longest_border() -> None:
    pieces = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 2, 1], [0, 0, 2, 1]])
    inside = np.zeros((4, 4), dtype=bool)

    merged = outline.split(pieces, inside, 2)
    assert np.array_equal(merged, np.where(pieces == 2, 1, pieces))
    alone = outline.split(pieces, pieces == 2, 1)
    assert np.array_equal(alone, np.where(pieces == 2, 1, 0))


def test_the_outline_is_one_region_without_holes() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:6, 1:6] = True
    wanted = mask.copy()
    mask[3, 3], mask[7, 7] = False, True

    assert np.array_equal(outline._lesion(mask), wanted)


def test_grad_cam_8_is_the_mean_of_the_maps_of_all_orientations() -> None:
    task = candidate_task(ask(Corner(), noise(0)))
    maps = []
    for orientation in EVERY:
        seen = task.features(orientation.apply(task.inputs))
        maps.append(orientation.undo(grad_cam(replace(task, activations=seen)).values))
    assert all(np.abs(maps[0] - other).max() > 0.01 for other in maps[1:])

    found = grad_cam_8(task)

    np.testing.assert_allclose(found.values, np.mean(maps, axis=0), rtol=1e-4, atol=1e-6)
    assert found.steps == 8


def test_a_candidate_explains_the_served_variant_once(
    explained: Explained, subject: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CandidateTask] = []

    def explain(task: CandidateTask) -> candidates.Attribution:
        asked.append(task)
        return grad_cam_8(task)

    monkeypatch.setattr(candidates, "CANDIDATES", {"one": explain})
    first = candidates.attribution(explained, subject(0), "one")
    again = candidates.attribution(explained, subject(0), "one")

    (task,) = asked
    assert task.features is explained.classifier.backend.run
    assert task.served is not None
    assert np.array_equal(first.values, again.values)
    assert first.steps == again.steps == 8


def test_other_code_of_the_candidates_does_not_use_what_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = candidates.digest()
    candidates.digest.cache_clear()
    assert candidates.digest() == kept
    candidates.digest.cache_clear()
    monkeypatch.setattr(candidates, "getfile", lambda _: __file__)
    try:
        assert candidates.digest() != kept
    finally:
        candidates.digest.cache_clear()
