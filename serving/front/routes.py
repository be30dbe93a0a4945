"""Allow-list of methods and paths; the verb comes from the path only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from serving.front.messages import RejectedError

MODEL: Final = "melanoma"


@dataclass(frozen=True)
class Route:
    """Purpose of one path."""

    name: str
    methods: tuple[str, ...]
    verb: str = ""
    """Verb of a route that takes a photograph."""


_READ: Final = ("GET", "HEAD")
ROUTES: Final[dict[bytes, Route]] = {
    b"/v1/models/melanoma:predict": Route("predict", ("POST",), "predict"),
    b"/v1/models/melanoma:explain": Route("explain", ("POST",), "explain"),
    # PUT as well: `curl -T photo.jpg` uses it.
    b"/predictions/melanoma": Route("predict", ("POST", "PUT"), "predict"),
    b"/explanations/melanoma": Route("explain", ("POST", "PUT"), "explain"),
    b"/": Route("alive", _READ),
    b"/ping": Route("ping", _READ),
    b"/ready": Route("ready", _READ),
    b"/v1/models": Route("models", _READ),
    b"/v1/models/melanoma": Route("model", _READ),
}
"""Routes by the path as it was sent: ``%3A`` for a colon or a trailing slash is another path."""


def route_of(scope: dict[str, Any], verbs: tuple[str, ...]) -> Route:
    """Return the route of a request.

    Args:
        scope: ASGI's, of type ``http``.
        verbs: that this server answers.

    Raises:
        RejectedError: 404 or 405.
    """
    route = ROUTES.get(scope["raw_path"].partition(b"?")[0])
    if route is None:
        raise RejectedError(
            404,
            "no such path: POST /v1/models/melanoma:predict or :explain with JSON, or an image "
            "file to /predictions/melanoma or /explanations/melanoma",
            unread=True,
        )
    if route.verb and route.verb not in verbs:
        other = "the explainer" if route.verb == "explain" else "the predictor"
        raise RejectedError(
            404,
            f"this server does not answer :{route.verb}: send the request to {other}",
            unread=True,
        )
    if scope["method"] not in route.methods:
        allowed = ", ".join(route.methods)
        raise RejectedError(
            405, f"this path takes {allowed} only", headers={"Allow": allowed}, unread=True
        )
    return route
