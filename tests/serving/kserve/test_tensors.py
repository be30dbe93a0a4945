"""Test V2 requests: photographs, parameters and error messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.kserve import tensors
from serving.kserve.tensors import TensorError
from tests.serving.kserve.v2_bodies import JPEGS, TEXTS, binary, called, document, parsed


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


def test_groups_are_a_parameter() -> None:
    text = "site=north;skin_type=II"

    assert tensors.service_request(parsed(parameters={"groups": text})).groups == text


@pytest.mark.parametrize("value", [True, "true"])
def test_receipt_is_asked_for_by_a_parameter(value: bool | str) -> None:
    changes = {"parameters": {"receipt": value}, "outputs": [{"name": "receipt"}]}

    assert tensors.service_request(parsed(**changes)).receipt == "true"
