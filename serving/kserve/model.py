"""The model that KServe's model server calls: passes requests to workers, returns their answers."""

from __future__ import annotations

import json
from typing import Any, Final

from serving.front.media import OPTIONS
from serving.front.messages import error_body
from serving.front.routes import MODEL
from serving.kserve import outputs, tensors
from serving.kserve.dispatch import Dispatcher
from serving.kserve.library import InferRequest, InferResponse, Model
from serving.kserve.wire import WorkAnswer, WorkRequest

JSON: Final = "application/json"
V1_JSON: Final = f"{JSON}; charset=utf-8"
"""Content types of bodies that KServe's data plane passes on unchanged. It would parse a body of a
type that it knows, such as ``application/json``, and quote it in its errors."""
V1_FILE: Final = "image/*"
MAY_EXPLAIN: Final = "x-may-explain"
"""Header that only the front sets: whether ``parameters`` may request an explanation."""

Headers = dict[str, str] | None


class AnswerError(Exception):
    """An answer with a status other than 200, sent unchanged.

    Args:
        answer: of a worker or of this server.
    """

    def __init__(self, answer: WorkAnswer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer

    @classmethod
    def of(cls, status: int, message: str) -> AnswerError:
        """Make an error from a status and a message, which must not quote the request."""
        return cls(WorkAnswer(status, error_body(message)))


class MelanomaModel(Model):  # type: ignore[misc]  # kserve has no types
    """A ``kserve.Model`` that predicts and explains in worker processes.

    KServe calls it with bytes for V1, the body as it came, and with a parsed request for V2 and
    gRPC.

    Args:
        dispatcher: that has the workers.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(MODEL)
        self._dispatcher = dispatcher
        # Requests wait for a worker; readiness is the front's to say.
        self.ready = True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the inputs for V2's metadata."""
        return tensors.INPUTS

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the outputs for V2's metadata: of a prediction, then of an explanation."""
        return outputs.OUTPUTS

    async def predict(
        self, payload: bytes | InferRequest, headers: Headers = None
    ) -> str | InferResponse:
        """Predict; explain as well if a V2 request names a method.

        Args:
            payload: body of the request, or the parsed request.
            headers: of the request; options are read from them.

        Raises:
            AnswerError: the answer is not 200.
        """
        if isinstance(payload, InferRequest):
            return await self._infer(payload, headers or {})
        return await self._answered("predict", payload, headers or {})

    async def explain(self, payload: bytes, headers: Headers = None) -> str:
        """Explain the photographs of a V1 request.

        Args:
            payload: body of the request.
            headers: of the request; options are read from them.

        Raises:
            AnswerError: the answer is not 200.
        """
        return await self._answered("explain", payload, headers or {})

    async def _answered(self, verb: str, body: bytes, headers: dict[str, str]) -> str:
        is_json = JSON in headers.get("content-type", "")
        answer = await self._dispatcher.submit(
            WorkRequest(
                body,
                verb,
                JSON if is_json else "application/octet-stream",
                headers.get("x-method"),
                headers.get("x-target"),
                headers.get("x-box"),
                headers.get("x-receipt"),
                headers.get("x-groups"),
            )
        )
        if answer.status != 200:
            raise AnswerError(answer)
        return answer.body.decode()

    async def _infer(self, request: InferRequest, headers: dict[str, str]) -> InferResponse:
        try:
            converted = tensors.service_request(request)
        except tensors.TensorError as error:
            raise AnswerError.of(400, str(error)) from None
        if converted.verb == "explain" and headers.get(MAY_EXPLAIN) != "true":
            raise AnswerError.of(
                403,
                "explanations are not given here to this client: send the request without "
                "`parameters.method` and `parameters.target`, or to the explainer",
            )
        options = {name: getattr(converted, name) for name in OPTIONS}
        v1_headers = {f"x-{name}": value for name, value in options.items() if value is not None}
        v1_headers["content-type"] = V1_JSON if converted.is_json else V1_FILE
        document = json.loads(await self._answered(converted.verb, converted.body, v1_headers))
        rows = document if converted.is_json else {"answers": [document]}
        return outputs.response_of(request, next(iter(rows.values())))
