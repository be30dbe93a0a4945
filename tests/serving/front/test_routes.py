"""Test the routes of the front."""

from __future__ import annotations

import pytest

from serving.front.messages import RejectedError
from serving.front.routes import ROUTES, route_of
from serving.front.settings import VERBS


def scope(path: bytes, method: str = "POST") -> dict[str, object]:
    return {"raw_path": path, "method": method}


@pytest.mark.parametrize("path", ROUTES)
def test_finds_each_route(path: bytes) -> None:
    route = ROUTES[path]
    for method in route.methods:
        assert route_of(scope(path, method), VERBS) is route


def test_ignores_query_string() -> None:
    assert route_of(scope(b"/v1/models/melanoma:predict?verb=explain"), VERBS).verb == "predict"


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/models/melanoma%3Apredict",
        b"/v1/models/melanoma%3Aexplain",
        b"/v1/models/melanoma:explain/",
        b"//v1/models/melanoma:explain",
        b"/v1/models/melanoma:predict/../melanoma:explain",
        b"/V1/models/melanoma:explain",
        b"/v1/models/other:predict",
        b"/v1/models/melanoma/versions/1:predict",
        b"/models/melanoma",
        b"/predictions/melanoma/1.0",
        b"/api-description",
        b"*",
        b"",
    ],
)
def test_every_other_path_is_404(path: bytes) -> None:
    with pytest.raises(RejectedError) as caught:
        route_of(scope(path), VERBS)
    assert caught.value.status == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "OPTIONS", "EXPLAIN", "post"])
def test_other_method_is_405_with_allow_header(method: str) -> None:
    with pytest.raises(RejectedError) as caught:
        route_of(scope(b"/predictions/melanoma", method), VERBS)
    assert caught.value.status == 405
    assert caught.value.headers == {"Allow": "POST, PUT"}


@pytest.mark.parametrize(
    ("verbs", "path"),
    [
        (("predict",), b"/v1/models/melanoma:explain"),
        (("predict",), b"/explanations/melanoma"),
        (("explain",), b"/v1/models/melanoma:predict"),
        (("predict", "explain"), b"/v1/models/melanoma:outcome"),
    ],
)
def test_rejects_verb_of_the_other_component(verbs: tuple[str, ...], path: bytes) -> None:
    with pytest.raises(RejectedError, match="send the request to the") as caught:
        route_of(scope(path), verbs)
    assert caught.value.status == 404
