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
import ssl
from typing import Any, Final, NoReturn, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from serving.front.client_key import ClientKey
from web.answers import Explanation, Explanations, Prediction, Predictions
from web.errors import PageError
from web.settings import PageSettings

PATH: Final = "/v1/models/melanoma"
CONNECT_SECONDS: Final = 5.0
LEAST_WAIT: Final = 0.5
"""Of the patience, what a refusal uses up at least: "at once" is not believed forever."""

BUSY: Final = (429, 503)
"""Of a service that takes the same request a little later."""

log = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=BaseModel)


class Service:
    """A client of the two; close it when done.

    Args:
        settings: their addresses, and how long they may take.
        transport: for tests.

    Raises:
        ValueError: a file that a setting names will not do.
    """

    def __init__(
        self, settings: PageSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._predict = settings.predictor_url.rstrip("/") + f"{PATH}:predict"
        explainer = settings.explainer_url or settings.predictor_url
        self._explain = explainer.rstrip("/") + f"{PATH}:explain"
        self._seconds, self._patience = settings.page_seconds, settings.page_patience
        self._key = (
            ClientKey(settings.page_key_file, "LESIONLENS_PAGE_KEY_FILE", log.warning)
            if settings.page_key_file
            else None
        )
        # A new connection each time: one kept open would stay with one pod, or outlive it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            transport=transport
            or httpx.AsyncHTTPTransport(verify=_trusted(settings), retries=1, limits=limits),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,  # no photograph goes to a proxy that a variable names
        )

    async def predict(self, png: bytes) -> Prediction:
        """Ask about one photograph; raises PageError where there is no answer."""
        return (await self._post(self._predict, _body(png), Predictions)).predictions[0]

    async def explain(self, png: bytes, method: str) -> Explanation:
        """Ask why, by an attribution method; raises PageError where there is no answer."""
        body = _body(png, method=method)
        return (await self._post(self._explain, body, Explanations)).explanations[0]

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _post(self, url: str, body: bytes, kind: type[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                reply = await self._sent(url, body)
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

    def _headers(self) -> dict[str, str]:
        return self._key.headers() if self._key else {}

    async def _sent(self, url: str, body: bytes) -> httpx.Response:
        """Send, and again when a busy service said to: nobody has to upload anything twice."""
        patience = self._patience
        while True:
            reply = await self._client.post(
                url, content=body, headers={"content-type": "application/json", **self._headers()}
            )
            wait = _retry_after(reply)
            if wait is None or (spent := max(wait, LEAST_WAIT)) > patience:
                return reply
            patience -= spent
            await asyncio.sleep(wait)


def _trusted(settings: PageSettings) -> ssl.SSLContext:
    ca = settings.page_ca
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"LESIONLENS_PAGE_CA={ca} holds no certificate ({error})") from None


def _body(png: bytes, **more: str) -> bytes:
    instance = {"data": base64.b64encode(png).decode("ascii"), **more}
    return json.dumps({"instances": [instance]}).encode()


def _retry_after(reply: httpx.Response) -> int | None:
    """Seconds after which a busy service may have room, where it says so."""
    seconds = reply.headers.get("retry-after", "")
    known = reply.status_code in BUSY and seconds.isascii() and seconds.isdigit()
    return int(seconds) if known else None


def _fail(reply: httpx.Response, url: str) -> NoReturn:
    status = str(reply.status_code)
    if reply.status_code in BUSY:
        raise _logged(PageError("busy", retry_after=_retry_after(reply)), url, status)
    if reply.status_code in (400, 413):
        raise PageError("refused", reason=_message(reply))
    if reply.status_code in (401, 403):
        why = "the page's key is not taken (LESIONLENS_PAGE_KEY_FILE)"
        raise _logged(PageError("down"), url, f"{status}, {why}")
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
