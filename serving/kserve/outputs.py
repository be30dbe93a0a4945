"""Answers of the Open Inference Protocol (V2): one named tensor for each field of V1."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serving.kserve.library import InferOutput, InferRequest, InferResponse

PREDICTION: Final = {
    "label": "BYTES",
    "probability": "FP64",
    "threshold": "FP64",
    "review": "BOOL",
    "reasons": "BYTES",
    "model_version": "BYTES",
    "variant": "BYTES",
    "box": "FP64",
    "risk": "FP64",
    "prevalence": "FP64",
    "receipt": "BYTES",
}
EXPLANATION: Final = {
    "method": "BYTES",
    "target": "BYTES",
    "heatmap": "BYTES",
    "overlay": "BYTES",
    "attribution": "FP64",
    "signed": "BOOL",
    "scale": "FP64",
    "steps": "INT32",
    "convergence_delta": "FP64",
    "lesion_mass": "FP64",
}
OUTPUTS: Final[list[dict[str, Any]]] = [
    {
        "name": name,
        "datatype": datatype,
        "shape": {"attribution": [-1, -1, -1], "box": [-1, 4]}.get(name, [-1]),
    }
    for name, datatype in (PREDICTION | EXPLANATION).items()
]
"""Output tensors; those of an explanation if the request names a method or a target."""
PICTURES: Final = ("heatmap", "overlay")


def response_of(request: InferRequest, answers: Sequence[Mapping[str, Any]]) -> InferResponse:
    """Convert answers of V1 to a V2 response.

    Args:
        request: that is answered.
        answers: one per photograph, by one method.
    """
    count = len(answers)
    outputs = []
    for name, datatype in (PREDICTION | EXPLANATION).items():
        if name not in answers[0]:
            continue
        shape, data = [count], [_value(name, row[name], request.from_grpc) for row in answers]
        if name == "attribution":
            shape = [count, *answers[0][name]["shape"]]
            data = [number for row in answers for line in row[name]["values"] for number in line]
        elif name == "box":
            shape, data = [count, 4], [number for row in answers for number in row[name]]
        outputs.append(InferOutput(name=name, shape=shape, datatype=datatype, data=data))
    requested = request.request_outputs
    if request.from_grpc and requested:
        names = {output.name for output in requested}
        outputs = [output for output in outputs if output.name in names]
    return InferResponse(
        response_id=request.id or "",
        model_name=request.model_name,
        model_version=answers[0]["model_version"],
        infer_outputs=outputs,
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=None if request.from_grpc else requested,
    )


def _value(name: str, value: Any, from_grpc: bool) -> Any:
    if name == "reasons":
        return ",".join(value)
    if name in PICTURES and from_grpc:
        return base64.b64decode(value)
    if value is None:
        return 0 if name == "steps" else math.nan
    return value
