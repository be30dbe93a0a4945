"""Test what the browser shows on failures, and retries."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from handlers.background import Background
from serving.local import LocalServer
from tests.e2e.browser import Visit, choose, send, visiting
from tests.e2e.pages import Page, running
from tests.e2e.relay import Relay
from tests.e2e.test_explaining import scratch
from tests.page_texts import sentence

STATUS = {
    400: (sentence("failures.refused.heading"), "Bad Request"),
    413: (sentence("failures.refused.heading"), "Request Entity Too Large"),
    500: (sentence("failures.unreadable_answer.heading"), "Try again"),
    503: (sentence("failures.busy.heading"), "30 seconds"),
}


class Refusing:
    """Double of the service that answers with a given status."""

    def __init__(self) -> None:
        self.status = 503
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(outer.status)
                self.send_header("retry-after", "30")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Suppress the log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Refusing:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def refusing() -> Iterator[Refusing]:
    with Refusing() as service:
        yield service


@pytest.fixture(scope="module")
def refused(refusing: Refusing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with running(tmp_path_factory.mktemp("refused"), refusing.url) as started:
        yield started


def told(visit: Visit) -> str:
    visit.tab.locator(".failure").wait_for()
    visit.tab.locator("#progress").wait_for(state="hidden")
    assert visit.tab.evaluate("document.activeElement.tagName") == "H1"
    return visit.tab.locator(".failure").inner_text()


@pytest.mark.parametrize("status", STATUS)
def test_rejection_is_shown_and_the_photograph_can_be_resent(
    status: int, browser: Browser, refused: Page, refusing: Refusing, photographs: list[bytes]
) -> None:
    refusing.status = status
    heading, text = STATUS[status]
    with visiting(browser, refused.url) as visit:
        send(visit, photographs[0])
        said = told(visit)
        assert heading in said
        assert text in said
        assert len(visit.posts) == 1

        again = visit.tab.get_by_text(sentence("progress.retry"))
        again.evaluate("button => { button.click(); button.click(); }")
        told(visit)
        assert len(visit.posts) == 2  # an impatient second click sends nothing


def test_retry_repeats_the_last_request(
    browser: Browser, refused: Page, refusing: Refusing, photographs: list[bytes]
) -> None:
    refusing.status = 503
    with visiting(browser, refused.url) as visit:
        send(visit, photographs[0])
        told(visit)
        visit.tab.locator("button.sample").nth(1).click()
        told(visit)
        visit.tab.get_by_text(sentence("progress.retry")).click()
        told(visit)
        assert [post.post_data for post in visit.posts[1:]] == ["sample=2.jpg"] * 2

        choose(visit, b"no picture")
        told(visit)
        assert visit.tab.get_by_text(sentence("progress.retry")).count() == 0


def test_unavailable_service_is_reported_and_a_later_retry_succeeds(
    browser: Browser, server: LocalServer, tmp_path: Path, photographs: list[bytes]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port
        relay = Relay(nobody, urlsplit(server.inference).port or 0)
        with running(tmp_path, relay.url) as page, visiting(browser, page.url) as visit:
            send(visit, photographs[0])
            assert sentence("failures.down.heading") in told(visit)
            with relay:
                visit.tab.get_by_text(sentence("progress.retry")).click()
                visit.explained()
            assert len(visit.posts) == 2


def test_slow_service_shows_progress_until_the_timeout(
    browser: Browser, tmp_path: Path, photographs: list[bytes]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes connections, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(tmp_path, url, LESIONLENS_PAGE_SECONDS="2") as page:
            with visiting(browser, page.url) as visit:
                send(visit, photographs[0])
                visit.tab.get_by_text(sentence("progress.asking")).wait_for()
                assert visit.tab.locator("#preview").is_visible()
                assert visit.tab.locator("#cancel").is_visible()
                said = told(visit)
                assert sentence("failures.slow.heading") in said
                assert "within 2 seconds" in said


def test_running_request_can_be_cancelled(
    browser: Browser, tmp_path: Path, photographs: list[bytes]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(tmp_path, url) as page, visiting(browser, page.url) as visit:
            send(visit, photographs[0])
            visit.tab.get_by_text(sentence("progress.asking")).wait_for()
            visit.tab.locator("#cancel").click()
            visit.tab.locator("#progress").wait_for(state="hidden")
            assert visit.heading() == sentence("frame.heading")  # as it was framed
            assert page.process.poll() is None


def test_unreachable_page_server_is_reported(
    browser: Browser, server: LocalServer, tmp_path: Path, photographs: list[bytes]
) -> None:
    with running(tmp_path, server.inference) as page, visiting(browser, page.url) as visit:
        page.process.kill()
        page.process.wait()
        send(visit, photographs[0])
        assert sentence("progress.lost") in told(visit)


def test_busy_explainer_keeps_the_prediction_and_allows_a_retry(
    browser: Browser, server: LocalServer, tmp_path: Path, photographs: list[bytes]
) -> None:
    settings = {"LESIONLENS_PAGE_RETRY_BUDGET_SECONDS": "0"}
    with running(tmp_path, server.inference, **settings) as page:
        with visiting(browser, page.url) as visit:
            with Background(1, scratch(server)).slot():  # as another worker has it
                visit.tab.locator("summary").click()
                visit.tab.select_option("#first-method", "lime")
                send(visit, photographs[0])
                visit.tab.get_by_text(sentence("explanation.missing")).wait_for()
                assert visit.tab.locator(".frequency").is_visible()
                assert "busy" in visit.tab.locator("#why").inner_text()
            visit.tab.select_option("#method", "grad_cam")
            visit.explained()
            assert [urlsplit(post.url).path for post in visit.posts] == ["/", "/explanation"]
