"""Debian's Chromium on the page, with its requests and console messages recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Request
from playwright.sync_api import Page as Tab

from benchmarks.browser import chromium as start
from tests.conftest import program
from tests.e2e.pages import NAME

DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 1100, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Headless browser."""
    program("chromium", "chromium")
    with start(*flags) as browser:
        yield browser


class Visit:
    """Tab of a new context, with its requests and messages."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.tab: Tab = context.new_page()
        self.complaints: list[str] = []
        self.asked: list[Request] = []
        self.tab.on("console", lambda message: self._hear(message.type, message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request))

    def _hear(self, kind: str, text: str) -> None:
        # Chromium reports each status of 400 and above itself: those are the page's answers.
        if kind in ("error", "warning") and "Failed to load resource" not in text:
            self.complaints.append(text)

    @property
    def posts(self) -> list[Request]:
        """Bodies that the tab sent, without files, which the browser does not report."""
        return [request for request in self.asked if request.method == "POST"]

    def heading(self) -> str:
        """Current heading of the page."""
        return self.tab.locator("h1").inner_text()

    def explained(self) -> None:
        """Wait until prediction and explanation are shown."""
        self.tab.locator("#overlay").wait_for()
        self.tab.locator("#progress").wait_for(state="hidden")

    def checked(self) -> None:
        """Check that no other host was contacted and that there are no console errors."""
        hosts = {
            urlsplit(request.url).netloc
            for request in self.asked
            if not request.url.startswith(("data:", "blob:"))
        }
        assert hosts == {urlsplit(self.url).netloc}
        assert self.complaints == []


@contextmanager
def visiting(browser: Browser, url: str, path: str = "/", **options: Any) -> Iterator[Visit]:
    """Visit that must end without console errors."""
    context = browser.new_context(**{**DESKTOP, "locale": "en-GB", **options})
    context.set_default_timeout(60_000)
    try:
        visit = Visit(context, url)
        visit.tab.goto(url + path)
        yield visit
        visit.checked()
    finally:
        context.close()


def choose(visit: Visit, photograph: bytes, name: str = NAME) -> None:
    """Choose a file like a person."""
    file: Any = {"name": name, "mimeType": "image/jpeg", "buffer": photograph}
    visit.tab.set_input_files("#photograph", file)


def send(visit: Visit, photograph: bytes) -> None:
    """Choose a file, and ask about the square as it is preset."""
    choose(visit, photograph)
    visit.tab.locator(".ask").click()
