"""JSON bodies: valid ones, and ones with wrong types, depths, numbers, texts and syntax."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any, Final

from loadtests.fuzz import pictures

METHODS: Final = (
    *("grad_cam", "grad_cam", "grad_cam", "saliency", "similar_cases"),
    *("no_such_method", "", "GRAD_CAM"),
)
"""Explanation methods; slow ones are left out because they are not tested here."""
_NUMBERS: Final = ("1e999", "-1e999", "NaN", "Infinity", "9" * 5_000, "0x10", "1.", "-0", "1e-999")
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 2**70, "", " ", "\ud800", "\u0000", "=", "data:,", "data:x"),
    *([], {}, [[]], [None], {"data": None}, {"b64": 5}, {"image": {}}, {"image": {"b64": []}}),
)
"""Values of a wrong type, or at its edges."""
BOXES: Final[tuple[Any, ...]] = (
    *([0, 0, 1, 1], [0.25, 0.25, 0.5, 0.5], [0.9, 0.9, 0.2, 0.2], [0, 0, 0, 0], [-1e-7, 0, 1, 1]),
    *([0.1, 0.1, 1e-9, 1e-9], [float("nan")] * 4, [2**70] * 4, ["0", 0, 1, 1], [0] * 400),
)
"""Parts of a photograph, most of them impossible."""
GROUPS: Final[tuple[Any, ...]] = ({"site": "north"}, {"site": ["north"]}, {"": ""}, {"x" * 99: 1})
"""Groups of a photograph, none of which is declared."""


def document(random: Random, marker: bytes) -> bytes:
    """Make a body that is JSON, or nearly; the marker is in it as text.

    Args:
        random: chooses.
        marker: to put in.
    """
    text = marker.decode("ascii")
    choice = random.random()
    if choice < 0.06:
        depth = random.choice((50, 1_000, 100_000))
        opening, closing = random.choice((("[", "]"), ('{"instances":', "}")))
        nested = opening * depth + json.dumps(text) + closing * random.choice((0, depth))
        return nested.encode()
    if choice < 0.12:
        number = random.choice(_NUMBERS)
        return f'{{"instances": [{number}], "x": "{text}"}}'.encode()
    if choice < 0.2:
        value = random.choice((*ODD, [random.choice(ODD) for _ in range(random.randrange(40))]))
        return json.dumps({"instances": value, text: text}).encode("ascii")
    body = json.dumps(_good(random, marker, text)).encode("ascii")
    if choice < 0.5:
        body = damaged(body, random)
    return body if marker in body else body + b' "' + marker + b'"'


def _good(random: Random, marker: bytes, text: str) -> dict[str, Any]:
    count = random.choice((1, 1, 1, 1, 1, 2, 3, 17))
    rows = [_row(random, marker, text) for _ in range(count)]
    name = random.choice(("instances",) * 12 + ("Instances", "inputs", text))
    found: dict[str, Any] = {name: rows, "note": text}
    if random.random() < 0.1:
        found[random.choice(("method", "parameters", "signature_name"))] = random.choice(ODD)
    return found


def _row(random: Random, marker: bytes, text: str) -> Any:
    data, _ = pictures.damaged(random, marker)
    spelled = base64.b64encode(data).decode("ascii")
    choice = random.random()
    if choice < 0.1:
        spelled = random.choice(
            (spelled[:-1], spelled + "*", spelled.replace("A", "-"), spelled[::-1], text, "\ud800")
        )
    elif choice < 0.15:
        spelled = "data:image/jpeg;base64," + spelled
    row: Any = random.choice(
        (
            {"data": spelled},
            {"data": spelled},
            {"b64": spelled},
            {"image": {"b64": spelled}},
            spelled,
        )
    )
    if isinstance(row, dict) and random.random() < 0.4:
        row["method"] = random.choice((*METHODS, text, *ODD))
    if isinstance(row, dict) and random.random() < 0.2:
        row["target"] = random.choice(("cancer", "predicted", "benign", text, *ODD))
    if isinstance(row, dict) and random.random() < 0.2:
        row["box"] = random.choice((*BOXES, *BOXES, text, *ODD))
    if isinstance(row, dict) and random.random() < 0.1:
        row["receipt"] = random.choice((True, False, "true", text, *ODD))
    if isinstance(row, dict) and random.random() < 0.1:
        row["groups"] = random.choice((*GROUPS, {text: text}, *ODD))
    return random.choice(ODD) if random.random() < 0.05 else row


def damaged(body: bytes, random: Random) -> bytes:
    """Change the syntax: a byte, a piece, the end, the encoding.

    Args:
        body: of JSON, in ASCII.
        random: chooses.
    """
    at = random.randrange(len(body))
    return random.choice(
        (
            body[:at],
            body[:at] + random.randbytes(3) + body[at:],
            body[:at] + body[at + 1 :],
            body[:at] + random.choice((b'"', b"{", b"}", b"[", b"]", b",", b"\\")) + body[at:],
            body + body,
            b"\xef\xbb\xbf" + body,
            body.decode("ascii").encode("utf-16"),
            body.replace(b'"', b"'"),
            b"\0" + body,
        )
    )
