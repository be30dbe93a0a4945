"""Test review flags, time limits and settings of the service."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.telemetry import Recorder
from tests.handlers.test_service import ask

Photograph = Callable[[int, int], bytes]
Body = Callable[..., bytes]


@pytest.mark.parametrize(
    ("change", "picture", "reasons"),
    [
        ({"card": {"review": {"near_threshold": [0, 1]}}}, None, ["near_threshold"]),
        ({"limits": {"distance": (None, 0.0)}}, None, ["unlike_training_data"]),
        ({"limits": {"focus": (0.0, None)}}, None, ["low_quality"]),
        (
            {"limits": {"distance": (None, 0.0)}},
            Image.new("RGB", (64, 64)),
            ["unlike_training_data", "low_quality"],
        ),
        ({}, None, []),
    ],
)
def test_review_is_flagged_with_reasons(
    change: dict[str, Any],
    picture: Image.Image | None,
    reasons: list[str],
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    encoded: Callable[..., bytes],
) -> None:
    image = encoded(picture) if picture else photograph(1, 1)

    ((status, answer),) = ask(service_with(**change), RawRequest(image, "predict"))

    assert status == 200
    assert answer["reasons"] == reasons
    assert answer["review"] is bool(reasons)


@pytest.mark.parametrize("colour", ["black", "white", "tan"])
def test_uniform_picture_is_explained_without_outline(
    colour: str, service: MelanomaService, encoded: Callable[..., bytes]
) -> None:
    image = encoded(Image.new("RGB", (64, 64), colour))

    ((status, answer),) = ask(service, RawRequest(image, "explain"))

    assert status == 200
    assert answer["lesion_mass"] is None
    assert "low_quality" in answer["reasons"]


def test_empty_batch_gets_no_answers(service: MelanomaService) -> None:
    assert service.answer([], Recorder("v1")) == []


def test_service_uses_the_limits_of_the_settings(
    service_with: Callable[..., MelanomaService], photograph: Photograph, v1: Body
) -> None:
    image = photograph(1, 0)
    small = service_with(max_instances=1, max_pixels=5000, min_side=300, max_body_bytes=10**5)

    answers = ask(
        small,
        RawRequest(v1(image, image), "predict"),
        RawRequest(b"x" * 100_001, "predict"),
        RawRequest(image, "predict"),
    )

    assert [status for status, _ in answers] == [400, 413, 400]
    assert answers[0][1]["error"].startswith("2 instances; at most 1 are")
    assert "0.1 megapixels; at most 0.005 are accepted" in answers[2][1]["error"]
    ((_, refused),) = ask(service_with(min_side=300), RawRequest(v1(image), "predict"))
    assert refused["error"].startswith("instance 0: 240 x 240 pixels; the short side needs")


def test_explanation_out_of_time_is_rejected_and_named(
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    v1: Body,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_with(explain_batch_seconds=60)
    # A clock that goes 25 seconds a look: the batch's start at 0, explanations until 60.
    ticks = iter(range(0, 10_000, 25))
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr("handlers.service.time", clock)
    monkeypatch.setattr("handlers.explanation_runner.time", clock)
    image = photograph(1, 0)

    first, second = ask(
        service, RawRequest(v1(image, image, image), "explain"), RawRequest(v1(image), "predict")
    )

    assert first == (
        503,
        {
            "error": "instance 2: no time left to explain it (60 s a batch): "
            "send fewer instances, or use grad_cam"
        },
    )
    assert second[0] == 200


def test_explanation_time_limit_does_not_apply_to_predictions(
    service_with: Callable[..., MelanomaService], photograph: Photograph, v1: Body
) -> None:
    hasty = service_with(explain_seconds=1e-9)
    image = photograph(1, 0)

    answers = ask(
        hasty,
        RawRequest(v1(image), "explain"),
        RawRequest(v1(image), "predict"),
        RawRequest(image, "explain"),
    )

    assert [status for status, _ in answers] == [503, 200, 503]
    assert answers[0][1]["error"].startswith("instance 0: grad_cam was not done within 1e-09 s")
    assert answers[2][1]["error"].startswith("grad_cam was not done within 1e-09 s")


def test_requests_beyond_the_time_budget_get_503(
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_with(batch_seconds=3.5, forward_batch=1)
    # A second passes with each look: at the beginning, then before each request.
    ticks = iter(range(1000))
    monkeypatch.setattr(service.admission, "_clock", lambda: next(ticks))
    image = photograph(1, 0)
    rows = [
        RawRequest(image, verb) for verb in ("explain", "predict", "predict", "predict", "explain")
    ]

    answers = service.answer(rows, Recorder("v1"))

    assert [answer.status for answer in answers] == [503, 200, 200, 200, 503], (
        "predictions have the first turn"
    )
    assert [answer.retry_after for answer in answers] == [4, None, None, None, 4]
    assert json.loads(answers[0].body) == {
        "error": "too many requests at once: send this one again in 4 s"
    }


def test_large_batch_frees_answered_photographs(
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = service_with(batch_seconds=3600)  # on a busy machine, too, all are answered
    alive: list[int] = []
    kept: list[Any] = []
    complete = service._complete

    def watched(job: Any, *rest: Any) -> None:
        complete(job, *rest)
        kept.append(job)
        alive.append(sum(len(one.prepared) + len(one.classified) for one in kept))

    monkeypatch.setattr(service, "_complete", watched)
    service.answer([RawRequest(photograph(1, 0), "predict")] * 20, Recorder("v1"))

    assert alive == [0] * 20
