"""Test the output tensors of V2 responses."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from kserve import InferResponse

from serving.kserve.outputs import OUTPUTS, response_of
from tests.serving.kserve.v2_bodies import JPEGS, TEXTS, called, parsed

PREDICTION = {
    "label": "cancer",
    "probability": 0.873,
    "threshold": 0.31,
    "review": True,
    "reasons": ["near_threshold", "low_quality"],
    "model_version": "v",
    "variant": "int8-224px-2stages-2orientations",
    "box": [0.25, 0.5, 0.1, 0.2],
    "risk": 0.1,
    "prevalence": 0.02,
}
EXPLANATION = PREDICTION | {
    "method": "grad_cam",
    "target": "cancer",
    "heatmap": base64.b64encode(b"\x89PNG").decode(),
    "overlay": base64.b64encode(b"\x89PNG").decode(),
    "attribution": {"shape": [2, 2], "values": [[1.0, 2.0], [3.0, 4.0]]},
    "signed": False,
    "scale": 0.5,
    "steps": None,
    "convergence_delta": None,
    "lesion_mass": 0.7,
}


def test_prediction_is_named_tensors_with_the_numbers_of_v1() -> None:
    response = response_of(parsed(id="7"), [PREDICTION, PREDICTION])
    content, json_bytes = response.to_rest()
    outputs = {one["name"]: (one["datatype"], one["data"]) for one in content["outputs"]}

    assert json_bytes is None
    assert (content["id"], content["model_name"], content["model_version"]) == (
        "7",
        "melanoma",
        "v",
    )
    assert outputs == {
        "label": ("BYTES", ["cancer"] * 2),
        "probability": ("FP64", [0.873] * 2),
        "threshold": ("FP64", [0.31] * 2),
        "review": ("BOOL", [True] * 2),
        "reasons": ("BYTES", ["near_threshold,low_quality"] * 2),
        "model_version": ("BYTES", ["v"] * 2),
        "variant": ("BYTES", ["int8-224px-2stages-2orientations"] * 2),
        "box": ("FP64", [0.25, 0.5, 0.1, 0.2] * 2),
        "risk": ("FP64", [0.1] * 2),
        "prevalence": ("FP64", [0.02] * 2),
    }


def test_explanation_adds_its_tensors() -> None:
    request = parsed(parameters={"method": "grad_cam", "receipt": True})
    answered = EXPLANATION | {"receipt": "a.b.c"}
    content, _ = response_of(request, [answered, answered]).to_rest()
    outputs = {one["name"]: one for one in content["outputs"]}

    named = [one["name"] for one in OUTPUTS]
    assert [name for name in named if not name.startswith("case_")] == list(outputs)
    assert outputs["attribution"]["shape"] == [2, 2, 2]
    assert outputs["attribution"]["data"] == [1.0, 2.0, 3.0, 4.0] * 2
    assert outputs["heatmap"]["data"] == [EXPLANATION["heatmap"]] * 2
    assert math.isnan(outputs["convergence_delta"]["data"][0])
    assert outputs["steps"]["data"] == [0, 0]
    assert outputs["receipt"]["data"] == ["a.b.c"] * 2


@pytest.mark.parametrize("names", [["label", "distance"], ["label", "distance", "thumbnail"]])
def test_similar_cases_are_a_row_for_each_photograph(names: list[str]) -> None:
    case = {"label": "cancer", "distance": 0.25, "thumbnail": TEXTS[0]}
    cases = [{name: case[name] for name in names}, {name: case[name] for name in names}]
    answer = PREDICTION | {"method": "similar_cases", "cases": cases}

    content, _ = response_of(parsed(), [answer, answer, answer]).to_rest()
    message = response_of(called(JPEGS[0]), [answer]).to_grpc()

    described = {one["name"]: len(one["shape"]) for one in OUTPUTS}
    outputs = {one["name"]: one for one in content["outputs"]}
    assert set(outputs) == {*PREDICTION, "method", *(f"case_{name}" for name in names)}
    for name in names:
        assert outputs[f"case_{name}"]["shape"] == [3, 2]
        assert outputs[f"case_{name}"]["data"] == [case[name]] * 6
        assert described[f"case_{name}"] == 2
    grpc = {one.name: one.contents for one in message.outputs}
    assert list(grpc["case_distance"].fp64_contents) == [0.25, 0.25]
    if "thumbnail" in names:
        assert list(grpc["case_thumbnail"].bytes_contents) == [JPEGS[0]] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]},
    ],
)
def test_outputs_are_binary_on_request(changes: dict[str, Any]) -> None:
    content, json_bytes = response_of(parsed(**changes), [PREDICTION]).to_rest()
    read = InferResponse.from_bytes(content, json_bytes)

    assert read.get_output_by_name("probability").data == [0.873]


def test_grpc_call_gets_pictures_as_bytes_and_requested_outputs() -> None:
    request = called(JPEGS[0], method="grad_cam")
    message = response_of(request, [EXPLANATION]).to_grpc()
    outputs = {one.name: one.contents for one in message.outputs}

    assert list(outputs["heatmap"].bytes_contents) == [b"\x89PNG"]
    assert list(outputs["probability"].fp64_contents) == [0.873]
    assert list(outputs["label"].bytes_contents) == [b"cancer"]
