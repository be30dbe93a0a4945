"""KServe's model server as an ASGI application, and the upstream that connects it to the front.

``kserve.ModelServer`` provides the data plane, the model registry and the endpoints of V1 and V2.
Sockets, logs and signals are the front's, for both runtimes.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response

from serving.front.messages import FrontRequest, FrontResponse, error_body
from serving.front.routes import MODEL
from serving.kserve import asgi, tensors
from serving.kserve.calls import GRPC_INFER, infer_over_grpc
from serving.kserve.library import (
    KSERVE_LOGGER_NAME,
    DataPlane,
    ModelRepository,
    ModelServer,
    register_v1_endpoints,
    register_v2_endpoints,
)
from serving.kserve.model import MAY_EXPLAIN, V1_FILE, V1_JSON, AnswerError, MelanomaModel
from serving.kserve.pool import WorkerPool

logger = logging.getLogger(__name__)

V2_INFER: Final = f"/v2/models/{MODEL}/infer"
JSON_BYTES: Final = "inference-header-content-length"
PHOTOGRAPHS: Final = "x-photographs"
"""Response header from the application to the upstream: number of photographs answered."""
OWN_PATHS: Final = {
    f"/predictions/{MODEL}": f"/v1/models/{MODEL}:predict",
    f"/explanations/{MODEL}": f"/v1/models/{MODEL}:explain",
}
"""Raw routes, which KServe does not have, and the V1 routes that serve them."""


class _MelanomaDataPlane(DataPlane):  # type: ignore[misc]  # kserve has no types
    """KServe's data plane, without its claim that models can be loaded and unloaded."""

    def metadata(self) -> dict[str, Any]:
        """Return V2's server metadata: name, version and supported protocol extensions."""
        return {**super().metadata(), "extensions": ["binary_tensor_data"]}


def data_plane(model: MelanomaModel) -> DataPlane:
    """Create the data plane of a model server with one model.

    Args:
        model: to register.
    """
    # A server without a handler for its log would write a line a request, and errors that quote it.
    log = logging.getLogger(KSERVE_LOGGER_NAME)
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    log.propagate = False
    server = ModelServer(registered_models=ModelRepository(), enable_grpc=False)
    server.dataplane = _MelanomaDataPlane(server.registered_models)
    server.register_model(model)
    return server.dataplane


def application(plane: DataPlane) -> FastAPI:
    """Create the ASGI application of the REST endpoints.

    Args:
        plane: of the model server.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def infer(request: Request) -> Response:
        headers = dict(request.headers)
        try:
            parsed = tensors.parse(await request.body(), headers.get(JSON_BYTES, ""))
        except tensors.TensorError as error:
            raise AnswerError.of(400, str(error)) from None
        response, _ = await plane.infer(MODEL, parsed, headers)
        count = {PHOTOGRAPHS: str(response.outputs[0].shape[0])}
        content, json_bytes = response.to_rest()
        if json_bytes is None:
            return Response(orjson.dumps(content), media_type="application/json", headers=count)
        return Response(
            content,
            media_type="application/octet-stream",
            headers={JSON_BYTES: str(json_bytes), **count},
        )

    # Before KServe's own, which cannot take a photograph as a binary tensor.
    app.add_api_route(V2_INFER, infer, methods=["POST"], response_model=None)
    register_v1_endpoints(app, plane, None)
    register_v2_endpoints(app, plane, None)
    app.add_exception_handler(AnswerError, _answer_error)  # type: ignore[arg-type]
    return app


async def _answer_error(request: Request, error: AnswerError) -> Response:
    answer = error.answer
    retry = {} if answer.retry_after is None else {"retry-after": str(answer.retry_after)}
    return Response(answer.body, answer.status, retry, media_type="application/json")


class KServeUpstream:
    """Upstream of the front (:class:`serving.front.messages.Upstream`) in the same process.

    Args:
        plane: of the model server.
        pool: of the workers; tells whether one is ready.
    """

    def __init__(self, plane: DataPlane, pool: WorkerPool) -> None:
        self._plane, self._pool = plane, pool
        self._app = application(plane)

    @property
    def ready(self) -> bool:
        """See :meth:`serving.front.messages.Upstream.ready`."""
        return self._pool.ready

    @property
    def why_not_ready(self) -> str:
        """See :meth:`serving.front.messages.Upstream.why_not_ready`."""
        return "" if self.ready else self._pool.why_not_ready

    async def answer(self, request: FrontRequest) -> FrontResponse:
        """See :meth:`serving.front.messages.Upstream.answer`."""
        try:
            if request.path == GRPC_INFER:
                return await infer_over_grpc(self._plane, request)
            return await self._asgi(request)
        except AnswerError as error:
            answer = error.answer
            return FrontResponse(answer.status, answer.body, answer.retry_after)
        except Exception as error:  # noqa: BLE001  one request must not end the server
            # The message of an exception may quote what it was given, so it is not logged.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("a request failed with %s at\n%s", type(error).__name__, places)
            return FrontResponse(500, error_body("the service failed on this request; try again"))

    async def _asgi(self, request: FrontRequest) -> FrontResponse:
        """Call the ASGI application with a request that the front has checked and read."""
        headers = {
            "content-type": V1_JSON if request.is_json else V1_FILE,
            **({JSON_BYTES: request.json_bytes} if request.json_bytes else {}),
            MAY_EXPLAIN: str(request.may_explain).lower(),
            **{f"x-{name}": value for name, value in request.options.items()},
        }
        path = OWN_PATHS.get(request.path, request.path)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST" if request.verb else "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.encode(), value.encode("latin-1")) for name, value in headers.items()
            ],
            "client": None,
            "server": None,
            "state": {},
        }
        return _response(*await asgi.call(self._app, scope, request.body))


def _response(status: int, headers: dict[str, str], body: bytes) -> FrontResponse:
    retry, count = headers.get("retry-after"), headers.get(PHOTOGRAPHS)
    kept = {}
    if JSON_BYTES in headers:
        kept = {
            "Content-Type": headers["content-type"],
            "Inference-Header-Content-Length": headers[JSON_BYTES],
        }
    return FrontResponse(
        status, body, int(retry) if retry else None, kept, int(count) if count else None
    )
