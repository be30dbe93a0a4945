"""Test the decode budget of a request and the time budget of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from handlers import budget, decoding, imaging
from handlers.protocol import Instance, RawRequest, Request, RequestError
from handlers.service import MelanomaService
from handlers.structure import Box, ImageError, Limits, Structure
from handlers.telemetry import Recorder
from loadtests.hostile.files import body
from loadtests.hostile.webps import one_colour
from tests.handlers.test_service import ask

Photograph = Callable[[int, int], bytes]


def cost_of(monkeypatch: pytest.MonkeyPatch, **costs: float) -> None:
    """Set the cost of files that are only a format's name."""

    def inspected(data: bytes, limits: Limits, box: Box) -> Structure:
        name = data.decode()
        return Structure(name, 100, 100, costs[name], 1, ())  # type: ignore[arg-type]

    monkeypatch.setattr(budget, "inspect", inspected)


def check(*names: str) -> None:
    instances = tuple(Instance(name.encode()) for name in names)
    request = Request("predict", instances, enveloped=True)
    budget.check(request, Limits(10_000, 32, max_cost=40.0, max_heif_cost=160.0))


def test_heic_and_avif_have_a_separate_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    cost_of(monkeypatch, HEIC=50, AVIF=60, JPEG=15)

    check("HEIC", "HEIC", "HEIC")
    check("HEIC", "AVIF")
    check("JPEG", "JPEG")
    with pytest.raises(RequestError, match=r"instance 3: .* 200.0; at most 160 .* request:"):
        check("HEIC", "HEIC", "HEIC", "HEIC")
    with pytest.raises(RequestError, match=r"instance 2: .* 45.0; at most 40 .* request:"):
        check("JPEG", "JPEG", "JPEG")


def test_instances_of_a_request_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    cost_of(monkeypatch, HEIC=90, JPEG=15)

    check("HEIC", "JPEG")
    with pytest.raises(RequestError, match=r"instance 2: .*\(HEIC and AVIF have another"):
        check("JPEG", "HEIC", "JPEG")


def test_service_passes_both_budgets_on(
    service_with: Callable[..., MelanomaService], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[Limits] = []

    def inspected(data: bytes, limits: Limits, box: Box) -> Structure:
        passed.append(limits)
        raise ImageError("enough")

    monkeypatch.setattr(budget, "inspect", inspected)
    monkeypatch.setattr(decoding, "inspect", inspected)
    service = service_with(decode_budget=1.5, heif_decode_budget=2.5)

    ask(service, RawRequest(body([b"a", b"b"]), "predict"), RawRequest(b"a", "predict"))

    assert [(one.max_cost, one.max_heif_cost) for one in passed] == [(1.5, 2.5)] * 2


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Record the images that the service decodes, in order."""
    found: list[bytes] = []
    decode = imaging.decode

    def counting(data: bytes, limits: Limits, box: Box) -> Any:
        found.append(data)
        return decode(data, limits, box=box)

    monkeypatch.setattr(imaging, "decode", counting)
    return found


def test_request_beyond_the_budget_is_rejected_before_decoding(
    service_with: Callable[..., MelanomaService], decoded: list[bytes], photograph: Photograph
) -> None:
    service = service_with(batch_seconds=3600)
    bomb = body([one_colour(1000, 1000)] * 16)
    assert len(bomb) < 2_000

    refused, answered = ask(
        service, RawRequest(bomb, "predict"), RawRequest(photograph(1, 0), "predict")
    )

    assert refused == (
        400,
        {
            "error": "instance 7: decoding it costs as much as 5.5 megapixels of baseline JPEG, "
            "and with those before it 44.0; at most 42 are accepted in one request: split the "
            "instances over several requests, or scale the photographs down"
        },
    )
    assert answered[0] == 200
    assert decoded == [photograph(1, 0)]


def test_bad_instance_is_rejected_before_decoding(
    service: MelanomaService, decoded: list[bytes], photograph: Photograph
) -> None:
    ((status, answer),) = ask(service, RawRequest(body([photograph(1, 0), b"GIF89a"]), "predict"))

    assert status == 400
    assert answer["error"].startswith("instance 1: not a JPEG")
    assert decoded == []


def test_budget_is_a_setting(
    service_with: Callable[..., MelanomaService], photograph: Photograph
) -> None:
    small = service_with(decode_budget=0.01, batch_seconds=3600)
    image = photograph(1, 0)

    for request in (image, body([image]), body([image] * 2)):
        ((status, answer),) = ask(small, RawRequest(request, "predict"))
        assert status == 400
        assert "at most 0.01 are accepted" in answer["error"]


@pytest.fixture
def ticking(
    service_with: Callable[..., MelanomaService], monkeypatch: pytest.MonkeyPatch
) -> MelanomaService:
    """Advance one second per check: at the beginning, then before each instance."""
    service = service_with(batch_seconds=3.5)
    ticks = iter(range(1000))
    monkeypatch.setattr(service.admission, "_clock", lambda: next(ticks))
    return service


def test_time_budget_of_a_batch_is_checked_before_each_instance(
    ticking: MelanomaService, decoded: list[bytes], photograph: Photograph
) -> None:
    image = photograph(1, 0)

    answers = ticking.answer(
        [
            RawRequest(image, "predict"),
            RawRequest(body([image] * 16), "predict"),
            RawRequest(image, "predict"),
        ],
        Recorder("v1"),
    )

    assert [answer.status for answer in answers] == [200, 503, 503]
    assert [answer.retry_after for answer in answers] == [None, 4, 4]
    assert len(decoded) == 3


def test_first_request_of_a_batch_is_served_completely(
    ticking: MelanomaService, decoded: list[bytes], photograph: Photograph
) -> None:
    """Check it, because a slow machine would otherwise never answer many photographs."""
    image = photograph(1, 0)

    for _ in range(2):
        answers = ticking.answer(
            [RawRequest(body([image] * 16), "predict"), RawRequest(body([image] * 16), "predict")],
            Recorder("v1"),
        )

        assert [answer.status for answer in answers] == [200, 503]
        assert len(decoded) < 32
        decoded.clear()
