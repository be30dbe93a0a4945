"""Test the Open Inference Protocol over REST and gRPC with KServe's clients.

The numbers are those of V1, and V1's bodies are those of TorchServe, to the byte.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    InferResponse,
    RESTConfig,
)
from PIL import Image

from serving.local import LocalServer
from tests.e2e.openapi_requests import document
from tests.e2e.requests_of import EXPLAIN, PREDICT, RAW_EXPLAIN, RAW_PREDICT, instances

INFER = "/v2/models/melanoma/infer"
pytestmark = pytest.mark.parametrize("runtime", ["kserve"], indirect=True, scope="session")

Asked = Callable[[LocalServer, InferRequest], InferResponse]


def question(photographs: list[bytes], binary: bool = True, **parameters: Any) -> InferRequest:
    elements = photographs if binary else [base64.b64encode(one) for one in photographs]
    tensor = InferInput("image", [len(photographs)], "BYTES")
    tensor.set_data_from_numpy(np.array(elements, dtype=np.object_), binary_data=binary)
    return InferRequest("melanoma", [tensor], parameters=parameters or None)


def over_rest(server: LocalServer, request: InferRequest) -> InferResponse:
    async def run() -> InferResponse:
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=120))
        try:
            return await client.infer(server.inference, request, model_name="melanoma")
        finally:
            await client.close()

    return asyncio.run(run())


def with_grpc(server: LocalServer, call: Callable[[InferenceGRPCClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        address = f"127.0.0.1:{server.settings.grpc_inference_port}"
        async with InferenceGRPCClient(address, timeout=120) as client:
            return await call(client)

    return asyncio.run(run())


def over_grpc(server: LocalServer, request: InferRequest) -> InferResponse:
    return with_grpc(server, lambda client: client.infer(request))


def rows(response: InferResponse) -> list[dict[str, Any]]:
    """Convert a V2 response to V1, without pictures and attributions."""
    columns = {}
    for output in response.outputs:
        if output.name not in ("attribution", "heatmap", "overlay"):
            values = output.as_numpy().tolist()
            columns[output.name] = [
                one.decode() if isinstance(one, bytes) else one for one in values
            ]
    columns["reasons"] = [text.split(",") if text else [] for text in columns["reasons"]]
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


@pytest.fixture(scope="session")
def torchserve(serving: Callable[..., LocalServer], trained: Any) -> Iterator[httpx.Client]:
    with (
        serving(archive=trained.store, runtime="torchserve") as server,
        httpx.Client(base_url=server.inference, timeout=120) as client,
    ):
        yield client


def test_responses_equal_those_of_torchserve(
    client: httpx.Client, torchserve: httpx.Client, photographs: list[bytes]
) -> None:
    ours, theirs = (
        [
            *(one.post(RAW_PREDICT, content=photograph).content for photograph in photographs),
            *(
                one.post(PREDICT, json=instances(*photographs[first : first + 10])).content
                for first in range(0, len(photographs), 10)
            ),
            one.post(RAW_EXPLAIN, content=photographs[0]).content,
            one.post(EXPLAIN, json=instances(*photographs[:2], method="saliency")).content,
            one.post(EXPLAIN, json=instances(*photographs[:2], method="similar_cases")).content,
            one.post(PREDICT, content=b"{").content,
            one.post(PREDICT, json=instances(b"not an image")).content,
        ]
        for one in (client, torchserve)
    )

    assert len(ours) == 115
    assert ours == theirs


@pytest.mark.parametrize(
    ("ask", "binary"),
    [(over_rest, True), (over_rest, False), (over_grpc, True), (over_grpc, False)],
)
def test_v2_numbers_equal_v1_numbers(
    server: LocalServer, client: httpx.Client, photographs: list[bytes], ask: Asked, binary: bool
) -> None:
    expected = client.post(PREDICT, json=instances(*photographs[:16])).json()["predictions"]
    request = question(photographs[:16], binary)
    if ask is over_grpc and not binary:  # bytes as they are, in the message's own field
        request.inputs[0].data = photographs[:16]

    assert rows(ask(server, request)) == expected


def test_outputs_may_be_binary(
    server: LocalServer, client: httpx.Client, photographs: list[bytes]
) -> None:
    request = question(photographs[:2], binary_data_output=True)
    expected = client.post(PREDICT, json=instances(*photographs[:2])).json()["predictions"]

    assert rows(over_rest(server, request)) == expected


@pytest.mark.parametrize("ask", [over_rest, over_grpc])
def test_parameter_method_requests_an_explanation(
    server: LocalServer, client: httpx.Client, photographs: list[bytes], ask: Asked
) -> None:
    body = instances(
        *photographs[:2], method="grad_cam", target="predicted", box=[0.25, 0.5, 0.5, 0.5]
    )
    expected = client.post(EXPLAIN, json=body).json()["explanations"]
    options = {"method": "grad_cam", "target": "predicted", "box": "0.25,0.5,0.5,0.5"}
    response = ask(server, question(photographs[:2], **options))
    values = response.get_output_by_name("attribution").as_numpy()
    overlay = response.get_output_by_name("overlay").as_numpy()[0]
    picture = overlay if isinstance(overlay, bytes) else base64.b64decode(overlay)

    assert [one["attribution"]["values"] for one in expected] == values.tolist()
    assert Image.open(io.BytesIO(picture)).size == (224, 224)
    for found, wanted in zip(rows(response), expected, strict=True):
        assert found["lesion_mass"] == pytest.approx(wanted["lesion_mass"], nan_ok=True)
        for name in ("label", "probability", "method", "target", "scale", "signed", "box"):
            assert found[name] == wanted[name]


@pytest.mark.parametrize("ask", [over_rest, over_grpc])
def test_similar_cases_equal_those_of_v1(
    server: LocalServer, client: httpx.Client, photographs: list[bytes], ask: Asked
) -> None:
    body = instances(*photographs[:2], method="similar_cases")
    expected = client.post(EXPLAIN, json=body).json()["explanations"]
    response = ask(server, question(photographs[:2], method="similar_cases"))
    labels, distances = (
        response.get_output_by_name(f"case_{name}").as_numpy() for name in ("label", "distance")
    )

    assert distances.tolist() == [[case["distance"] for case in one["cases"]] for one in expected]
    found = np.char.decode(labels.astype(np.bytes_)).tolist()
    assert found == [[case["label"] for case in one["cases"]] for one in expected]


def test_kserve_clients_report_live_and_ready(server: LocalServer) -> None:
    async def rest() -> list[bool]:
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
        try:
            return [
                await client.is_server_live(server.inference),
                await client.is_server_ready(server.inference),
                await client.is_model_ready(server.inference, "melanoma"),
            ]
        finally:
            await client.close()

    async def grpc(client: InferenceGRPCClient) -> list[bool]:
        return [
            await client.is_server_live(),
            await client.is_server_ready(),
            await client.is_model_ready("melanoma"),
        ]

    assert asyncio.run(rest()) == with_grpc(server, grpc) == [True, True, True]


def test_groups_reach_the_model(client: httpx.Client, photographs: list[bytes]) -> None:
    for many in (1, 2):
        content = question(photographs[:many], False, groups="a=b").to_rest()[0]
        reply = client.post(INFER, json=content)
        # This server declares none, and says so.
        assert reply.status_code == 400
        assert "LESIONLENS_GROUPS" in reply.json()["error"]


def test_metadata_names_every_output_tensor(
    client: httpx.Client, server: LocalServer, photographs: list[bytes]
) -> None:
    document = client.get("/v2/models/melanoma").json()
    explained = over_rest(server, question(photographs[:1], method="grad_cam", receipt=True))

    similar = over_rest(server, question(photographs[:1], method="similar_cases"))
    described = {one["name"]: one["datatype"] for one in document["outputs"]}
    assert described == {
        **{one.name: one.datatype for one in (*explained.outputs, *similar.outputs)},
        "case_thumbnail": "BYTES",
    }
    assert document["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]


def test_responses_match_the_openapi_document(
    client: httpx.Client, photographs: list[bytes]
) -> None:
    text = document()

    def check(reply: httpx.Response, path: str, verb: str) -> None:
        assert reply.status_code == 200
        described = text["paths"][path][verb]["responses"]["200"]
        if name := described.get("$ref"):
            described = text["components"]["responses"][name.rpartition("/")[2]]
        schema = described["content"]["application/json"]["schema"]
        schema = schema | {"components": text["components"]}
        jsonschema.validate(reply.json(), schema, jsonschema.Draft202012Validator)

    paths = [path for path in text["paths"] if path.startswith("/v2")]
    assert len(paths) == 7
    for path in paths:
        if path != INFER:
            check(client.get(path), path, "get")
    media = text["paths"][INFER]["post"]["requestBody"]["content"]["application/json"]
    body = question(photographs[:2], binary=False, method="grad_cam").to_rest()[0]
    for asked in (*(example["value"] for example in media["examples"].values()), body):
        check(client.post(INFER, json=asked), INFER, "post")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"MARKER", "the body is not valid JSON"),
        (b'{"inputs": [{"name": "MARKER"}]}', "an input lacks its name, datatype or shape"),
        (
            b'{"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["MARKER%"]}]}',
            "instance 0: not valid base64",
        ),
        (
            b'{"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["TUFSS0VS"]}]}',
            "instance 0: not a JPEG, PNG or WebP image",
        ),
    ],
)
def test_bad_request_gets_400_without_quoting_the_payload(
    client: httpx.Client, server: LocalServer, body: bytes, words: str
) -> None:
    reply = client.post(INFER, content=body, headers={"Content-Type": "application/json"})

    assert reply.status_code == 400
    assert words in reply.json()["error"]
    assert "MARKER" not in reply.text
    assert b"MARKER" not in server.log.read_bytes() + server.console.read_bytes()


def test_bad_grpc_call_gets_status_and_the_same_message(server: LocalServer) -> None:
    with pytest.raises(AioRpcError) as raised:
        over_grpc(server, question([b"MARKER"]))

    assert raised.value.code() is StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "not a JPEG, PNG or WebP image"


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/models/melanoma/load",
        "/v2/repository/models/melanoma/unload",
        "/v2/models/other/infer",
        "/v2/models/melanoma/versions/1/infer",
        "/metrics",
        "/docs",
        "/openapi.json",
    ],
)
def test_other_kserve_routes_are_absent(client: httpx.Client, path: str) -> None:
    assert client.post(path, json={}).status_code == 404
    assert client.get(path).status_code == 404
