"""Test that one bad request never changes the answer of another."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from handlers import imaging
from handlers.protocol import RawRequest
from handlers.service import Answer, MelanomaService
from handlers.telemetry import Recorder

Photograph = Callable[[int, int], bytes]
Body = Callable[..., bytes]

SECRET = b"\xff\xd8\xff\xe0 Jane Doe, left forearm"

BAD = {
    "empty": b"",
    "text": b"not an image",
    "cut off": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "bomb": b"[" * 100_000,
    "no instances": b'{"instances": []}',
    "not UTF-8": b'{"instances": ["\xff"]}',
}


def ask(service: MelanomaService, *rows: RawRequest) -> list[Answer]:
    return service.answer(rows, Recorder("v1"))


@pytest.fixture(scope="module")
def good(photograph: Photograph, v1: Body) -> list[RawRequest]:
    """Seven requests, raw and V1, verbs mixed, one of them of two photographs."""
    images = [photograph(311 + 2 * place, 1) for place in range(8)]
    return [
        RawRequest(images[0], "predict"),
        RawRequest(v1(images[1]), "predict"),
        RawRequest(images[2], "explain", target="predicted"),
        RawRequest(v1(images[3], images[4]), "predict"),
        RawRequest(images[5], "predict", content_type="image/jpeg"),
        RawRequest(v1(images[6]), "predict"),
        RawRequest(v1(images[7]), "explain"),
    ]


@pytest.fixture(scope="module")
def answers(service: MelanomaService, good: list[RawRequest]) -> list[Answer]:
    """Responses without a bad request in the batch."""
    found = ask(service, *good)
    assert [answer.status for answer in found] == [200] * 7
    return found


def test_request_alone_equals_request_in_a_batch(
    service: MelanomaService, good: list[RawRequest], answers: list[Answer]
) -> None:
    assert [ask(service, row)[0] for row in good] == answers


@pytest.mark.parametrize("place", [0, 7])
def test_bad_request_does_not_change_other_answers(
    place: int, service: MelanomaService, good: list[RawRequest], answers: list[Answer]
) -> None:
    bad = RawRequest(BAD["cut off"], "explain")

    found = ask(service, *good[:place], bad, *good[place:])

    assert found[place].status == 400
    assert found[:place] + found[place + 1 :] == answers


@pytest.mark.parametrize("verb", ["predict", "explain"])
@pytest.mark.parametrize("case", BAD)
def test_bad_request_is_rejected_alone(
    case: str, verb: Any, service: MelanomaService, good: list[RawRequest], answers: list[Answer]
) -> None:
    first, middle, last = ask(service, good[0], RawRequest(BAD[case], verb), good[1])

    assert middle.status == 400
    assert set(json.loads(middle.body)) == {"error"}
    assert [first.status, last.status] == [200, 200]
    near = [json.loads(found.body) for found in (first, last)]
    assert near[0]["label"] == json.loads(answers[0].body)["label"]
    assert "predictions" in near[1]


def test_batch_of_bad_requests_does_not_run_the_model(service: MelanomaService) -> None:
    found = ask(service, *(RawRequest(body, "predict") for body in BAD.values()))

    assert [answer.status for answer in found] == [400] * len(BAD)


def test_bad_instance_rejects_its_request_and_is_named(
    service: MelanomaService, photograph: Photograph, v1: Body
) -> None:
    image = photograph(1, 0)

    first, second = ask(
        service,
        RawRequest(v1(image, image, b"GIF89a"), "predict"),
        RawRequest(v1(image), "predict"),
    )

    assert (first.status, json.loads(first.body)) == (
        400,
        {
            "error": "instance 2: not a JPEG, PNG or WebP image: it looks like a GIF: "
            "save a copy as JPEG and send that"
        },
    )
    assert second.status == 200


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Internal error that one payload triggers."""
    decode = imaging.decode

    def faulty(data: bytes, limits: Any, box: Any) -> Any:
        if data == SECRET:
            raise RuntimeError("list index out of range")
        return decode(data, limits, box=box)

    monkeypatch.setattr(imaging, "decode", faulty)


@pytest.mark.usefixtures("bug")
def test_internal_error_fails_its_request_only(
    service: MelanomaService,
    good: list[RawRequest],
    answers: list[Answer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = ask(service, *good[:4], RawRequest(SECRET, "predict"), *good[4:])

    assert found[4] == Answer(500, '{"error": "the service failed on this request; try again"}')
    assert found[:4] + found[5:] == answers
    # The operator must learn of it, with the location in the code.
    (record,) = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert "RuntimeError" in record.getMessage()
    assert "in faulty" in record.getMessage()
    assert "Jane Doe" not in caplog.text


@pytest.mark.usefixtures("bug")
def test_internal_error_logs_no_payload(
    service: MelanomaService, v1: Body, caplog: pytest.LogCaptureFixture
) -> None:
    body = v1(SECRET)

    (found,) = ask(service, RawRequest(body, "predict"))

    assert found.status == 500
    assert json.loads(body)["instances"][0]["data"] not in caplog.text


def test_message_that_quotes_the_payload_is_not_logged(
    service: MelanomaService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As int("Jane Doe") does: exceptions like to quote what they choked on.
    def quoting(data: bytes, limits: Any, box: Any) -> Any:
        raise RuntimeError(f"cannot read {data!r}")

    monkeypatch.setattr(imaging, "decode", quoting)

    (found,) = ask(service, RawRequest(SECRET, "predict"))

    assert found.status == 500
    assert "Jane Doe" not in found.body
    assert "Jane Doe" not in caplog.text


def test_rejections_are_not_logged(
    service: MelanomaService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    ask(service, *(RawRequest(body, "explain") for body in BAD.values()))

    assert [entry for entry in caplog.records if entry.name.startswith("handlers")] == []


def test_non_finite_number_fails_its_request_only(
    service: MelanomaService, good: list[RawRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.explanation.lesion_mass", lambda values, view: float("nan"))

    first, second = ask(service, good[2], good[0])

    assert (first.status, second.status) == (500, 200)
