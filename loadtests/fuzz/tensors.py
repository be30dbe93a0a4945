"""V2 bodies over REST: valid ones, and ones with wrong tensors, lengths, options and syntax."""

from __future__ import annotations

import base64
import json
import struct
from random import Random
from typing import Any, Final

from loadtests.fuzz import documents, pictures

OUTPUTS: Final = ("label", "probability", "reasons", "attribution", "heatmap", "steps", "other", "")
IDS: Final = ("7", "", "\ud800", "\u0000", "é" * 50, "x" * 5_000)
SHAPES: Final[tuple[Any, ...]] = (
    *([], [0], [-1], [1, 1], [1, 1, 1, 1, 1], [2**70], [10**4_000] * 40, [1] * 100_000, [1.0]),
    *([True], ["1"], [None], "1", 1, None, [[1]]),
)
TYPES: Final = (*("BYTES",) * 80, "bytes", "FP32", "FP16", "INT64", "BOOL", "STRING", "", 5, None)
LENGTHS: Final = ("", "0", "-1", "+5", "1e3", "0x5", "\xb2", "9" * 400, "0" * 20 + "9" * 5_000)
"""Values of the header that names the bytes of JSON, all of them wrong."""


def tensors(random: Random, marker: bytes) -> tuple[bytes, str]:
    """Make a body and the header ``Inference-Header-Content-Length``; empty where all is JSON.

    Args:
        random: chooses.
        marker: to put in.
    """
    count = random.choice((1, 1, 1, 1, 1, 2, 3, 17))
    files = [pictures.damaged(random, marker)[0] for _ in range(count)]
    tensor = _tensor(random, marker, count)
    binary = b""
    if random.random() < 0.5:
        binary = elements(random, files)
        sizes = (*(len(binary),) * 60, len(binary) - 1, len(binary) + 1, 0, -1, 2**70, "5", None)
        tensor["parameters"] = {"binary_data_size": random.choice(sizes)}
    else:
        data: Any = [base64.b64encode(file).decode("ascii") for file in files]
        odd: tuple[Any, ...] = (
            [data],
            [[[[[data]]]]],
            [*data, None],
            [1],
            ["\ud800"],
            [""] * 3_000,
            "x",
            {},
            5,
        )
        tensor["data"] = random.choice(odd) if random.random() < 0.1 else data
    text = json.dumps(_document(random, marker, tensor)).encode("ascii")
    if random.random() < 0.1:
        text = documents.damaged(text, random)
    body = text + binary
    if random.random() < 0.05:
        body += random.choice((b"\0", body, random.randbytes(40)))
    length = str(len(text)) if binary else ""
    if random.random() < 0.06:
        length = random.choice((*LENGTHS, str(len(body) + 1), str(len(text) - 1), f"0{len(text)}"))
    return (body if marker in body else body + marker), length


def elements(random: Random, files: list[bytes]) -> bytes:
    """Make a binary tensor of BYTES, sometimes with a wrong length.

    Args:
        random: chooses.
        files: the elements.
    """
    raw = b"".join(struct.pack("<I", len(file)) + file for file in files)
    if random.random() < 0.08:
        at = random.randrange(len(raw))
        return random.choice((raw[:at], b"", bytes(4 * 2_000), b"\xff" * 4 + raw, raw + b"\0"))
    return raw


def _tensor(random: Random, marker: bytes, count: int) -> dict[str, Any]:
    shape = random.choice(SHAPES) if random.random() < 0.06 else [count]
    tensor = {
        "name": random.choice(("image", "image", "image", marker.decode("ascii"))),
        "shape": shape,
        "datatype": random.choice(TYPES),
    }
    if random.random() < 0.02:
        del tensor[random.choice(tuple(tensor))]
    return tensor


def _document(random: Random, marker: bytes, tensor: dict[str, Any]) -> Any:
    text = marker.decode("ascii")
    inputs: Any = [tensor] * random.choice((*(1,) * 40, 0, 2, 400))
    document = {
        "inputs": random.choice(documents.ODD) if random.random() < 0.03 else inputs,
        "note": text,
    }
    if random.random() < 0.2:
        document["id"] = random.choice((*IDS, *IDS, 5, None, {}))
    if random.random() < 0.3:
        document["parameters"] = random.choice(
            (
                {"method": random.choice((*documents.METHODS, text, "x" * 41, *documents.ODD))},
                {"target": random.choice(("cancer", "predicted", text, *documents.ODD))},
                {"box": random.choice(("0.25,0.25,0.5,0.5", text, *documents.BOXES))},
                {"receipt": random.choice((True, "true", text, *documents.ODD))},
                {"groups": random.choice(("site=north", "=;=", text, *documents.GROUPS))},
                {"binary_data_output": random.choice((True, True, False, "yes", 2**70, []))},
                {text: random.choice(documents.ODD), "method": "grad_cam"},
                random.choice(documents.ODD),
            )
        )
    if random.random() < 0.3:
        document["outputs"] = random.choice(
            (
                [_output(random) for _ in range(random.choice((0, 1, 1, 2, 8)))],
                [{"name": text}],
                random.choice(documents.ODD),
            )
        )
    return document


def _output(random: Random) -> dict[str, Any]:
    output: dict[str, Any] = {"name": random.choice(OUTPUTS)}
    if random.random() < 0.6:
        binary = {"binary_data": random.choice((True, True, False, *documents.ODD))}
        output["parameters"] = random.choice((binary, binary, *documents.ODD))
    return output
