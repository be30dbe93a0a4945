"""Test the page's requests to the service and its handling of responses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from kserve import InferenceRESTClient, RESTConfig
from starlette.types import Receive, Scope, Send

from tests.web.conftest import EXPLAIN, PREDICT, Double, Reply, explanation, prediction
from web.errors import PageError
from web.service import LEAST_WAIT, Explanation, Prediction, Service
from web.settings import PageSettings

URL = "http://service"
SETTINGS = PageSettings(predictor_url=URL, page_seconds=5, page_retry_budget_seconds=0)


def ask(
    double: Double, settings: PageSettings = SETTINGS
) -> tuple[Prediction, Explanation | PageError]:
    async def run() -> tuple[Prediction, Explanation | PageError]:
        service = Service(settings, httpx.ASGITransport(double))
        try:
            prediction = await service.predict(b"a picture")
            try:
                return prediction, await service.explain(b"a picture", "lime")
            except PageError as failure:
                return prediction, failure
        finally:
            await service.close()

    return asyncio.run(run())


def refused(double: Double, settings: PageSettings = SETTINGS) -> PageError:
    with pytest.raises(PageError) as caught:
        ask(double, settings)
    return caught.value


def test_requests_equal_those_of_the_kserve_client() -> None:
    ours, theirs = Double(), Double()
    ask(ours)
    (_, _, plain), (_, _, asking) = ours.asked

    async def kserve() -> None:
        transport = httpx.ASGITransport(theirs)
        async with InferenceRESTClient(RESTConfig(transport=transport, protocol="v1")) as client:
            await client.infer(URL, json.loads(plain), model_name="melanoma")
            await client.explain(URL, "melanoma", json.loads(asking))

    asyncio.run(kserve())

    def told(double: Double) -> list[tuple[str, str, Any]]:
        return sorted(
            (path, headers["content-type"], json.loads(body))
            for path, headers, body in double.asked
        )

    assert [path for path, _, _ in told(ours)] == [EXPLAIN, PREDICT]
    assert told(ours) == told(theirs)
    assert json.loads(asking)["instances"][0]["method"] == "lime"


def test_predictor_and_explainer_may_have_different_addresses() -> None:
    hosts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(f"{request.url.host}{request.url.path}")
        return httpx.Response(
            200, json={"predictions": [prediction()], "explanations": [explanation()]}
        )

    async def run() -> None:
        settings = PageSettings(predictor_url="http://p", explainer_url="http://e/")
        service = Service(settings, httpx.MockTransport(answer))
        await service.predict(b"")
        await service.explain(b"", "lime")
        await service.close()

    asyncio.run(run())

    assert sorted(hosts) == [f"e{EXPLAIN}", f"p{PREDICT}"]


def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    service = Service(SETTINGS)

    assert service._client.trust_env is False
    assert service._client._mounts == {}
    asyncio.run(service.close())


@pytest.mark.parametrize(
    ("reply", "kind", "values"),
    [
        (
            Reply({"error": "instance 0: not a JPEG"}, 400),
            "refused",
            {"reason": "not a JPEG"},
        ),
        (Reply({"error": "too large"}, 413), "refused", {"reason": "too large"}),
        (Reply({"code": 400}, 400), "refused", {"reason": "Bad Request"}),
        (Reply(b"<html>", 400), "refused", {"reason": "Bad Request"}),
        (Reply(["error"], 400), "refused", {"reason": "Bad Request"}),
        (Reply({"code": 503}, 503), "busy", {}),
        (Reply({"code": 500}, 500), "unreadable_answer", {}),
        (Reply({"code": 404}, 404), "unreadable_answer", {}),
        (Reply(b"{", 200), "unreadable_answer", {}),
        (Reply({"predictions": []}), "unreadable_answer", {}),
        (Reply({"predictions": [{"label": "cancer"}]}), "unreadable_answer", {}),
        (Reply({"predictions": [prediction(probability=1.2)]}), "unreadable_answer", {}),
        (Reply({"predictions": [prediction(label="<b>")]}), "unreadable_answer", {}),
        (Reply(None, error=httpx.ConnectError("refused")), "down", {}),
        (Reply(None, error=httpx.ConnectTimeout("nobody")), "down", {}),
        (Reply(None, error=httpx.ReadError("reset")), "down", {}),
    ],
)
def test_rejects_response_that_is_not_a_prediction(
    reply: Reply, kind: str, values: dict[str, str]
) -> None:
    failure = refused(Double(predict=reply))

    assert (failure.kind, failure.values, failure.retry_after) == (kind, values, None)


def test_passes_on_retry_after() -> None:
    failure = refused(Double(predict=Reply({}, 503, {"retry-after": "3"})))

    assert (failure.kind, failure.retry_after) == ("busy", 3)
    odd = refused(Double(predict=Reply({}, 503, {"retry-after": "Wed, 25 Nov 2026 07:28:00 GMT"})))
    assert (odd.kind, odd.retry_after) == ("busy", None)


class Recovering(Double):
    """Service that is busy for a number of requests."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        busy = Reply({}, 503, {"retry-after": "0"})
        self.predict = busy if len(self.asked) < 2 else Double().predict
        await super().__call__(scope, receive, send)


def test_retries_busy_service_without_a_second_upload() -> None:
    settings = PageSettings(predictor_url=URL, page_retry_budget_seconds=2 * LEAST_WAIT)

    answer, _ = ask(double := Recovering(), settings)

    assert answer.label == "cancer"
    assert [path for path, _, _ in double.asked] == [PREDICT, PREDICT, PREDICT, EXPLAIN]


def test_retries_stop_at_the_retry_budget() -> None:
    settings = PageSettings(predictor_url=URL, page_retry_budget_seconds=LEAST_WAIT)

    assert refused(Recovering(), settings).kind == "busy"


def test_slow_predictor_times_out() -> None:
    settings = PageSettings(page_seconds=0.2)

    failure = refused(Double(predict=Reply({}, seconds=30)), settings)

    assert (failure.kind, failure.values) == ("slow", {"seconds": "0.2"})


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({}, 503, {"retry-after": "3"}), "busy"),
        (Reply({}, seconds=30), "slow"),
        (Reply(None, error=httpx.ConnectError("refused")), "down"),
        (Reply({"explanations": [explanation(overlay="*")]}), "unreadable_answer"),
        (Reply({"explanations": [explanation(scale=None)]}), "unreadable_answer"),
    ],
)
def test_prediction_is_returned_without_explanation(reply: Reply, kind: str) -> None:
    settings = PageSettings(page_seconds=0.5, page_retry_budget_seconds=0)

    answer, why = ask(Double(explain=reply), settings)

    assert answer.probability == 0.209984
    assert isinstance(why, PageError)
    assert why.kind == kind
