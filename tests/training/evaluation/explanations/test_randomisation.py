"""The network becomes an untrained one, stage by stage."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import cast
from zlib import crc32

import numpy as np
import pytest
import torch
from torch import nn

from handlers.explainers.methods import METHODS
from training.backbone import ParallelStages
from training.evaluation.explanations.randomisation import (
    STAGES,
    cascade,
    eager_of,
    rank_correlation,
    untrained,
)
from training.evaluation.explanations.subjects import Explained, Subject

Draw = Callable[..., Subject]


def test_the_eager_copy_answers_as_the_archive_does(explained: Explained, subject: Draw) -> None:
    inputs = subject(0).inputs
    with torch.inference_mode():
        assert torch.allclose(eager_of(explained.model)(inputs), explained.model(inputs), atol=1e-5)


@dataclass(frozen=True)
class Stage:
    """What became of the network, and of a map of it."""

    name: str
    logits: torch.Tensor
    activations: torch.Tensor
    values: np.ndarray


@pytest.fixture(scope="module")
def stages(loaded: Explained, subject: Draw) -> list[Stage]:
    """Every stage of one cascade; each network is dropped when it was asked."""
    inputs = subject(0).inputs
    found = []
    for name, task in cascade(loaded, subject(0)):
        values = METHODS["saliency"].explain(task).values
        with torch.inference_mode():
            found.append(Stage(name, task.logits(inputs), task.activations, values))
    return found


def test_every_stage_changes_the_answer_and_the_map(
    explained: Explained, subject: Draw, stages: list[Stage]
) -> None:
    inputs = subject(0).inputs
    with torch.inference_mode():
        before = explained.model(inputs)
    values = METHODS["saliency"].explain(explained.task(inputs, 1, METHODS["saliency"])).values

    assert [stage.name for stage in stages] == list(STAGES)
    logits = [before, *(stage.logits for stage in stages)]
    for one, other in pairwise(logits):
        assert not torch.allclose(one, other, atol=1e-6)
    maps = [values, *(stage.values for stage in stages)]
    for earlier, later in pairwise(maps):
        assert rank_correlation(earlier, later) < 0.999


def test_the_head_goes_first_and_the_archive_stays_as_it_was(
    explained: Explained, subject: Draw, stages: list[Stage]
) -> None:
    with torch.inference_mode():
        trained = explained.model.features(subject(0).inputs)

    assert torch.allclose(stages[0].activations, trained, atol=1e-4)
    for stage in stages[1:]:
        assert not torch.allclose(stage.activations, trained, atol=1e-4)


def test_in_the_end_nothing_is_left_of_the_trained_network(
    explained: Explained, subject: Draw, stages: list[Stage]
) -> None:
    places = {place for places in STAGES.values() for place in places}
    names = eager_of(explained.model).features.state_dict()
    assert places == {int(name.split(".")[0]) for name in names}

    inputs = subject(0).inputs
    fresh = untrained(crc32(subject(0).name.encode()), eager_of(explained.model))
    with torch.inference_mode():
        assert torch.allclose(stages[-1].logits, fresh(inputs), rtol=1e-4, atol=1e-4)


def test_each_photograph_has_an_untrained_network_of_its_own(
    explained: Explained, subject: Draw
) -> None:
    first = [next(cascade(explained, subject(seed)))[1] for seed in (0, 1)]
    inputs = subject(0).inputs

    with torch.inference_mode():
        one, other = (task.logits(inputs) for task in first)
    assert not torch.allclose(one, other)


def test_drawing_a_network_leaves_the_generator_as_it_was(explained: Explained) -> None:
    like = eager_of(explained.model)
    state = torch.random.get_rng_state()
    untrained(1, like)

    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_with_two_last_stages_goes_the_same_way(
    explained: Explained, subject: Draw
) -> None:
    plain, fitted = eager_of(explained.model), untrained(0, eager_of(explained.model))
    features, others = (cast(nn.Sequential, one.features) for one in (plain, fitted))
    features[7] = ParallelStages(features[7], others[7])
    plain.head[2] = nn.Linear(1024, 2)
    model = torch.jit.script(plain.eval())
    inputs = subject(0).inputs

    with torch.inference_mode():
        assert torch.allclose(eager_of(model)(inputs), model(inputs), atol=1e-5)
    explained.plain = explained.model = model
    last = list(cascade(explained, subject(0)))[-1][1]
    fresh = untrained(crc32(subject(0).name.encode()), plain)
    with torch.inference_mode():
        assert last.logits(inputs).shape == (1, 2)
        assert torch.allclose(last.logits(inputs), fresh(inputs), rtol=1e-4, atol=1e-4)


def test_rank_correlation_sees_the_order_and_nothing_else() -> None:
    values = np.random.default_rng(0).normal(size=(7, 7))

    assert rank_correlation(values, np.exp(values)) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.zeros((7, 7))) == 0
