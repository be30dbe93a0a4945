"""The page's ASGI application: a form, its answer, and a message for all that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import anyio.to_thread
import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from web import texts as languages
from web.errors import PageError
from web.headers import StrictHeaders
from web.pictures import Picture, read
from web.service import Service
from web.settings import PageSettings
from web.uploads import Body, uploaded
from web.wording import answer_words, explanation_words, failure_words

HERE: Final = Path(__file__).resolve().parent
BUSY_SECONDS: Final = 5
"""After which a page with too many uploads may have room again."""


class Page:
    """What the routes share; see :func:`create_app`."""

    def __init__(self, settings: PageSettings, service: Service) -> None:
        self._settings = settings
        self._service = service
        self._texts = languages.load()
        self._uploads = asyncio.Semaphore(settings.page_uploads)
        self._at_once = asyncio.Semaphore(settings.page_at_once)
        # One picture is decoded at a time: 25 megapixels take up to 400 MB meanwhile.
        self._decoder = anyio.CapacityLimiter(1)
        loader = FileSystemLoader(HERE / "templates")
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    async def visit(self, request: Request) -> Response:
        """``GET /``: the form; ``POST /``: the answer to its photograph."""
        return await self._post(request) if request.method == "POST" else self._reply("page.html")

    def failed(self, failure: PageError, headers: Mapping[str, str] | None = None) -> Response:
        """A page that says why there is no answer."""
        reply = self._reply(
            "failure.html", failure.status, failure=failure_words(failure, self._texts)
        )
        reply.headers.update(headers or {})
        if failure.retry_after is not None:
            reply.headers["Retry-After"] = str(failure.retry_after)
        return reply

    async def _post(self, request: Request) -> Response:
        body = Body(request.receive, self._settings.page_max_bytes)
        try:
            if self._uploads.locked():
                raise PageError("busy", retry_after=BUSY_SECONDS)
            async with self._uploads, uploaded(request.scope, body) as file, self._turn():
                return await self._answer(file)
        except PageError as failure:
            await body.drain(self._settings.page_seconds)
            return self.failed(failure)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until few enough photographs are being asked about."""
        try:
            async with asyncio.timeout(self._settings.page_seconds):
                await self._at_once.acquire()
        except TimeoutError as error:
            raise PageError("busy", retry_after=BUSY_SECONDS) from error
        try:
            yield
        finally:
            self._at_once.release()

    async def _answer(self, file: BinaryIO) -> Response:
        picture = await self._read(file)
        prediction, explanation = await self._service.ask(picture.sent)
        known: dict[str, Any] = {"answer": answer_words(prediction, self._texts)}
        if isinstance(explanation, PageError):
            known["unexplained"] = failure_words(explanation, self._texts)
            known["explanation"] = None
        else:
            known["explanation"] = explanation_words(
                explanation, prediction, picture.seen, self._texts
            )
        return self._reply("answer.html", **known)

    async def _read(self, file: BinaryIO) -> Picture:
        pixels = self._settings.page_max_pixels
        return await anyio.to_thread.run_sync(read, file, pixels, limiter=self._decoder)

    def _reply(self, template: str, status: int = 200, **known: Any) -> Response:
        limit = f"{self._settings.page_max_bytes / 1e6:g}"
        hint = self._texts["form"]["hint"].format(limit=limit)
        page = self._templates.get_template(template).render(t=self._texts, hint=hint, **known)
        return HTMLResponse(page, status)


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

    app = Starlette(
        routes=[
            Route("/", page.visit, methods=["GET", "POST"]),
            Route("/healthz", _alive),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={
            404: lambda request, error: page.failed(PageError("no_such_page")),
            405: lambda request, error: page.failed(PageError("wrong_method"), error.headers),
            Exception: lambda request, error: page.failed(PageError("bug")),
        },
        lifespan=lifespan,
    )
    return StrictHeaders(app)


async def _alive(request: Request) -> Response:
    """``GET /healthz``: of the page alone; restarting it would not mend the service."""
    return PlainTextResponse("ok\n")
