"""Test the TorchServe adapter with TorchServe's context and metrics."""

import io
import json
import logging
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ts.context import Context
from ts.service import Service

from handlers import performance, telemetry
from handlers.explanation_runner import ExplanationRunner
from handlers.melanoma_handler import MelanomaHandler
from handlers.settings import HandlerSettings

# What the frontend reads of a worker's log: ``Metric.java`` of TorchServe 0.12.
METRIC_LINE = re.compile(
    r"\s*([\w\s]+)\.([\w\s]+):([0-9\-,.e]+)\|#([^|]*)(\|#type:([^|,]+))?"
    r"\|#hostname:([^,]+),([^,]+)(,(.*))?"
)

Photograph = Callable[[int, int], bytes]
Body = Callable[..., bytes]


def wire(body: bytes, *, name: str = "body", **headers: str) -> dict[str, Any]:
    """Build a request as the frontend passes it to a worker."""
    pairs = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    return {
        "requestId": b"1",
        "parameters": [{"name": name, "value": body, "contentType": b"image/jpeg"}],
        "headers": [{"name": key, "value": value} for key, value in pairs],
    }


@pytest.fixture(scope="module")
def context(model_folder: Path, context_for: Callable[[Path], Context]) -> Context:
    return context_for(model_folder)


@pytest.fixture(scope="module")
def handler(context: Context) -> MelanomaHandler:
    loaded = MelanomaHandler()
    loaded.initialize(context)
    return loaded


@pytest.fixture
def ask(handler: MelanomaHandler, context: Context) -> Callable[..., list[tuple[int, Any]]]:
    """Status and document of each request of a batch, read back from the real context."""

    def batch(*requests: dict[str, Any]) -> list[tuple[int, Any]]:
        processors, data, _ = Service.retrieve_data_for_inference(requests)
        context.request_processor = processors
        bodies = handler.handle(data, context)
        assert [type(body) for body in bodies] == [str] * len(requests)
        for index in range(len(requests)):
            assert context.get_response_content_type(index) == "application/json"
        statuses = [context.get_response_status(index)[0] for index in range(len(requests))]
        return list(zip(statuses, map(json.loads, bodies), strict=True))

    return batch


@pytest.mark.parametrize("name", ["body", "data"])
def test_reads_body_under_either_key(
    name: str, ask: Callable[..., Any], photograph: Photograph, v1: Body
) -> None:
    image = photograph(1, 0)

    (one, raw), (two, enveloped) = ask(wire(image, name=name), wire(v1(image), name=name))

    assert (one, two) == (200, 200)
    assert set(enveloped) == {"predictions"}
    assert raw["label"] == enveloped["predictions"][0]["label"]


def test_rejects_form_without_image(ask: Callable[..., Any]) -> None:
    ((status, document),) = ask(wire(b"Jane", name="first_name"))

    assert status == 400
    assert document["error"].startswith("the body is empty")


def test_each_request_has_its_own_status_and_reason_phrase(
    ask: Callable[..., Any], context: Context, photograph: Photograph
) -> None:
    image = photograph(1, 0)

    answers = ask(wire(image), wire(b"text"), wire(b"{" + b" " * 20_000_000), wire(image))

    assert [status for status, _ in answers] == [200, 400, 413, 200]
    assert context.get_response_status(1) == (400, "Bad Request")
    assert context.get_response_status(2)[1] in ("Request Entity Too Large", "Content Too Large")
    assert [set(document) == {"error"} for _, document in answers] == [False, True, True, False]


def test_rejected_request_gets_retry_after(
    ask: Callable[..., Any],
    handler: MelanomaHandler,
    context: Context,
    photograph: Photograph,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert handler.service is not None
    monkeypatch.setattr(handler.service.admission, "open", lambda: False)

    ((status, document),) = ask(wire(photograph(1, 0)))

    assert status == 503
    assert context.get_response_status(0) == (503, "Service Unavailable")
    assert context.get_response_headers(0)["Retry-After"] == "1"
    assert document["error"].startswith("too many requests at once")


def test_batch_size_is_read_from_the_server(
    model_folder: Path, context_for: Callable[[Path], Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_for(model_folder)
    context.system_properties["batch_size"] = 16
    asked: list[int] = []
    monkeypatch.setattr(
        "handlers.service.LoadShedder", lambda full, seconds: asked.append(full) or object()
    )

    MelanomaHandler().initialize(context)

    assert asked == [16]


def test_each_request_has_its_own_verb(
    ask: Callable[..., Any], photograph: Photograph, v1: Body
) -> None:
    image = photograph(1, 0)

    answers = ask(
        wire(image),
        wire(image, explain="True"),
        wire(v1(image), explain="True"),
        wire(image, explain="False"),
    )

    assert ["heatmap" in document for _, document in answers] == [False, True, False, False]
    assert set(answers[2][1]) == {"explanations"}


def test_header_names_are_case_insensitive(ask: Callable[..., Any], photograph: Photograph) -> None:
    image = photograph(1, 0)

    answers = ask(
        wire(image, Explain="True", **{"X-Target": "predicted"}),
        wire(image, explain="True", x_method="grad-cam"),
        wire(b'"text"', **{"Content-Type": "application/json"}),
    )

    assert [status for status, _ in answers] == [200, 400, 400]
    assert answers[0][1]["target"] == "predicted"
    assert answers[1][1]["error"].startswith("unknown method 'grad-cam'")
    assert answers[2][1]["error"].startswith('no "instances" in the body')


def test_probe_is_recognised_by_its_header(handler: MelanomaHandler, context: Context) -> None:
    processors, _, _ = Service.retrieve_data_for_inference(
        [wire(b"", **{"X-Probe": "true"}), wire(b"", x_probe="false")]
    )
    context.request_processor = processors

    assert [handler._row({"body": b""}, context, index).probe for index in (0, 1)] == [True, False]


def test_reads_body_that_is_already_text(
    handler: MelanomaHandler, context: Context, photograph: Photograph, v1: Body
) -> None:
    processors, _, _ = Service.retrieve_data_for_inference([wire(b"")])
    context.request_processor = processors

    (body,) = handler.handle([{"body": v1(photograph(1, 0)).decode()}], context)

    assert set(json.loads(body)) == {"predictions"}


def parsed(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str, dict[str, str]]]:
    """Name, unit, kind and labels of each line, read as TorchServe's frontend does."""
    lines = []
    for record in caplog.records:
        if record.name != "ts.metrics.caching_metric":
            continue
        head, _, line = record.getMessage().partition("[METRICS]")
        assert head == ""
        found = METRIC_LINE.fullmatch(line)
        assert found, line
        pairs = [pair.split(":") for pair in found[4].split(",")]
        lines.append((found[1], found[2], found[6], {name: value for name, value in pairs}))
    return lines


def test_metrics_have_the_format_of_torchserve(
    ask: Callable[..., Any], photograph: Photograph, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ts.metrics")

    ask(wire(photograph(1, 0), explain="True"), wire(b"text"))

    seen = {(name, unit, kind, tuple(labels)) for name, unit, kind, labels in parsed(caplog)}
    units = {"s": "Seconds", "count": "Count"}
    declared = {
        (m.name, units.get(m.unit, m.unit), m.kind.upper(), m.labels) for m in telemetry.METRICS
    }
    assert seen <= declared
    # What is told at the start, and what only some photographs have.
    others = {
        telemetry.DRIFT_BASELINE,
        telemetry.BASELINE_PHOTOGRAPHS,
        telemetry.WORKER_STARTED,
        telemetry.BACKEND_INFO,
        performance.STATED_PREVALENCE,
        performance.GROUP_EXPECTED_DIAGNOSES,
        performance.RECEIPTS,
        telemetry.REVIEW_REASONS,
    }
    assert {m.name for m in set(telemetry.METRICS) - others} <= {name for name, *_ in seen}


def test_baseline_is_reported_once_at_start(
    model_folder: Path, context_for: Callable[[Path], Context], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ts.metrics")

    MelanomaHandler().initialize(context_for(model_folder))

    lines = parsed(caplog)
    assert ("lesionlens_drift_baseline_ratio", "ratio", "GAUGE") in {line[:3] for line in lines}
    assert {line[3]["model_version"] for line in lines} == {"synthetic-untrained-0123abcd"}
    assert len({(line[0], *line[3].items()) for line in lines}) == len(lines)


class Frontend:
    """Read a worker's message like ``ModelResponseDecoder.java`` of TorchServe 0.12."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int, dict[str, str], bytes]] = []

    def sendall(self, message: bytes) -> None:
        stream = io.BytesIO(message)

        def number() -> int:
            return int(struct.unpack("!i", stream.read(4))[0])

        def text() -> str:
            return stream.read(number()).decode()

        assert (number(), text()) == (200, "")
        while (length := number()) != -1:
            name = stream.read(length).decode()
            assert text() == "application/json"
            status, _ = number(), text()
            headers = {text(): text() for _ in range(number())}
            self.answers.append((name, status, headers, stream.read(number())))
        assert stream.read() == b""


@pytest.mark.slow
def test_slow_request_does_not_delay_quick_ones_of_its_batch(
    handler: MelanomaHandler,
    context: Context,
    photograph: Photograph,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert handler.service is not None
    patient = HandlerSettings(explain_seconds=60)
    explaining = ExplanationRunner(handler.service.classifier.model, patient)
    monkeypatch.setattr(handler.service, "explaining", explaining)
    image = photograph(1, 0)
    requests = [
        wire(image),
        wire(image, explain="True", x_method="smooth_grad"),
        wire(b"text"),
        wire(image, explain="True"),
    ]
    processors, data, _ = Service.retrieve_data_for_inference(requests)
    context.request_processor = processors
    context.request_ids = {0: "predict", 1: "slow", 2: "refused", 3: "grad_cam"}
    context.cl_socket = frontend = Frontend()

    bodies = handler.handle(data, context)

    begun, ended = frontend.answers[:2], frontend.answers[2:]
    assert [name for name, *_ in begun] == [name for name, *_ in ended] == ["predict", "grad_cam"]
    assert [headers["ts_stream_next"] for _, _, headers, _ in begun] == ["true", "true"]
    assert [headers["ts_stream_next"] for _, _, headers, _ in ended] == ["false", "false"]
    assert [body.decode() for *_, body in begun] == [bodies[0], bodies[3]]
    assert [body for *_, body in ended] == [b"", b""]
    # An error would close its connection before its text is out: it waits, and so does the slow.
    assert context.request_ids == {1: "slow", 2: "refused"}
    assert json.loads(bodies[1])["method"] == "smooth_grad"
