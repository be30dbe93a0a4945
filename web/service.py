"""Client of predictor and explainer, in KServe's V1 protocol; answers are validated by field.

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
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar

import httpx
from pydantic import AfterValidator, Base64Bytes, BaseModel, Field, ValidationError

from serving.front.client_key import ClientKey
from web.errors import PageError
from web.settings import PageSettings

PATH: Final = "/v1/models/melanoma"
CONNECT_SECONDS: Final = 5.0
LEAST_WAIT: Final = 0.5
"""Seconds that a rejection uses of the retry budget at least, even if it asks for no delay."""

BUSY: Final = (429, 503)
"""Statuses of a service that may accept the same request a little later."""

log = logging.getLogger(__name__)
Answer = TypeVar("Answer", bound=BaseModel)
Label = Literal["cancer", "no cancer"]
Share = Annotated[float, Field(ge=0, le=1)]


def _png(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("no PNG")
    return data


def _jpeg(data: bytes) -> bytes:
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("no JPEG")
    return data


class Prediction(BaseModel):
    """One of ``predictions``."""

    label: Label
    probability: Share
    """Calibrated P(cancer)."""
    threshold: Share
    """The label is ``cancer`` from this probability up."""
    review: bool
    """Whether a person must review the photograph."""
    reasons: list[str]
    """Reasons for review."""
    model_version: str
    risk: Share | None = None
    """P(cancer) at a stated prevalence; a release from before there was one does not say it."""
    prevalence: Share | None = None
    """Share of cancers that ``risk`` assumes."""


class Explanation(Prediction):
    """One of ``explanations``: a prediction and its attribution map."""

    method: str
    target: Label
    """The class whose score red regions increased."""
    signed: bool
    """Whether the map has two directions (red and blue), or one (violet)."""
    overlay: Annotated[Base64Bytes, AfterValidator(_png)]
    """PNG, 224 x 224 pixels."""
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """The attribution of full colour, in units of the logit."""
    lesion_mass: Share | None
    """Share of the positive attribution inside a rough outline of the lesion."""


class Case(BaseModel):
    """One of ``cases``: a training photograph."""

    label: Label
    distance: Annotated[float, Field(allow_inf_nan=False)]
    """One minus the cosine similarity of the features; 0 for the same photograph; no unit."""
    thumbnail: Annotated[Base64Bytes, AfterValidator(_jpeg)] | None = None
    """JPEG, only of an archive whose owner chose thumbnails."""


class SimilarCases(Prediction):
    """One of ``explanations``: a prediction and the nearest training photographs."""

    method: Literal["similar_cases"]
    cases: Annotated[list[Case], Field(min_length=1)]
    """Nearest first."""


class Predictions(BaseModel):
    """Answer to ``:predict`` of one instance."""

    predictions: Annotated[list[Prediction], Field(min_length=1, max_length=1)]


class Explanations(BaseModel):
    """Answer to ``:explain`` of one instance."""

    explanations: Annotated[list[SimilarCases | Explanation], Field(min_length=1, max_length=1)]


class Service:
    """Client of both components; close it after use.

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
        self._seconds, self._patience = settings.page_seconds, settings.page_retry_budget_seconds
        self._key = (
            ClientKey(settings.page_key_file, "LESIONLENS_PAGE_KEY_FILE", log.warning)
            if settings.page_key_file
            else None
        )
        # A new connection each time: a kept one would stay with one pod, or outlive it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            transport=transport
            or httpx.AsyncHTTPTransport(verify=_trusted(settings), retries=1, limits=limits),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,  # no proxy of the environment sees a photograph
        )

    async def predict(self, png: bytes) -> Prediction:
        """Request a prediction for one photograph; raises PageError."""
        return (await self._post(self._predict, _body(png), Predictions)).predictions[0]

    async def explain(self, png: bytes, method: str) -> Explanation | SimilarCases:
        """Request an explanation by a method; raises PageError."""
        body = _body(png, method=method)
        return (await self._post(self._explain, body, Explanations)).explanations[0]

    async def close(self) -> None:
        """Close the connections."""
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
        """Send a request, and retry while the service is busy, so that nobody uploads twice."""
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
    """Return the seconds after which a busy service may have capacity, if it says so."""
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
        why = "the page's key is not accepted (LESIONLENS_PAGE_KEY_FILE)"
        raise _logged(PageError("down"), url, f"{status}, {why}")
    raise _logged(PageError("unreadable_answer"), url, status)


def _message(reply: httpx.Response) -> str:
    """Return the service's message without the instance prefix: there is only one instance."""
    try:
        document: Any = reply.json()
    except ValueError:
        return reply.reason_phrase
    message = document.get("error") if isinstance(document, dict) else None
    if not isinstance(message, str):
        return reply.reason_phrase
    return message.removeprefix("instance 0: ")


def _logged(failure: PageError, url: str, detail: str = "") -> PageError:
    """Describe a failure for the operator's log, without any content of the photograph."""
    log.warning("%s: %s %s", url, failure.kind, detail)
    return failure
