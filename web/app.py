"""The page's ASGI application: a form, its answer, and a message for all that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from web import texts as languages
from web.answers import Explanation
from web.errors import PageError
from web.headers import StrictHeaders
from web.pages import Pages
from web.pictures import read
from web.service import Service
from web.settings import PageSettings
from web.texts import Texts
from web.uploads import Asked, Body, uploaded

HERE: Final = Path(__file__).resolve().parent
BUSY_SECONDS: Final = 5
"""After which a page with too many uploads may have room again."""

Answering = Callable[[Request, Asked], Awaitable[Response]]


class Page:
    """What the routes share; see :func:`create_app`."""

    def __init__(self, settings: PageSettings, service: Service) -> None:
        self._settings = settings
        self._service = service
        self._texts = languages.load()
        self._pages = Pages(self._texts, settings.page_max_bytes)
        self._uploads = asyncio.Semaphore(settings.page_uploads)
        self._predicting = asyncio.Semaphore(settings.page_at_once)
        self._explaining = asyncio.Semaphore(settings.page_at_once)
        # One picture is decoded at a time: 25 megapixels take up to 400 MB meanwhile.
        self._decoder = anyio.CapacityLimiter(1)

    async def visit(self, request: Request) -> Response:
        """``GET /``: the form; ``POST /``: the answer to its photograph, then why."""
        if request.method == "POST":
            return await self._post(request, self._answer)
        return HTMLResponse(self._pages.form(self._language(request)))

    async def explain(self, request: Request) -> Response:
        """``POST /explanation``: why, by another method, as a part of the answer's page."""
        return await self._post(request, self._explanation)

    def failed(
        self, request: Request, failure: PageError, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page that says why there is no answer."""
        page = self._pages.failure(failure, self._language(request))
        reply = HTMLResponse(page, failure.status)
        reply.headers.update(headers or {})
        if failure.retry_after is not None:
            reply.headers["Retry-After"] = str(failure.retry_after)
        return reply

    def _language(self, request: Request) -> Texts:
        return languages.choose(request, self._texts)

    async def _post(self, request: Request, answer: Answering) -> Response:
        body = Body(request.receive, self._settings.page_max_bytes)
        try:
            if self._uploads.locked():
                raise PageError("busy", retry_after=BUSY_SECONDS)
            async with self._uploads, uploaded(request.scope, body) as asked:
                return await answer(request, asked)
        except PageError as failure:
            await body.drain(self._settings.page_seconds)
            return self.failed(request, failure)

    async def _answer(self, request: Request, asked: Asked) -> Response:
        async with self._turn(self._predicting):
            square = await self._square(asked)
            explaining = asyncio.create_task(self._why(square, asked.method))
            try:
                prediction = await self._service.predict(square)
            except BaseException:
                explaining.cancel()
                raise
        words = self._language(request)
        version = prediction.model_version
        before, after = self._pages.answer(prediction, words)

        async def told() -> AsyncIterator[str]:
            # The answer is read while the explanation is still made.
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

    async def _why(self, square: bytes, method: str) -> Explanation | PageError:
        """An answer without an explanation is still an answer: why there is none comes with it."""
        try:
            async with self._turn(self._explaining):
                return await self._service.explain(square, method)
        except PageError as failure:
            return failure

    async def _square(self, asked: Asked) -> bytes:
        pixels = self._settings.page_max_pixels
        return await anyio.to_thread.run_sync(read, asked.photograph, pixels, limiter=self._decoder)

    @asynccontextmanager
    async def _turn(self, places: asyncio.Semaphore) -> AsyncIterator[None]:
        """Wait until few enough photographs are being asked about."""
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
    """Make the application.

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
            Route("/healthz", _alive),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={
            404: handled("no_such_page"),
            405: handled("wrong_method"),
            Exception: handled("bug"),
        },
        lifespan=lifespan,
    )
    return StrictHeaders(app)


async def _alive(request: Request) -> Response:
    """``GET /healthz``: of the page alone; restarting it would not mend the service."""
    return PlainTextResponse("ok\n")
