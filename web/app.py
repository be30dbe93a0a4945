"""ASGI application of the page: the form, the answer, and a message for every failure.

A request holds no shared resource before it has arrived completely, nor after its visitor has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from serving.front.bodies import run_until_disconnect
from serving.front.buffers import ByteBudget
from serving.front.messages import ClientGone
from web import texts as languages
from web.decoding import BUSY_SECONDS, Decoder
from web.errors import PageError
from web.middleware import AllowedHosts, SignedIn, StrictHeaders, check_origin
from web.pages import Pages
from web.service import Explanation, Service, SimilarCases
from web.settings import PageSettings
from web.texts import Texts
from web.uploads import Asked, Upload

HERE: Final = Path(__file__).resolve().parent
HEALTH: Final = "/healthz"
GONE: Final = 499
"""HTTP status of a request whose client has left; nginx uses the same number."""

Answering = Callable[[Request, Asked], Coroutine[Any, Any, Response]]


class Page:
    """State shared by the routes; see :func:`create_app`."""

    def __init__(self, settings: PageSettings, service: Service) -> None:
        self._settings = settings
        self._service = service
        self._texts = languages.load()
        self._pages = Pages(self._texts, settings.page_max_bytes, settings.page_clinicians)
        self._uploads = asyncio.Semaphore(settings.page_uploads)
        self._predicting = asyncio.Semaphore(settings.page_max_concurrency)
        self._explaining = asyncio.Semaphore(settings.page_max_concurrency)
        self._decoder = Decoder(settings.page_decode_seconds, settings.page_decodes_waiting)
        self._buffers = ByteBudget(settings.page_buffer_bytes, BUSY_SECONDS)

    async def visit(self, request: Request) -> Response:
        """``GET /``: the form; ``POST /``: the answer for its photograph, then the explanation."""
        if request.method == "POST":
            return await self._post(request, self._answer)
        return HTMLResponse(self._pages.form(self._language(request)))

    async def explain(self, request: Request) -> Response:
        """``POST /explanation``: the explanation by another method, as an HTML fragment."""
        return await self._post(request, self._explanation)

    async def health(self, request: Request) -> Response:
        """``GET /healthz``: health of the page only; a restart would not repair the service."""
        problem = self._decoder.problem()
        return PlainTextResponse(f"{problem or 'ok'}\n", 503 if problem else 200)

    def failed(
        self, request: Request, failure: PageError, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Render a page that says why there is no answer."""
        page = self._pages.failure(failure, self._language(request))
        reply = HTMLResponse(page, failure.status)
        reply.headers.update(headers or {})
        if failure.retry_after is not None:
            reply.headers["Retry-After"] = str(failure.retry_after)
        return reply

    def _language(self, request: Request) -> Texts:
        return languages.choose(request, self._texts)

    async def _post(self, request: Request, answer: Answering) -> Response:
        upload = Upload(request, self._settings, self._buffers)
        try:
            check_origin(request.headers)
            async with upload.form() as asked:
                if self._uploads.locked():
                    raise PageError("busy", retry_after=BUSY_SECONDS)
                async with self._uploads:
                    return await run_until_disconnect(request.receive, answer(request, asked))
        except PageError as failure:
            if failure.kind == "slow_upload":
                return self.failed(request, failure, {"Connection": "close"})
            await upload.drain()
            return self.failed(request, failure)
        except ClientGone:
            return Response(status_code=GONE)

    async def _answer(self, request: Request, asked: Asked) -> Response:
        square = await self._square(asked)
        async with self._turn(self._predicting):
            explaining = asyncio.create_task(self._why(square, asked.method))
            try:
                prediction = await self._service.predict(square)
            except BaseException:
                explaining.cancel()
                raise
        words = self._language(request)
        version = prediction.model_version
        before, after = self._pages.answer(prediction, words, asked.impression)

        async def told() -> AsyncIterator[str]:
            # The visitor reads the answer while the explanation is still computed.
            try:
                yield before
                why = await explaining
                yield self._pages.why(why, square, asked.method, version, words) + after
            finally:
                explaining.cancel()

        return StreamingResponse(told(), media_type="text/html")

    async def _explanation(self, request: Request, asked: Asked) -> Response:
        square = await self._square(asked)
        why = await self._why(square, asked.method)
        words = self._language(request)
        return HTMLResponse(self._pages.why(why, square, asked.method, asked.version, words))

    async def _why(self, square: bytes, method: str) -> Explanation | SimilarCases | PageError:
        """Render the explanation, or why there is none: the answer is shown without it."""
        try:
            async with self._turn(self._explaining):
                return await self._service.explain(square, method)
        except PageError as failure:
            return failure

    async def _square(self, asked: Asked) -> bytes:
        limit = self._settings.page_max_pixels
        return await self._decoder.square(asked.photograph, limit, asked.box)

    @asynccontextmanager
    async def _turn(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        """Wait for one of the slots for requests to the service."""
        try:
            async with asyncio.timeout(self._settings.page_seconds):
                await places.acquire()
        except TimeoutError as error:
            raise PageError("busy", retry_after=BUSY_SECONDS) from error
        try:
            yield
        finally:
            places.release()


def create_app(
    settings: PageSettings, transport: httpx.AsyncBaseTransport | None = None
) -> ASGIApp:
    """Create the application.

    Args:
        settings: addresses and limits.
        transport: to the service, for tests.
    """
    service = Service(settings, transport)
    page = Page(settings, service)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    def handled(kind: Any) -> Callable[[Request, Any], Response]:
        return lambda request, error: page.failed(
            request, PageError(kind), getattr(error, "headers", None)
        )

    app = Starlette(
        routes=[
            Route("/", page.visit, methods=["GET", "POST"]),
            Route("/explanation", page.explain, methods=["POST"]),
            Route(HEALTH, page.health),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={
            404: handled("no_such_page"),
            405: handled("wrong_method"),
            Exception: handled("bug"),
        },
        lifespan=lifespan,
    )
    hosts = tuple(settings.page_hosts.split(","))
    guarded: ASGIApp = app
    if settings.page_user_header:
        guarded = SignedIn(app, page.failed, HEALTH, settings.page_user_header, settings.proxies)
    return StrictHeaders(AllowedHosts(guarded, page.failed, HEALTH, hosts))
