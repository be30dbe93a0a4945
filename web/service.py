"""Predictor and explainer, asked in KServe's V1 protocol.

With httpx, which KServe's own client is a thin layer over: importing that client loads all of
kserve with pandas and the Kubernetes client, 320 MB in the page's image and 128 MB in its memory,
for two POSTs. ``tests/web/test_service.py`` holds the two against each other.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import Any, Final, NoReturn, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from web.answers import Explanation, Explanations, Prediction, Predictions
from web.errors import PageError
from web.settings import PageSettings

PATH: Final = "/v1/models/melanoma"
METHOD: Final = "grad_cam"
CONNECT_SECONDS: Final = 5.0

log = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=BaseModel)


class Service:
    """A client of the two; close it when done.

    Args:
        settings: their addresses, and how long they may take.
        transport: for tests.
    """

    def __init__(
        self, settings: PageSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._predict = settings.predictor_url.rstrip("/") + f"{PATH}:predict"
        explainer = settings.explainer_url or settings.predictor_url
        self._explain = explainer.rstrip("/") + f"{PATH}:explain"
        self._seconds = settings.page_seconds
        # A new connection each time: one kept open would stay with one pod, or outlive it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            transport=transport or httpx.AsyncHTTPTransport(retries=1, limits=limits),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,  # no photograph goes to a proxy that a variable names
        )

    async def ask(self, png: bytes) -> tuple[Prediction, Explanation | PageError]:
        """Predict and explain one photograph, at the same time.

        An answer without an explanation is still an answer: why there is none comes with it.

        Raises:
            PageError: there is no prediction.
        """
        instance = {"data": base64.b64encode(png).decode("ascii"), "method": METHOD}
        body = json.dumps({"instances": [instance]}).encode()
        explaining = asyncio.create_task(self._explanation(body))
        try:
            prediction = (await self._post(self._predict, body, Predictions)).predictions[0]
        except BaseException:
            explaining.cancel()
            raise
        return prediction, await explaining

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _explanation(self, body: bytes) -> Explanation | PageError:
        try:
            return (await self._post(self._explain, body, Explanations)).explanations[0]
        except PageError as failure:
            return failure

    async def _post(self, url: str, body: bytes, kind: type[Answer]) -> Answer:
        headers = {"content-type": "application/json"}
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._client.post(url, content=body, headers=headers)
        except TimeoutError as error:
            raise _logged(PageError("slow", seconds=f"{self._seconds:g}"), url) from error
        except httpx.HTTPError as error:
            raise _logged(PageError("down"), url, type(error).__name__) from error
        if not reply.is_success:
            _fail(reply, url)
        try:
            return kind.model_validate_json(reply.content)
        except ValidationError as error:
            raise _logged(PageError("unreadable_answer"), url, "an unexpected answer") from error


def _fail(reply: httpx.Response, url: str) -> NoReturn:
    status = str(reply.status_code)
    if reply.status_code == 503:
        seconds = reply.headers.get("retry-after", "")
        after = int(seconds) if seconds.isascii() and seconds.isdigit() else None
        raise _logged(PageError("busy", retry_after=after), url, status)
    if reply.status_code in (400, 413):
        raise PageError("refused", reason=_message(reply))
    raise _logged(PageError("unreadable_answer"), url, status)


def _message(reply: httpx.Response) -> str:
    """The service's own words, which name the instance; here there is only one."""
    try:
        document: Any = reply.json()
    except ValueError:
        return reply.reason_phrase
    message = document.get("error") if isinstance(document, dict) else None
    if not isinstance(message, str):
        return reply.reason_phrase
    return message.removeprefix("instance 0: ")


def _logged(failure: PageError, url: str, detail: str = "") -> PageError:
    """For the operator; nothing of the photograph is in it."""
    log.warning("%s: %s %s", url, failure.kind, detail)
    return failure
