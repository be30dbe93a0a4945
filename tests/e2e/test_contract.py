"""Test the REST contract of DESIGN.md with KServe's client and plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, RESTConfig
from PIL import Image

from serving.local import LocalServer
from tests.e2e.environment import SERVED
from tests.e2e.requests_of import (
    EXPLAIN,
    PREDICT,
    RAW_EXPLAIN,
    RAW_PREDICT,
    base64_of,
    instances,
)

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
    *("method", "target", "heatmap", "overlay", "attribution", "scale"),
    *("signed", "steps", "convergence_delta", "lesion_mass"),
}


def with_kserve(call: Callable[[InferenceRESTClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=120))
        try:
            return await call(client)
        finally:
            await client.close()

    return asyncio.run(run())


def test_kserve_client_reports_live_and_ready(server: LocalServer) -> None:
    async def ask(client: InferenceRESTClient) -> list[bool]:
        return [
            await client.is_server_live(server.inference),
            await client.is_model_ready(server.inference, "melanoma"),
        ]

    assert with_kserve(ask) == [True, True]


def test_kserve_client_predicts(
    server: LocalServer, photographs: list[bytes], trained: Any
) -> None:
    body = instances(*photographs[:3])
    answer = with_kserve(lambda c: c.infer(server.inference, body, model_name="melanoma"))
    assert list(answer) == ["predictions"]
    assert len(answer["predictions"]) == 3
    for prediction in answer["predictions"]:
        assert set(prediction) == PREDICTION
        assert 0 <= prediction["probability"] <= 1
        expected = prediction["probability"] >= prediction["threshold"]
        assert prediction["label"] == ("cancer" if expected else "no cancer")
        assert prediction["review"] == bool(prediction["reasons"])
        assert prediction["model_version"] == trained.summary["model_version"]


@pytest.mark.parametrize(
    ("method", "side"), [("grad_cam", 7 * SERVED.stages), ("integrated_gradients", 28)]
)
def test_kserve_client_explains(
    server: LocalServer, photographs: list[bytes], method: str, side: int
) -> None:
    body = instances(*photographs[:2], method=method)
    answer = with_kserve(lambda c: c.explain(server.inference, "melanoma", body))
    assert list(answer) == ["explanations"]
    for explanation in answer["explanations"]:
        assert set(explanation) == EXPLANATION
        assert explanation["method"] == method
        assert explanation["target"] == "cancer"
        assert explanation["attribution"]["shape"] == [side, side]
        values = np.asarray(explanation["attribution"]["values"])
        assert values.shape == (side, side)
        assert explanation["scale"] == pytest.approx(np.abs(values).max(), rel=1e-5)
        assert (explanation["convergence_delta"] is None) == (method == "grad_cam")
        assert explanation["lesion_mass"] is None or 0 <= explanation["lesion_mass"] <= 1
        for name, mode in (("heatmap", "P"), ("overlay", "RGB")):
            data = base64.b64decode(explanation[name], validate=True)
            picture = Image.open(io.BytesIO(data))
            assert (picture.format, picture.size, picture.mode) == ("PNG", (224, 224), mode)
            assert len(data) < 150_000


def test_accepts_four_spellings_of_an_instance(
    client: httpx.Client, photographs: list[bytes]
) -> None:
    text = base64_of(photographs[0])
    spellings = [{"data": text}, {"b64": text}, {"image": {"b64": text}}, text]
    reply = client.post(PREDICT, json={"instances": spellings})
    assert reply.status_code == 200, reply.text
    answers = reply.json()["predictions"]
    assert answers == [answers[0]] * 4


def test_target_predicted_flips_the_map_of_a_benign_prediction(
    client: httpx.Client, photographs: list[bytes]
) -> None:
    answers = client.post(PREDICT, json=instances(*photographs[:16])).json()["predictions"]
    benign = photographs[[answer["label"] for answer in answers].index("no cancer")]

    def values(target: str) -> np.ndarray:
        reply = client.post(EXPLAIN, json=instances(benign, target=target))
        return np.asarray(reply.json()["explanations"][0]["attribution"]["values"])

    # The two logits are each other's negative, and so are their maps.
    np.testing.assert_allclose(values("predicted"), -values("cancer"), atol=1e-5)


def test_raw_routes_return_one_object_and_take_options_from_headers(
    client: httpx.Client, photographs: list[bytes]
) -> None:
    headers = {"Content-Type": "image/jpeg"}
    predicted = client.post(RAW_PREDICT, content=photographs[0], headers=headers)
    assert predicted.status_code == 200
    assert predicted.headers["content-type"] == "application/json"
    assert set(predicted.json()) == PREDICTION
    box = "0.25,0.25,0.5,0.5"
    options = {"X-Method": "integrated_gradients", "x-target": "predicted", "X-Box": box}
    explained = client.post(RAW_EXPLAIN, content=photographs[0], headers=headers | options)
    assert set(explained.json()) == EXPLANATION
    assert explained.json()["method"] == "integrated_gradients"
    assert explained.json()["target"] == "predicted"
    assert explained.json()["box"] == [0.25, 0.25, 0.5, 0.5]


def test_accepts_photograph_in_a_form(client: httpx.Client, photographs: list[bytes]) -> None:
    plain = client.post(RAW_PREDICT, content=photographs[0]).json()
    form = client.post(RAW_PREDICT, files={"data": ("x.jpg", photographs[0], "image/jpeg")})
    assert form.json() == plain
    file, box = {"data": ("x.jpg", photographs[0], "image/jpeg")}, [0.25, 0.25, 0.5, 0.5]
    framed = client.post(RAW_PREDICT, files=file, data={"box": ",".join(map(str, box))}).json()
    (same,) = client.post(PREDICT, json=instances(photographs[0], box=box)).json()["predictions"]
    assert framed == same
    assert framed["box"] == box != plain["box"]
    assert framed["probability"] != plain["probability"]


def test_accepts_json_without_content_type(client: httpx.Client, photographs: list[bytes]) -> None:
    body = httpx.Request("POST", "http://x", json=instances(photographs[0])).content
    reply = client.post(PREDICT, content=body)
    assert reply.status_code == 200
    assert set(reply.json()["predictions"][0]) == PREDICTION


def test_groups_outside_the_body_reach_the_model(
    client: httpx.Client, photographs: list[bytes]
) -> None:
    photograph, header = photographs[0], {"x-groups": "site=north"}
    form = {"data": ("x.jpg", photograph, "image/jpeg")}

    replies = [
        client.post(PREDICT, json=instances(photograph), headers=header),
        client.post(RAW_PREDICT, content=photograph, headers=header),
        client.post(RAW_EXPLAIN, content=photograph, headers=header),
        client.post(RAW_PREDICT, files=form, data={"groups": "site=north"}),
    ]

    # This server declares none, and says so.
    assert [reply.status_code for reply in replies] == [400] * 4
    assert all("LESIONLENS_GROUPS" in reply.json()["error"] for reply in replies)
