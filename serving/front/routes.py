"""Allow-list of methods and paths; the verb comes from the path only."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Verb of a route that takes a photograph, or an outcome."""

    forwarded: bool = False
    """Whether the upstream describes what a route without a verb is for."""


_READ: Final = ("GET", "HEAD")
ROUTES: Final[dict[bytes, Route]] = {
    b"/v1/models/melanoma:predict": Route("predict", ("POST",), "predict"),
    b"/v1/models/melanoma:explain": Route("explain", ("POST",), "explain"),
    # PUT as well: `curl -T photo.jpg` uses it.
    b"/predictions/melanoma": Route("predict", ("POST", "PUT"), "predict"),
    b"/explanations/melanoma": Route("explain", ("POST", "PUT"), "explain"),
    b"/v1/models/melanoma:outcome": Route("outcome", ("POST",), "outcome"),
    b"/": Route("alive", _READ),
    b"/ping": Route("ping", _READ),
    b"/ready": Route("ready", _READ),
    b"/v1/models": Route("models", _READ),
    b"/v1/models/melanoma": Route("model", _READ),
}
"""Routes by the path as it was sent: ``%3A`` for a colon or a trailing slash is another path."""


COMPONENTS: Final = {
    "predict": "the predictor",
    "explain": "the explainer",
    "outcome": "the one with LESIONLENS_OUTCOME_STORE",
}
"""Servers by the verb that they answer, where each has only one."""
GRPC: Final = "GRPC"
"""Method of a request that came over gRPC, whose path is the name of what is called."""
V2_ROUTES: Final[dict[bytes, Route]] = {
    b"/v2/models/melanoma/infer": Route("predict", ("POST",), "predict"),
    b"/inference.GRPCInferenceService/ModelInfer": Route("predict", (GRPC,), "predict"),
    b"/v2": Route("metadata", _READ, forwarded=True),
    b"/v2/models/melanoma": Route("model_metadata", _READ, forwarded=True),
    b"/v2/models": Route("models", _READ),
    b"/v2/health/live": Route("v2_live", _READ),
    b"/v2/health/ready": Route("v2_ready", _READ),
    b"/v2/models/melanoma/ready": Route("model", _READ),
}
"""Of the Open Inference Protocol, which only KServe's model server speaks. No request loads or
unloads a model, so its repository extension is left out."""


def route_of(
    scope: dict[str, Any], verbs: tuple[str, ...], routes: Mapping[bytes, Route] = ROUTES
) -> Route:
    """Return the route of a request.

    Args:
        scope: ASGI's, of type ``http``.
        verbs: that this server answers.
        routes: that it has, by path.

    Raises:
        RejectedError: 404 or 405.
    """
    route = routes.get(scope["raw_path"].partition(b"?")[0])
    if route is None:
        raise RejectedError(
            404,
            "no such path: POST /v1/models/melanoma:predict or :explain with JSON, or an image "
            "file to /predictions/melanoma or /explanations/melanoma",
            unread=True,
        )
    if route.verb and route.verb not in verbs:
        raise RejectedError(
            404,
            f"this server does not answer :{route.verb}: send the request to the server that does, "
            f"{COMPONENTS[route.verb]}",
            unread=True,
        )
    if scope["method"] not in route.methods:
        allowed = ", ".join(route.methods)
        raise RejectedError(
            405, f"this path takes {allowed} only", headers={"Allow": allowed}, unread=True
        )
    return route
