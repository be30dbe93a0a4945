"""Test the OpenAPI document against the running server with schemathesis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema
import pytest
import requests as http
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import AcceptedNegativeData, Failure, FailureGroup
from schemathesis.openapi.checks import (
    JsonSchemaError,
    RejectedPositiveData,
    UndefinedContentType,
    UndefinedStatusCode,
)
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks

from handlers.explainers.methods import DEFAULT, NAMES
from handlers.explanation import TARGETS
from handlers.labels import LABELS, REASONS
from handlers.settings import HandlerSettings
from serving.front.routes import GRPC, V2_ROUTES
from serving.local import LocalServer
from tests.e2e.conftest import RUNTIMES
from tests.e2e.openapi_requests import JSON, Drawn, api, document, kinds_of_request, with_method
from tests.e2e.requests_of import EXPLAIN, OUTCOME, PREDICT, RAW_EXPLAIN, RAW_PREDICT

PING: Final = "/ping"
ROUTES: Final = (PREDICT, EXPLAIN, RAW_PREDICT, RAW_EXPLAIN)
EXAMPLES: Final = 13
"""Of each kind of request."""
EXAMPLES_OF_A_WRONG_DOCUMENT: Final = 120
QUICK_AND_SLOW: Final = (DEFAULT, "smooth_grad")
"""For the raw route, of which test_explaining.py has every method, and for the other runtime, as
the handlers explain alike in both; the slow ones take seconds."""
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.positive_data_acceptance,
]
"""All but those about what is not there (log-ins, resources that come and go, required headers)
and about other HTTP methods than the document's: the server answers all of them alike."""

Document = dict[str, Any]


@pytest.fixture(scope="module")
def session() -> Iterator[http.Session]:
    with http.Session() as connected:
        yield connected


@pytest.fixture(scope="module")
def described(server: LocalServer) -> BaseSchema:
    return api(document(), server.inference)


def compare(drawn: st.SearchStrategy[Drawn], session: http.Session, most: int) -> list[Response]:
    """Send drawn requests; raises at the first difference."""
    replies: list[Response] = []

    @settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(drawn)
    def ask(one: Drawn) -> None:
        reply = one.case.call_and_validate(session=session, checks=CHECKS, timeout=120)
        assert not one.broken or reply.status_code == 400, reply.text
        replies.append(reply)

    ask()
    return replies


@pytest.mark.parametrize("route", ROUTES)
def test_server_matches_the_document(
    route: str, runtime: str, described: BaseSchema, session: http.Session
) -> None:
    operation = described[route]["post"]
    named: tuple[str, ...] = QUICK_AND_SLOW if route in (EXPLAIN, RAW_EXPLAIN) else ()
    if (route, runtime) == (EXPLAIN, RUNTIMES[0]):
        named = NAMES
    explained: list[Response] = []
    for name in named:
        explained += compare(with_method(operation, name), session, 1)
    kinds = kinds_of_request(operation)
    replies = [reply for kind in kinds for reply in compare(kind, session, EXAMPLES)]
    statuses = Counter(reply.status_code for reply in replies)
    assert len(replies) == EXAMPLES * len(kinds)
    assert min(statuses[200], statuses[400]) >= 12, statuses
    if named:
        answers = explained + [reply for reply in replies if reply.status_code == 200]
        found = {name for reply in answers for name in methods(reply)}
        assert set(named) <= found <= set(NAMES)


def test_ping_matches_the_document(described: BaseSchema, session: http.Session) -> None:
    case = described[PING]["get"].Case()
    assert case.call_and_validate(session=session, checks=CHECKS).status_code == 200


@pytest.mark.parametrize("route", [PREDICT, EXPLAIN])
def test_server_answers_the_examples_of_the_document(
    route: str, described: BaseSchema, session: http.Session
) -> None:
    asked = content(document()["paths"][route]["post"]["requestBody"])
    for example in asked["examples"].values():
        case = described[route]["post"].Case(body=example["value"], media_type=JSON)
        reply = case.call_and_validate(session=session, checks=CHECKS)
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("route", ROUTES)
def test_too_large_body_is_rejected_as_described(
    route: str, described: BaseSchema, session: http.Session
) -> None:
    operation = described[route]["post"]
    body = b"x" * (HandlerSettings().max_body_bytes + 1)
    case = operation.Case(body=body, media_type=operation.body.items[0].media_type)
    assert case.call_and_validate(session=session, checks=CHECKS).status_code == 413


def without(*path: str) -> Callable[[Document], None]:
    def change(text: Document) -> None:
        *folders, name = path
        for folder in folders:
            text = text[folder]
        del text[name]

    return change


def with_value(value: Any, *path: str | int) -> Callable[[Document], None]:
    def change(text: Document) -> None:
        *folders, name = path
        for folder in folders:
            text = text[folder]
        text[name] = value

    return change


SCHEMAS: Final = ("components", "schemas")
BREAKS: Final[dict[str, tuple[str, Callable[[Document], None], type[Failure]]]] = {
    "a field is missing": (
        RAW_EXPLAIN,
        without(*SCHEMAS, "Attribution", "properties", "lesion_mass"),
        JsonSchemaError,
    ),
    "a field is of another type": (
        PREDICT,
        with_value({"type": "string"}, *SCHEMAS, "Answer", "properties", "probability"),
        JsonSchemaError,
    ),
    "a refusal is missing": (
        RAW_PREDICT,
        without("paths", RAW_PREDICT, "post", "responses", "400"),
        UndefinedStatusCode,
    ),
    "a refusal is of another kind": (
        PREDICT,
        with_value({"text/plain": {}}, "components", "responses", "Refused", "content"),
        UndefinedContentType,
    ),
    "a photograph may be left out": (
        PREDICT,
        without(*SCHEMAS, "Data", "required"),
        RejectedPositiveData,
    ),
    "a target too many": (
        RAW_EXPLAIN,
        with_value(["cancer", "moon"], *SCHEMAS, "Target", "enum"),
        RejectedPositiveData,
    ),
    "a header that need not be sent": (
        RAW_EXPLAIN,
        with_value(True, "paths", RAW_EXPLAIN, "post", "parameters", 0, "required"),
        AcceptedNegativeData,
    ),
}


@pytest.mark.parametrize("runtime", RUNTIMES[:1], indirect=True, scope="session")
@pytest.mark.parametrize("name", BREAKS)
def test_detects_wrong_document(name: str, server: LocalServer, session: http.Session) -> None:
    """The comparison itself is tested, and with one runtime."""
    route, change, difference = BREAKS[name]
    most = EXAMPLES_OF_A_WRONG_DOCUMENT
    text = document()
    change(text)
    operation = api(text, server.inference)[route]["post"]
    with pytest.raises(FailureGroup) as caught:
        compare(st.one_of(kinds_of_request(operation)), session, most)
    assert any(isinstance(found, difference) for found in caught.value.exceptions)


def test_the_document_is_valid_openapi() -> None:
    schema = api(document(), "http://127.0.0.1")
    schema.validate()
    described = {path for path in schema if not path.startswith("/v2")}
    assert described == {*ROUTES, OUTCOME, PING, "/", "/ready", "/v1/models", "/v1/models/melanoma"}
    over_http = {path.decode() for path, one in V2_ROUTES.items() if GRPC not in one.methods}
    assert set(schema) - described == over_http


def test_document_names_match_the_code() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Method"]["enum"] == list(NAMES)
    assert schemas["Target"]["enum"] == list(TARGETS)
    assert schemas["Label"]["enum"] == list(LABELS)
    assert schemas["Answer"]["properties"]["reasons"]["items"]["enum"] == list(REASONS)
    options = schemas["ExplainInstance"]["properties"]
    assert options["method"]["description"] == f"The default is {DEFAULT}"
    assert options["target"]["description"] == f"The default is {TARGETS[0]}"


def test_document_limits_match_the_code() -> None:
    text, limits = document(), HandlerSettings()
    for route, answers in ((PREDICT, "predictions"), (EXPLAIN, "explanations")):
        operation = text["paths"][route]["post"]
        asked = content(operation["requestBody"])["schema"]["properties"]["instances"]
        given_back = content(operation["responses"]["200"])["schema"]["properties"][answers]
        assert asked["maxItems"] == given_back["maxItems"] == limits.max_instances
    said = " ".join(text["info"]["description"].split())
    for words in (
        f"{limits.max_instances} photographs a request",
        f"{limits.max_body_bytes / 1e6:g} MB a body",
        f"{limits.max_pixels / 1e6:g} megapixels",
        f"{limits.min_side} pixels on its short side",
    ):
        assert words in said


def test_document_examples_match_its_schemas() -> None:
    text = document()
    media = list(with_examples(text))
    assert len(media) >= 8
    for one in media:
        # References are looked up from the root of what is checked against.
        schema = one["schema"] | {"components": text["components"]}
        for example in one["examples"].values():
            jsonschema.validate(example["value"], schema, jsonschema.Draft202012Validator)


def content(of: Document) -> Document:
    return of["content"][JSON]


def with_examples(node: Any) -> Iterator[Document]:
    """Yield every media type that has examples."""
    if isinstance(node, dict):
        if "schema" in node and "examples" in node:
            yield node
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from with_examples(child)


def methods(reply: Response) -> set[str]:
    """Methods of the explanations in a response."""
    said = reply.json()
    return {one["method"] for one in said.get("explanations", [said])}
