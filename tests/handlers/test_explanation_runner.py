"""Test explanations with time limits and slots; the worker survives every error."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from handlers.background import Background
from handlers.classifier import Classifier
from handlers.explainers.methods import METHODS
from handlers.explanation_runner import ExplanationRunner
from handlers.protocol import RawRequest
from handlers.service import Answer, MelanomaService
from handlers.settings import HandlerSettings
from handlers.telemetry import Recorder

Photograph = Callable[[int, int], bytes]
SLOW = [name for name, method in METHODS.items() if method.slow]


class Broken(nn.Module):
    """Method that returns non-finite numbers."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=(1, 2, 3))[:, None] * torch.full((1, 2), float("nan"))


@pytest.fixture
def asked(
    classifier: Classifier, photograph: Photograph, tmp_path: Path
) -> Callable[..., list[Answer]]:
    """Explain one photograph by several methods, on a service whose workers share a folder."""

    def ask(*methods: str, model: nn.Module | None = None, **settings: float) -> list[Answer]:
        patient = {"explain_seconds": 60.0, **settings}  # on busy cores a method takes seconds
        limits = HandlerSettings(**patient)  # type: ignore[arg-type]
        service = MelanomaService(classifier, limits)
        service.explaining = ExplanationRunner(model or classifier.model, limits, tmp_path)
        rows = [RawRequest(photograph(3, 1), "explain", method=name) for name in methods]
        return service.answer([*rows, RawRequest(photograph(3, 1), "predict")], Recorder("v1"))

    return ask


@pytest.mark.parametrize("method", METHODS)
def test_every_method_stops_when_its_time_budget_is_spent(
    method: str, asked: Callable[..., list[Answer]]
) -> None:
    late, predicted = asked(method, explain_seconds=1e-9)

    assert late.status == 503
    message = json.loads(late.body)["error"]
    assert message.startswith(f"{method} was not done within 1e-09 s")
    assert "use grad_cam" in message
    assert "LESIONLENS_EXPLAIN_SECONDS" in message
    assert predicted.status == 200


@pytest.mark.parametrize("method", SLOW)
def test_slow_explanation_is_rejected_while_another_worker_holds_the_slot(
    method: str, asked: Callable[..., list[Answer]], tmp_path: Path
) -> None:
    with Background(1, tmp_path).slot():
        refused, quick, predicted = asked(method, "grad_cam", explain_seconds=7)

    assert (refused.status, refused.retry_after) == (503, 7)
    assert "send this one again in 7 s" in json.loads(refused.body)["error"]
    assert (quick.status, predicted.status) == (200, 200)


def test_slot_is_released_when_the_time_is_spent(asked: Callable[..., list[Answer]]) -> None:
    late, again, _ = asked(SLOW[0], SLOW[0], explain_seconds=1e-9)

    # Out of time, both: nobody else had the turn.
    assert "was not done within" in late.body
    assert "was not done within" in again.body
    assert (late.status, again.status) == (503, 503)


@pytest.mark.parametrize("method", ["saliency", "occlusion"])
def test_non_finite_map_is_an_error_that_names_the_method(
    method: str,
    asked: Callable[..., list[Answer]],
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handlers.explanation_runner.FrozenModel", lambda model: model)

    failed, predicted = asked(method, model=Broken(classifier.model.head))

    assert failed.status == 422
    assert json.loads(failed.body)["error"] == (
        f"{method} gave no finite numbers for this photograph: use another method"
    )
    assert predicted.status == 200


@pytest.mark.slow
def test_quick_requests_are_answered_before_slow_ones(
    classifier: Classifier, photograph: Photograph, tmp_path: Path
) -> None:
    service = MelanomaService(classifier, HandlerSettings(batch_seconds=60, explain_seconds=60))
    service.explaining = ExplanationRunner(classifier.model, service.settings, tmp_path)
    image, recorder = photograph(3, 1), Recorder("v1")
    rows = [
        RawRequest(image, "explain", method="smooth_grad"),
        *([RawRequest(image, "predict")] * (2 * service.settings.forward_batch)),
        RawRequest(image, "explain", method="grad_cam"),
        RawRequest(b"text", "predict"),
    ]
    given: list[dict[int, Answer]] = []
    explained: list[int] = []

    def times() -> int:
        return len([seen for seen in recorder.observations() if "explain" in seen.labels])

    def early(answers: dict[int, Answer]) -> None:
        given.append(answers)
        explained.append(times())

    answers = service.answer(rows, recorder, early)

    (some,) = given
    assert sorted(some) == list(range(1, len(rows)))
    assert [answer.status for answer in answers] == [*([200] * (len(rows) - 1)), 400]
    assert all(answers[place] is answer for place, answer in some.items())
    assert explained[0] < times()  # the slow one was not yet made


def test_no_early_answers_without_slow_requests(
    classifier: Classifier, photograph: Photograph
) -> None:
    service = MelanomaService(classifier, HandlerSettings())
    rows = [RawRequest(photograph(3, 1), verb) for verb in ("predict", "explain")]

    def early(answers: dict[int, Answer]) -> None:
        pytest.fail("nothing had to wait")

    answers = service.answer(rows, Recorder("v1"), early)  # type: ignore[arg-type]

    assert [answer.status for answer in answers] == [200, 200]
