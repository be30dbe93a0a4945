"""Test what all methods have in common."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.methods import (
    DEFAULT,
    METHODS,
    UnknownMethodError,
    check_name,
    method_named,
)
from handlers.explainers.task import Attribution, Budget, OutOfTimeError
from tests.handlers.explainers.known import Corner, ask, corner_of, noise, ticking

NAMES = [
    "grad_cam",
    "integrated_gradients",
    "saliency",
    "smooth_grad",
    "gradient_shap",
    "occlusion",
    "lime",
]
OF_PIXELS = [name for name in NAMES if name != "grad_cam"]
"""Those that look at the picture itself and run the model."""
IN_STEPS = [name for name in OF_PIXELS if name != "saliency"]
"""Those that take more than one step."""


def explain(name: str, model: Corner, budget: Budget | None = None) -> Attribution:
    return METHODS[name].explain(ask(model, noise(0), budget=budget))


@pytest.fixture(scope="module")
def explained() -> Callable[[str], tuple[Attribution, Corner]]:
    """Map of a method for the corner model, and that model."""

    @cache
    def once(name: str) -> tuple[Attribution, Corner]:
        model = Corner()
        return explain(name, model), model

    return once


def test_methods_are_listed() -> None:
    assert list(METHODS) == NAMES


def test_finds_method_by_name() -> None:
    assert method_named("grad_cam").explain is grad_cam
    for name in NAMES:
        assert method_named(name).explain.__name__ == name


def test_a_request_may_also_name_similar_cases() -> None:
    for name in [*NAMES, "similar_cases"]:
        check_name(name)


def test_the_default_is_one_of_the_methods() -> None:
    assert DEFAULT in METHODS


@pytest.mark.parametrize("name", ["", "Grad_CAM", "deep_lift", "x" * 10_000])
def test_unknown_name_error_lists_the_methods(name: str) -> None:
    with pytest.raises(UnknownMethodError) as caught:
        method_named(name)

    assert str(caught.value).startswith("unknown method ")
    assert str(caught.value).endswith("there are: " + ", ".join([*NAMES, "similar_cases"]))
    # What a client sends is not sent back at any length.
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", NAMES)
def test_docstring_states_source_cost_and_meaning(name: str) -> None:
    text = " ".join((METHODS[name].explain.__doc__ or "").split())

    assert " 20" in text.partition(")")[0]
    assert "Cost: " in text
    assert "Meaning: " in text


@pytest.mark.parametrize("name", NAMES)
def test_map_is_float32_and_finite(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    values = explained(name)[0].values

    assert values.dtype == np.float32
    assert values.ndim == 2
    assert np.isfinite(values).all()
    assert np.abs(values).max() > 0


@pytest.mark.parametrize("name", OF_PIXELS)
def test_map_shows_the_only_corner_that_the_model_uses(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    values = explained(name)[0].values

    share = float(np.abs(corner_of(values)).sum() / np.abs(values).sum())
    # A window and a superpixel reach over the corner's border; a sixteenth would be chance.
    assert share > {"occlusion": 0.4, "lime": 0.5}.get(name, 0.999)
    assert np.abs(corner_of(values)).max() == np.abs(values).max()


@pytest.mark.parametrize("name", OF_PIXELS)
def test_unsigned_map_is_marked_unsigned(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    values = explained(name)[0].values
    opposite = METHODS[name].explain(ask(Corner(), noise(0), target=0)).values

    if METHODS[name].signed:
        np.testing.assert_allclose(opposite, -values, atol=1e-5)
    else:
        assert values.min() >= 0
        np.testing.assert_allclose(opposite, values, atol=1e-7)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_only_complete_methods_report_a_convergence_delta(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    assert (explained(name)[0].convergence_delta is not None) == METHODS[name].complete


@pytest.mark.parametrize("name", OF_PIXELS)
def test_counts_forward_passes(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    attribution, model = explained(name)

    assert attribution.steps == sum(model.batches)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_steps_are_short_enough_to_stop_in_between(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    assert max(explained(name)[1].batches) <= 8


@pytest.mark.parametrize("name", IN_STEPS)
def test_stops_when_the_time_budget_is_spent(name: str) -> None:
    model = Corner()

    with pytest.raises(OutOfTimeError):
        explain(name, model, Budget(1, ticking()))

    assert len(model.batches) == 1


@pytest.mark.parametrize("name", OF_PIXELS)
def test_does_not_begin_without_time(name: str) -> None:
    model = Corner()

    with pytest.raises(OutOfTimeError):
        explain(name, model, Budget(-1))

    assert model.batches == []


@pytest.mark.parametrize("name", OF_PIXELS)
def test_is_deterministic_and_leaves_global_random_state(
    name: str, explained: Callable[[str], tuple[Attribution, Corner]]
) -> None:
    wanted = explained(name)[0]
    model = Corner()
    # Wherever the generators stand.
    torch.rand(1)
    np.random.uniform()
    before = (torch.get_rng_state(), np.random.get_state()[1:])

    found = explain(name, model)

    assert np.array_equal(found.values, wanted.values)
    assert found.convergence_delta == wanted.convergence_delta
    assert torch.equal(torch.get_rng_state(), before[0])
    for now, then in zip(np.random.get_state()[1:], before[1], strict=True):
        assert np.array_equal(now, then)


@pytest.mark.parametrize("name", OF_PIXELS)
def test_does_not_change_the_picture(name: str) -> None:
    task = ask(Corner(), noise(0))

    METHODS[name].explain(task)

    assert torch.equal(task.inputs, noise(0))
    assert not task.inputs.requires_grad
    assert task.inputs.grad is None
