"""Test parsing of KServe V1 and raw bodies."""

import base64
import json
from typing import Any

import pytest

from handlers import protocol
from handlers.protocol import EXPECTED, Instance, RawRequest, Request, RequestError, Verb

IMAGE = bytes(range(256))
B64 = base64.b64encode(IMAGE).decode("ascii")


def parse(
    body: bytes, verb: Verb = "predict", limits: dict[str, int] | None = None, **headers: str
) -> Request:
    return protocol.parse(RawRequest(body, verb, **headers), **(limits or {}))


def refusal(body: bytes, content_type: str = "", **limits: int) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        parse(body, limits=limits, content_type=content_type)
    assert str(caught.value) == caught.value.message
    return caught.value.status, caught.value.message


def v1(*rows: Any) -> bytes:
    return json.dumps({"instances": list(rows)}).encode()


@pytest.mark.parametrize(
    "row",
    [
        {"data": B64},
        {"b64": B64},
        {"image": {"b64": B64}},
        B64,
        {"data": f"data:image/jpeg;base64,{B64}"},
        f"data:image/png;base64,{B64}",
        {"data": "\r\n".join(B64[i : i + 76] for i in range(0, len(B64), 76))},
        f"  {B64[:40]}\t{B64[40:]}\n",
        {"data": B64, "method": None, "target": None, "note": "left alone"},
    ],
)
def test_accepts_every_spelling_of_an_instance(row: Any) -> None:
    request = parse(v1(row), verb="explain")

    assert request == Request("explain", (Instance(IMAGE),), enveloped=True)


def test_instances_keep_their_order_and_may_differ_in_spelling() -> None:
    rows = [base64.b64encode(bytes([i])).decode() for i in range(3)]

    request = parse(v1({"data": rows[0]}, rows[1], {"image": {"b64": rows[2]}}), verb="predict")

    assert [instance.image for instance in request.instances] == [b"\0", b"\1", b"\2"]


def test_sixteen_instances_are_accepted_and_seventeen_are_not() -> None:
    assert len(parse(v1(*[B64] * 16), verb="predict").instances) == 16

    status, said = refusal(v1(*[B64] * 17))

    assert status == 400
    assert said == ("17 instances; at most 16 are accepted in one request: split them over several")
    assert refusal(v1(B64, B64), max_instances=1)[1].startswith("2 instances; at most 1 are")


def test_instance_options_override_headers() -> None:
    body = v1({"data": B64}, {"data": B64, "method": "grad_cam", "target": "predicted"}, B64)

    request = parse(body, verb="explain", method="integrated_gradients", target="cancer")

    assert [(row.method, row.target) for row in request.instances] == [
        ("integrated_gradients", "cancer"),
        ("grad_cam", "predicted"),
        ("integrated_gradients", "cancer"),
    ]


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "image/jpeg"])
def test_json_is_recognised_without_its_content_type(content_type: str) -> None:
    request = parse(b"\n  " + v1(B64), verb="predict", content_type=content_type)

    assert request.enveloped
    assert request.instances == (Instance(IMAGE),)


@pytest.mark.parametrize("content_type", ["", "image/jpeg", "application/octet-stream"])
def test_image_body_is_not_parsed_as_json(content_type: str) -> None:
    body = b"\xff\xd8\xff\xe0 an image \n"

    request = parse(
        body, verb="explain", content_type=content_type, method="grad_cam", target="predicted"
    )

    # Not a byte is stripped: the last byte of a file may look like white space.
    assert request == Request("explain", (Instance(body, "grad_cam", "predicted"),), False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty: send an image file, or " + EXPECTED),
        (b" \r\n\t", "the body is empty: send an image file, or " + EXPECTED),
        (b"{", "the body is not valid JSON: Expecting property name enclosed in double quotes"),
        (b'{"instances": [}', "the body is not valid JSON: Expecting value at line 1 column 16"),
        (b'{"instances": "\xff\xfe"}', "the body is not JSON (not UTF-8 text)"),
        (b"[" * 100_000, "the JSON cannot be read"),
        (b'{"instances": ' * 50_000, "the JSON cannot be read"),
        (b'{"instances": [' + b"9" * 5_000 + b"]}", "the JSON cannot be read"),
        (b"[]", 'no "instances" in the body'),
        (b'["' + B64.encode() + b'"]', 'no "instances" in the body'),
        (b"{}", 'no "instances" in the body'),
        (b'{"inputs": []}', 'no "instances" in the body'),
        (b'{"instances": []}', '"instances" is an empty list'),
        (b'{"instances": {}}', '"instances" is an object, not a list'),
        (b'{"instances": "AAAA"}', '"instances" is a text, not a list'),
        (b'{"instances": null}', '"instances" is null, not a list'),
        (b'{"instances": 3}', '"instances" is a number, not a list'),
        (b'{"instances": true}', '"instances" is true or false, not a list'),
    ],
)
def test_rejects_unrecognised_body_and_says_what_to_send(body: bytes, said: str) -> None:
    status, message = refusal(body)

    assert status == 400
    assert message.startswith(said)
    assert EXPECTED in message
    assert len(message) < 300


@pytest.mark.parametrize("body", [b"hello", b'"AAAA"', b"null", b"17", b"\xff\xd8\xff\xe0"])
def test_json_body_must_have_instances(body: bytes) -> None:
    status, message = refusal(body, content_type="Application/JSON; charset=utf-8")

    assert status == 400
    assert EXPECTED in message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "no image in it; expected"),
        (17, "no image in it; expected"),
        ([], "no image in it; expected"),
        ({}, "no image in it; expected"),
        ({"data": None}, "no image in it; expected"),
        ({"data": 5}, "no image in it; expected"),
        ({"data": {"b64": B64}}, "no image in it; expected"),
        ({"image": B64}, "no image in it; expected"),
        ({"image": {}}, "no image in it; expected"),
        ({"data": ""}, "the image is empty (0 bytes)"),
        ("", "the image is empty (0 bytes)"),
        ("data:image/png;base64,", "the image is empty (0 bytes)"),
        ({"data": "AAA"}, "not valid base64"),
        ({"data": "AA-_"}, "not valid base64"),
        ({"data": "not base64!"}, "not valid base64"),
        ({"data": "gr\u00fc\u00df"}, "not valid base64"),
        ({"data": "\ud800"}, "not valid base64"),
        ({"data": B64, "method": 3}, '"method" is a number, not a text'),
        ({"data": B64, "method": ["grad_cam"]}, '"method" is a list, not a text'),
        ({"data": B64, "target": True}, '"target" is true or false, not a text'),
        ({"data": B64, "target": {}}, '"target" is an object, not a text'),
    ],
)
def test_error_names_the_bad_instance(row: Any, said: str) -> None:
    status, message = refusal(v1(B64, B64, row))

    assert status == 400
    assert message.startswith(f"instance 2: {said}")


def test_body_above_the_limit_gets_413() -> None:
    assert refusal(b"{" + b" " * 20_000_000) == (
        413,
        "the body is 20.0 MB; at most 20 MB are accepted: send fewer or smaller photographs",
    )
    assert parse(IMAGE, limits={"max_body_bytes": 256}).instances == (Instance(IMAGE),)
    assert refusal(IMAGE, max_body_bytes=255)[0] == 413


def test_messages_name_the_instance_only_in_lists() -> None:
    instances = (Instance(b"a"), Instance(b"b"))

    assert Request("predict", instances, True).where(1, "broken") == "instance 1: broken"
    assert Request("predict", instances[:1], False).where(0, "broken") == "broken"


@pytest.mark.parametrize(("verb", "key"), [("predict", "predictions"), ("explain", "explanations")])
def test_result_is_a_list_for_v1_and_an_object_for_raw(verb: protocol.Verb, key: str) -> None:
    results: list[dict[str, Any]] = [{"probability": 0.5}, {"probability": 0.25}]
    pair = (Instance(b"a"), Instance(b"b"))

    assert json.loads(protocol.answer(Request(verb, pair, True), results)) == {key: results}
    raw = protocol.answer(Request(verb, pair[:1], False), results[:1])
    assert json.loads(raw) == {"probability": 0.5}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_rejects_numbers_that_json_cannot_express(number: float) -> None:
    for enveloped in (True, False):
        with pytest.raises(ValueError, match="JSON compliant"):
            protocol.answer(
                Request("predict", (Instance(b"a"),), enveloped), [{"probability": number}]
            )


def test_an_error_is_a_json_object_of_ascii() -> None:
    text = protocol.error('unknown target "gr\u00fc\u00df\ud800"')

    assert text.isascii()
    assert json.loads(text) == {"error": 'unknown target "gr\u00fc\u00df\ud800"'}
