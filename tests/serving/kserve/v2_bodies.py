"""V2 requests of two photographs, as a client sends them."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
from kserve import InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages

from serving.kserve import tensors

JPEGS = [b"\xff\xd8\xff first", b"\xff\xd8\xff second"]
TEXTS = [base64.b64encode(jpeg).decode() for jpeg in JPEGS]


def document(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "image", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS}
    known = {name: changes.pop(name) for name in list(changes) if name in tensor}
    return {"inputs": [tensor | known], **changes}


def parsed(**changes: Any) -> InferRequest:
    return tensors.parse(json.dumps(document(**changes)).encode())


def binary(*photographs: bytes, **changes: Any) -> tuple[bytes, str]:
    raw = b"".join(struct.pack("<I", len(one)) + one for one in photographs)
    tensor = {
        "name": "image",
        "shape": [len(photographs)],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor | changes]}).encode()
    return head + raw, str(len(head))


def called(*photographs: bytes, raw: bool = False, **parameters: str) -> InferRequest:
    tensor = InferInput("image", [len(photographs)], "BYTES")
    tensor.set_data_from_numpy(np.array(photographs, dtype=np.object_), binary_data=True)
    if not raw:
        tensor._raw_data, tensor.parameters = None, None
        tensor.data = list(photographs)
    request = InferRequest("melanoma", [tensor], parameters=parameters)
    message = messages.ModelInferRequest.FromString(request.to_grpc().SerializeToString())
    return InferRequest.from_grpc(message)
