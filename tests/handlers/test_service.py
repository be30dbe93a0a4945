"""Test the service's responses key by key."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers.explainers import integrated_gradients
from handlers.explainers.methods import NAMES
from handlers.explainers.pixels import upsampled
from handlers.imaging import centre_view, decode
from handlers.protocol import RawRequest
from handlers.rendering import heatmap, overlay
from handlers.service import MelanomaService
from handlers.telemetry import Recorder

PREDICTION = {
    "label",
    "probability",
    "threshold",
    "review",
    "reasons",
    "model_version",
    "variant",
    "box",
    "risk",
    "prevalence",
}
EXPLANATION = PREDICTION | {
    "method",
    "target",
    "heatmap",
    "overlay",
    "attribution",
    "scale",
    "convergence_delta",
    "lesion_mass",
    "signed",
    "steps",
}

Photograph = Callable[[int, int], bytes]
Body = Callable[..., bytes]


def ask(service: MelanomaService, *rows: RawRequest) -> list[tuple[int, Any]]:
    """Status and document of each response."""
    answers = service.answer(rows, Recorder("v1"))
    assert len(answers) == len(rows)
    return [(answer.status, json.loads(answer.body)) for answer in answers]


def ask_one(service: MelanomaService, body: bytes, verb: Any, **options: str) -> Any:
    ((status, document),) = ask(service, RawRequest(body, verb, **options))
    assert status == 200, document
    return document


def picture_of(text: str) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as opened:
        assert opened.format == "PNG"
        return opened.convert("RGB")


def check_prediction(answer: dict[str, Any], service: MelanomaService) -> None:
    assert isinstance(answer["probability"], float)
    assert 0 <= answer["probability"] <= 1
    assert answer["threshold"] == 0.48
    assert answer["label"] == ("cancer" if answer["probability"] >= 0.48 else "no cancer")
    assert answer["review"] is bool(answer["reasons"])
    assert set(answer["reasons"]) <= {"near_threshold", "unlike_training_data", "low_quality"}
    assert answer["model_version"] == service.classifier.version


def test_a_prediction_has_exactly_the_keys_of_the_contract(
    service: MelanomaService, photograph: Photograph, v1: Body
) -> None:
    answer = ask_one(service, v1(photograph(1, 0)), "predict")

    assert set(answer) == {"predictions"}
    (prediction,) = answer["predictions"]
    assert set(prediction) == PREDICTION
    check_prediction(prediction, service)


@pytest.mark.parametrize(("method", "side"), [("grad_cam", 7), ("integrated_gradients", 28)])
def test_an_explanation_has_exactly_the_keys_of_the_contract(
    method: str,
    side: int,
    service: MelanomaService,
    photograph: Photograph,
    v1: Body,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(integrated_gradients, "FIRST", 2)  # what is written does not depend on it
    monkeypatch.setattr(integrated_gradients, "MOST", 2)
    image = photograph(1, 1)

    answer = ask_one(service, v1(image, method=method), "explain")

    assert set(answer) == {"explanations"}
    (explanation,) = answer["explanations"]
    assert set(explanation) == EXPLANATION
    check_prediction(explanation, service)
    assert (explanation["method"], explanation["target"]) == (method, "cancer")
    assert set(explanation["attribution"]) == {"shape", "values"}
    values = np.asarray(explanation["attribution"]["values"], np.float32)
    assert list(values.shape) == explanation["attribution"]["shape"] == [side, side]
    assert explanation["scale"] == pytest.approx(float(np.abs(values).max()), rel=1e-5)
    assert (explanation["convergence_delta"] is None) == (method == "grad_cam")
    assert explanation["steps"] == (0 if method == "grad_cam" else 2)
    assert explanation["signed"] is True
    assert isinstance(explanation["lesion_mass"], float)
    assert 0 <= explanation["lesion_mass"] <= 1
    # The pictures show the very numbers that come with them.
    drawn = upsampled(values, 224)
    for name, wanted in (
        ("heatmap", heatmap(drawn, explanation["scale"]).convert("RGB")),
        ("overlay", overlay(centre_view(decode(image)), drawn, explanation["scale"])),
    ):
        found = np.asarray(picture_of(explanation[name]), int)
        assert np.abs(found - np.asarray(wanted, int)).max() <= 2  # of 255 levels, one


def test_explanation_repeats_the_prediction(
    service: MelanomaService, photograph: Photograph
) -> None:
    image = photograph(2, 1)

    (_, predicted), (_, explained) = ask(
        service, RawRequest(image, "predict"), RawRequest(image, "explain")
    )

    assert {name: explained[name] for name in PREDICTION} == predicted


def test_several_instances_are_answered_in_order(
    service: MelanomaService,
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    v1: Body,
) -> None:
    images = [photograph(400 + place, place % 2) for place in range(5)]

    # Five in three forward passes.
    together = ask_one(service_with(forward_batch=2), v1(*images), "predict")["predictions"]

    alone = [ask_one(service, image, "predict") for image in images]
    assert [row["probability"] for row in together] == pytest.approx(
        [row["probability"] for row in alone], abs=2e-6
    )
    assert len({row["probability"] for row in together}) == 5


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_a_raw_image_gets_one_object(
    verb: str, service: MelanomaService, photograph: Photograph
) -> None:
    answer = ask_one(service, photograph(3, 0), verb, content_type="image/jpeg")

    assert set(answer) == (PREDICTION if verb == "predict" else EXPLANATION)


def test_method_and_target_have_defaults(
    service: MelanomaService, photograph: Photograph, v1: Body
) -> None:
    image = photograph(2, 0)

    plain = ask_one(service, v1(image), "explain")
    spelled = ask_one(service, v1(image, method="grad_cam", target="cancer"), "explain")
    raw = ask_one(service, image, "explain", method="grad_cam", target="cancer")

    assert plain == spelled == {"explanations": [raw]}
    assert (raw["method"], raw["target"]) == ("grad_cam", "cancer")


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "cancer"), (1.0, "no cancer")])
def test_target_predicted_is_the_predicted_label(
    threshold: float,
    label: str,
    service_with: Callable[..., MelanomaService],
    photograph: Photograph,
    v1: Body,
) -> None:
    service = service_with(card={"threshold": threshold})
    images = [photograph(2, 0)] * 2

    answers = [
        ask_one(service, v1(*images, target=target), "explain")["explanations"][0]
        for target in ("predicted", "cancer")
    ]

    assert [answer["label"] for answer in answers] == [label] * 2
    assert [answer["target"] for answer in answers] == ["predicted", "cancer"]
    # The final layer's rows are opposite, and so are their Grad-CAMs.
    of_predicted, of_cancer = (np.asarray(a["attribution"]["values"]) for a in answers)
    sign = 1 if label == "cancer" else -1
    np.testing.assert_allclose(of_predicted, sign * of_cancer, atol=1e-5)


def test_each_instance_may_name_its_own_method_and_target(
    service: MelanomaService, photograph: Photograph, v1: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrated_gradients, "FIRST", 2)
    monkeypatch.setattr(integrated_gradients, "MOST", 2)
    body = json.loads(v1(photograph(2, 0), photograph(2, 1)))
    body["instances"][0] |= {"method": "integrated_gradients"}
    body["instances"][1] |= {"target": "predicted"}

    answer = ask_one(service, json.dumps(body).encode(), "explain", target="cancer")

    assert [(row["method"], row["target"]) for row in answer["explanations"]] == [
        ("integrated_gradients", "cancer"),
        ("grad_cam", "predicted"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"method": "grad-cam"},
            f"unknown method 'grad-cam'; there are: {', '.join(NAMES)}",
        ),
        ({"method": ""}, f"unknown method ''; there are: {', '.join(NAMES)}"),
        ({"target": "benign"}, "unknown target 'benign'; there are: cancer, predicted"),
        ({"target": ""}, "unknown target ''; there are: cancer, predicted"),
        ({"target": "\ud800"}, "unknown target '\\ud800'; there are: cancer, predicted"),
    ],
)
def test_unknown_method_or_target_error_lists_the_valid_ones(
    options: dict[str, str], said: str, service: MelanomaService, photograph: Photograph, v1: Body
) -> None:
    image = photograph(2, 0)

    answers = ask(
        service,
        RawRequest(v1(image, **options), "explain"),
        RawRequest(image, "explain", **options),
    )

    assert answers == [(400, {"error": f"instance 0: {said}"}), (400, {"error": said})]


def test_predictions_ignore_method_and_target(
    service: MelanomaService, photograph: Photograph, v1: Body
) -> None:
    answer = ask_one(service, v1(photograph(2, 0), method="grad-cam"), "predict", target="x")

    assert set(answer["predictions"][0]) == PREDICTION
