"""Test V2 bodies: photographs, error messages and output tensors."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from kserve import InferInput, InferRequest, InferResponse
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages

from serving.kserve import tensors
from serving.kserve.outputs import OUTPUTS, response_of
from serving.kserve.tensors import TensorError

JPEGS = [b"\xff\xd8\xff first", b"\xff\xd8\xff second"]
TEXTS = [base64.b64encode(jpeg).decode() for jpeg in JPEGS]
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


def document(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}
    known = {name: changes.pop(name) for name in list(changes) if name in tensor}
    return {"inputs": [tensor | known], **changes}


def parsed(**changes: Any) -> InferRequest:
    return tensors.parse(json.dumps(document(**changes)).encode())


def binary(*photographs: bytes, **changes: Any) -> tuple[bytes, str]:
    raw = b"".join(struct.pack("<I", len(one)) + one for one in photographs)
    tensor = {
        "name": "image",
        "shape": [len(photographs)],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor | changes]}).encode()
    return head + raw, str(len(head))


def called(*photographs: bytes, raw: bool = False, **parameters: str) -> InferRequest:
    tensor = InferInput("image", [len(photographs)], "BYTES")
    tensor.set_data_from_numpy(np.array(photographs, dtype=np.object_), binary_data=True)
    if not raw:
        tensor._raw_data, tensor.parameters = None, None
        tensor.data = list(photographs)
    request = InferRequest("melanoma", [tensor], parameters=parameters)
    message = messages.ModelInferRequest.FromString(request.to_grpc().SerializeToString())
    return InferRequest.from_grpc(message)


def test_base64_in_json_becomes_v1_instances_without_decoding() -> None:
    asked = tensors.service_request(parsed())

    assert (asked.verb, asked.is_json) == ("predict", True)
    assert json.loads(asked.body) == {"instances": TEXTS}


@pytest.mark.parametrize("data", [[[TEXTS[0]], [TEXTS[1]]], TEXTS])
def test_data_may_be_nested_like_its_shape(data: list[Any]) -> None:
    asked = tensors.service_request(parsed(shape=[2, 1], data=data))

    assert json.loads(asked.body) == {"instances": TEXTS}


def test_single_binary_photograph_is_forwarded_unchanged() -> None:
    asked = tensors.service_request(tensors.parse(*binary(JPEGS[0])))

    assert (asked.body, asked.is_json) == (JPEGS[0], False)


def test_several_binary_photographs_become_instances() -> None:
    asked = tensors.service_request(tensors.parse(*binary(*JPEGS)))

    assert json.loads(asked.body) == {"instances": TEXTS}


@pytest.mark.parametrize("raw", [False, True])
def test_photographs_of_a_call_are_bytes_in_either_form(raw: bool) -> None:
    assert tensors.service_request(called(JPEGS[0], raw=raw)).body == JPEGS[0]
    several = tensors.service_request(called(*JPEGS, raw=raw, method="lime"))
    assert json.loads(several.body) == {"instances": TEXTS}
    assert (several.verb, several.method, several.target) == ("explain", "lime", None)


def test_parameters_name_the_method_and_the_target() -> None:
    asked = tensors.service_request(
        parsed(parameters={"method": "grad_cam", "target": "predicted"})
    )

    assert (asked.verb, asked.method, asked.target) == ("explain", "grad_cam", "predicted")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"datatype": "FP32"}, "datatype is not BYTES"),
        ({"data": []}, "the input is empty"),
        ({"shape": [3]}, "shape does not fit its data, which has 2 elements"),
        ({"shape": "MARKER"}, "lacks its name, datatype or shape"),
        ({"shape": [True]}, "lacks its name, datatype or shape"),
        ({"name": 1}, "lacks its name, datatype or shape"),
        ({"data": "MARKER"}, "is not a list"),
        ({"data": ["MARKER", 1]}, "not base64 text"),
        ({"data": [[[[[[["MARKER"]]]]]]]}, "is not a list"),
        ({"data": None}, 'needs "binary_data_size" bytes'),
        ({"inputs": []}, 'no "inputs"'),
        ({"inputs": ["MARKER"]}, "lacks its name"),
        ({"inputs": document()["inputs"] * 2}, "2 inputs; one tensor"),
        ({"id": {}}, '"id" is not of the type'),
        ({"id": "MARKER\ud800"}, '"id" is not valid Unicode'),
        ({"shape": [1] * 5}, "shape does not fit"),
        ({"data": [""] * 10_000}, "more than 10000 values"),
        ({"data": [[]] * 10_000}, "more than 10000 values"),
        ({"outputs": [{"name": "label"}] * 10_000}, "more than 10000 values"),
        ({"parameters": []}, '"parameters" is not of the type'),
        ({"parameters": {"method": "MARKER" * 20}}, "the parameter method is not a text"),
        ({"parameters": {"target": 5}}, "the parameter target is not a text"),
        ({"parameters": {"box": "MARKER" * 20}}, "the parameter box is not a text"),
        ({"parameters": {"groups": {"site": "north"}}}, "the parameter groups is not a text"),
        ({"parameters": {"receipt": 1}}, "the parameter receipt is not a text"),
        ({"outputs": [{"name": "receipt"}]}, "a receipt `parameters.receipt`"),
        ({"outputs": [{"name": "MARKER"}]}, "an output is requested that does not exist"),
        ({"outputs": ["MARKER"]}, "an output is requested that does not exist"),
        ({"outputs": [{"name": "heatmap"}]}, r"those of an explanation need `parameters.method`"),
    ],
)
def test_error_does_not_quote_the_request(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TensorError, match=words) as raised:
        tensors.service_request(parsed(**changes))
    assert "MARKER" not in str(raised.value)


@pytest.mark.parametrize("body", [b"MARKER", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"inputs": 1}'])
def test_rejects_what_is_not_v2(body: bytes) -> None:
    with pytest.raises(TensorError) as raised:
        tensors.parse(body)
    assert "MARKER" not in str(raised.value)


@pytest.mark.parametrize("length", ["-1", "1e3", "999999", "٣", "0" * 20 + "9" * 5_000])
def test_rejects_invalid_json_length(length: str) -> None:
    with pytest.raises(TensorError, match="Inference-Header-Content-Length"):
        tensors.parse(binary(JPEGS[0])[0], length)


@pytest.mark.parametrize("size", [-1, 1e9, 10**12, "5", True, None])
def test_rejects_invalid_binary_size(size: object) -> None:
    body, length = binary(JPEGS[0], parameters={"binary_data_size": size})
    with pytest.raises(TensorError):
        tensors.service_request(tensors.parse(body, length))


@pytest.mark.parametrize("raw", [b"\x01", b"\xff\xff\xff\x7fx", b"\x05\x00\x00\x00four"])
def test_rejects_truncated_binary_tensor(raw: bytes) -> None:
    body, length = binary(parameters={"binary_data_size": len(raw)}, shape=[1])
    with pytest.raises(TensorError, match="cut off"):
        tensors.service_request(tensors.parse(body + raw, length))


def test_a_binary_tensor_of_too_many_elements_is_refused() -> None:
    body, length = binary(*[b""] * 10_001)
    with pytest.raises(TensorError, match="more than 10000 values"):
        tensors.service_request(tensors.parse(body, length))


def test_a_shape_is_not_multiplied_where_it_has_too_many_sides() -> None:
    """A product of a thousand such numbers takes a minute."""
    wrong = json.dumps(document(shape=[10**4_000] * 1_000)).encode()
    with pytest.raises(TensorError, match="shape does not fit"):
        tensors.service_request(tensors.parse(wrong))


def test_rejects_bytes_without_an_input() -> None:
    body, length = binary(JPEGS[0])
    with pytest.raises(TensorError, match="more bytes"):
        tensors.parse(body + b"x", length)


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


def test_groups_are_a_parameter() -> None:
    text = "site=north;skin_type=II"

    assert tensors.service_request(parsed(parameters={"groups": text})).groups == text


@pytest.mark.parametrize("value", [True, "true"])
def test_receipt_is_asked_for_by_a_parameter(value: bool | str) -> None:
    changes = {"parameters": {"receipt": value}, "outputs": [{"name": "receipt"}]}

    assert tensors.service_request(parsed(**changes)).receipt == "true"


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
