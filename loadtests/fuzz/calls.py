"""gRPC calls: messages with wrong tensors, shapes and parameters, or damaged; and their answers."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToDict
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages

from loadtests.attack.wire import Response
from loadtests.fuzz import documents, pictures, tensors

METHOD: Final = "GRPC"
ROUTE: Final = "/inference.GRPCInferenceService/ModelInfer"
STATUSES: Final = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 413,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 0,
}
"""Statuses of HTTP that mean the same; of any other code, 500."""
SHAPES: Final[tuple[list[int], ...]] = (
    [],
    [0],
    [-1],
    [1, 1],
    [-(2**63)],
    [2**63 - 1] * 5_000,
    [1] * 100_000,
)
FIELDS: Final = ("int_contents", "fp32_contents", "bool_contents", "uint64_contents")


def message(random: Random, marker: bytes) -> bytes:
    """Make a message; the marker is in it.

    Args:
        random: chooses.
        marker: to put in.
    """
    count = random.choice((1, 1, 1, 1, 2, 3, 17))
    files = [pictures.damaged(random, marker)[0] for _ in range(count)]
    request = messages.ModelInferRequest(
        model_name=random.choice((*("melanoma",) * 15, "", "other")),
        model_version=random.choice(("", "", "1", marker.decode("ascii"))),
        id=random.choice(("", "7", "é" * 50)),
    )
    tensor = request.inputs.add(
        name=random.choice(("image", "image", marker.decode("ascii"))),
        datatype=random.choice([kind for kind in tensors.TYPES if isinstance(kind, str)]),
        shape=random.choice(SHAPES) if random.random() < 0.06 else [count],
    )
    if random.random() < 0.5:
        request.raw_input_contents.append(tensors.elements(random, files))
    else:
        tensor.contents.bytes_contents.extend(files)
    if random.random() < 0.04:
        getattr(tensor.contents, random.choice(FIELDS)).append(1)
    if random.random() < 0.04:
        request.raw_input_contents.append(b"x")
    if random.random() < 0.05:
        request.inputs.append(tensor)
    if random.random() < 0.3:
        _set(request.parameters[random.choice(("method", "target", "binary_data_output"))], random)
    if random.random() < 0.2:
        for name in random.choices(tensors.OUTPUTS, k=random.choice((1, 2, 8))):
            request.outputs.add(name=name)
    made: bytes = request.SerializeToString(deterministic=True)
    if random.random() < 0.1:
        made = pictures.changed(made, random)
    return made if marker in made else made + marker


def _set(parameter: Any, random: Random) -> None:
    name, value = random.choice(
        (
            *(("string_param", method) for method in documents.METHODS),
            *(("bool_param", True), ("int64_param", -1), ("double_param", 1.0)),
            *(("string_param", "x" * 41), ("string_param", "é")),
        )
    )
    if name in parameter.DESCRIPTOR.fields_by_name:
        setattr(parameter, name, value)


class Channel:
    """A connection for calls; use as a context manager.

    Args:
        port: of gRPC, on 127.0.0.1.
        seconds: that a call may take.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._call = self._channel.unary_unary(ROUTE)
        self._seconds = seconds

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def exchange(self, data: bytes) -> Response:
        """Send one message; returns its answer as REST would have it, in JSON."""
        headers = {"content-type": "application/json"}
        try:
            answer = self._call(data, timeout=self._seconds)
        except grpc.RpcError as error:
            headers |= {key: str(value) for key, value in error.trailing_metadata() or ()}
            body = json.dumps({"error": error.details()}).encode()
            return Response(STATUSES.get(error.code().name, 500), headers, body)
        document = MessageToDict(
            messages.ModelInferResponse.FromString(answer), preserving_proto_field_name=True
        )
        return Response(200, headers, json.dumps(document).encode())
