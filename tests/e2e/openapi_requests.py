"""Requests drawn from the OpenAPI document, with photographs that can really be decoded."""

from __future__ import annotations

import base64
import copy
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np
import schemathesis
import yaml
from hypothesis import strategies as st
from PIL import Image
from requests.structures import CaseInsensitiveDict
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation, BaseSchema

from handlers.explainers.methods import METHODS
from tests.e2e.environment import ROOT
from tests.e2e.requests_of import base64_of
from tests.e2e.test_bad_input import FILES

DOCUMENT: Final = ROOT / "docs" / "reference" / "openapi.yaml"
JSON: Final = "application/json"
BOXES: Final = ([0, 0, 1, 1], [0, 0.25, 1, 0.5], [0.5, 0, 0.5, 1])
"""Of pictures this small their squares have enough pixels, and they lie within the picture, which
the document says in words only."""
KINDS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
FORMAT: Final = "photograph"
PICTURES: Final = 300
"""Of each kind: more than a route gets, so that requests differ, and few enough to keep."""
SLOW: Final = tuple(name for name, method in METHODS.items() if method.slow)
QUICK: Final = ("grad_cam", "grad_cam", "grad_cam", "saliency")
LENGTHS: Final = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 16)
"""Photographs that are left in a good request: sixteen take half a second."""
SPELLINGS: Final[tuple[Callable[[str], Any], ...]] = (
    lambda text: text,
    lambda text: {"data": text},
    lambda text: {"b64": text},
    lambda text: {"image": {"b64": text}},
)


@dataclass(frozen=True)
class Drawn:
    """One request."""

    case: Case
    broken: bool = False
    """Whether one file in it cannot be used, which no schema can say."""


def document() -> dict[str, Any]:
    """OpenAPI document as committed."""
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def api(described: dict[str, Any], address: str) -> BaseSchema:
    """Load a document with schemathesis, with requests to an address."""
    described = copy.deepcopy(described)
    # Base64 alone is no photograph: with a separate format it comes from the strategy below.
    described["components"]["schemas"]["Base64"]["format"] = FORMAT
    described["components"]["schemas"]["Box"] = {"enum": [*BOXES]}
    # The server that is asked declares none.
    described["components"]["schemas"]["Groups"] = {"enum": [{}]}
    for path in described["paths"].values():
        for operation in path.values():
            if parameters := operation.get("parameters"):
                kept = [one for one in parameters if one.get("name") != "x-groups"]
                operation["parameters"] = kept
    texts = [",".join(map(str, box)) for box in BOXES]
    described["components"]["schemas"]["BoxText"] = {"type": "string", "enum": texts}
    schema = schemathesis.openapi.from_dict(described, config=schemathesis.Config())
    schema.config.update(base_url=address)
    # More than can be done in time is no fault, and the document has it.
    schema.config.checks.not_a_server_error.expected_statuses = ["2xx", "4xx", "503"]
    return schema


def kinds_of_request(operation: APIOperation) -> list[st.SearchStrategy[Drawn]]:
    """Return draws of valid requests, of an invalid file, and of invalid requests, none slow.

    A slow method takes a second to three, a quick one 40 ms: see :func:`with_method`.
    """
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    drawn = [_quick(good), _broken(operation)]
    # A schema has no rules for bytes: without headers, only a broken file is bad.
    if operation.headers.items or any(body.is_negatable for body in operation.body.items):
        bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        drawn.append(bad.map(Drawn))
    return drawn


def with_method(operation: APIOperation, method: str) -> st.SearchStrategy[Drawn]:
    """Draw valid explanation requests of one photograph with a method."""
    good = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return good.map(lambda case: Drawn(_changed(case, 1, lambda _: method)))


@cache
def picture(kind: str, seed: int) -> bytes:
    """Draw a small file of random colours and size."""
    chance = np.random.default_rng(seed)
    colours = chance.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    width, height = chance.integers(32, 65, 2).tolist()
    picture = Image.fromarray(colours).resize((width, height))
    buffer = io.BytesIO()
    picture.convert(chance.choice(("RGB", "L"))).save(buffer, kind)
    return buffer.getvalue()


def _photographs(kind: str) -> st.SearchStrategy[bytes]:
    return st.integers(0, PICTURES - 1).map(partial(picture, kind))


def _texts(data: bytes) -> st.SearchStrategy[str]:
    """Spellings of base64 that the document allows."""
    plain, lines = base64_of(data), base64.encodebytes(data).decode("ascii")
    return st.sampled_from((plain, plain, lines, f"data:image/jpeg;base64,{plain}"))


ANY: Final = st.one_of([_photographs(kind) for kind in KINDS.values()])
TEXTS: Final = ANY.flatmap(_texts)
UNUSABLE: Final = st.one_of(
    st.sampled_from([data for data, _ in FILES.values()]),
    ANY.map(lambda data: data[: len(data) // 2]),
)
for _media_type, _kind in KINDS.items():
    schemathesis.openapi.media_type(_media_type, _photographs(_kind))
schemathesis.openapi.media_type("application/octet-stream", ANY)
schemathesis.openapi.format(FORMAT, TEXTS)


@st.composite
def _quick(draw: st.DrawFn, good: st.SearchStrategy[Case]) -> Drawn:
    """Draw a valid request with quick methods and mostly few photographs."""
    case, most, quick = draw(good), draw(st.sampled_from(LENGTHS)), draw(st.sampled_from(QUICK))
    return Drawn(_changed(case, most, lambda asked: quick if asked in SLOW else asked))


def _changed(case: Case, most: int, method: Callable[[str | None], str | None]) -> Case:
    """A case with fewer photographs and other methods.

    A new document, because examples of the schema are used more than once.
    """
    if case.media_type == JSON:
        rows = [_with_method(row, method) for row in case.body["instances"][:most]]
        case.body = {**case.body, "instances": rows}
    elif (name := method(case.headers.get("x-method"))) is not None:
        case.headers = CaseInsensitiveDict({**case.headers, "x-method": name})
    return case


def _with_method(row: Any, method: Callable[[str | None], str | None]) -> Any:
    asked = row.get("method") if isinstance(row, dict) else None
    if (name := method(asked)) == asked:
        return row
    return {**(row if isinstance(row, dict) else {"data": row}), "method": name}


@st.composite
def _broken(draw: st.DrawFn, operation: APIOperation) -> Drawn:
    """Draw an invalid file, on a V1 route among valid ones."""
    data = draw(UNUSABLE)
    media_type = draw(st.sampled_from([body.media_type for body in operation.body.items]))
    if media_type != JSON:
        return Drawn(operation.Case(body=data, media_type=media_type), broken=True)
    rows = draw(st.lists(TEXTS, max_size=3))
    spelled = draw(st.sampled_from(SPELLINGS))(base64_of(data))
    rows.insert(draw(st.integers(0, len(rows))), spelled)
    return Drawn(operation.Case(body={"instances": rows}, media_type=JSON), broken=True)
