"""Clients that send one photograph after the other over one connection, REST or gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import httpx
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages

from tests.e2e.requests_of import instances

SECONDS = 120
Ask = Callable[[bytes], object]
"""Sends a photograph; returns 200, another status, or what else happened."""


@contextmanager
def over_rest(url: str, path: str, **options: str) -> Iterator[Ask]:
    """A client of V1.

    Args:
        url: of the server.
        path: of the verb.
        options: of each instance.
    """
    with httpx.Client(base_url=url, timeout=SECONDS) as connection:

        def ask(photograph: bytes) -> object:
            body = instances(photograph, **options)
            try:
                reply = connection.post(path, json=body)
                # On busy cores a worker sheds load: such a request is sent again, as it says.
                while reply.status_code == 503 and "Retry-After" in reply.headers:
                    reply = connection.post(path, json=body)
            except httpx.HTTPError as error:
                return repr(error)
            return reply.status_code

        yield ask


@contextmanager
def over_grpc(port: int) -> Iterator[Ask]:
    """A client of V2 that predicts.

    Args:
        port: of gRPC.
    """
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
        )

        def ask(photograph: bytes) -> object:
            contents = messages.InferTensorContents(bytes_contents=[photograph])
            tensor = messages.ModelInferRequest.InferInputTensor(
                name="image", datatype="BYTES", shape=[1], contents=contents
            )
            message = messages.ModelInferRequest(model_name="melanoma", inputs=[tensor])
            while True:
                try:
                    call(message, timeout=SECONDS)
                except grpc.RpcError as error:
                    shed = "retry-after" in dict(error.trailing_metadata() or ())
                    if shed:
                        continue
                    return f"{error.code()}: {error.details()}"
                return 200

        yield ask
