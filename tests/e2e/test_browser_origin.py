"""Test the origin headers of a real browser's form posts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Route
from playwright.sync_api import Page as Tab

from loadtests.hostile.jpegs import encoded
from tests.e2e.browser import chromium
from tests.serving.front.conftest import Served
from tests.web.conftest import Double
from tests.web.serving import page as served
from training.synthetic import draw

TRUSTWORTHY = "127.0.0.1"
"""Browsers send ``Sec-Fetch-Site`` to it, and to what is served over TLS."""
PLAIN = "skin.test"
"""To this name over plain HTTP they do not."""


@pytest.fixture(scope="module")
def names() -> Iterator[Browser]:
    """Browser that resolves every name of ``.test`` to this machine."""
    with chromium("--host-resolver-rules=MAP *.test 127.0.0.1") as started:
        yield started


@pytest.fixture(scope="module")
def page() -> Iterator[Served]:
    """Page with a double of the service."""
    with served(Double()) as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A synthetic lesion."""
    path = tmp_path / "lesion.png"
    path.write_bytes(encoded(Image.fromarray(draw(7, 1, size=200).image), "PNG"))
    return path


def posted(tab: Tab, button: str) -> int:
    """Status of the request that a button sends."""
    with tab.expect_response(lambda response: response.request.method == "POST") as response:
        tab.locator(button).click(no_wait_after=True)
    return int(response.value.status)


@pytest.mark.parametrize("host", [TRUSTWORTHY, PLAIN])
def test_form_post_of_the_page_is_accepted_without_javascript(
    host: str, names: Browser, page: Served, file: Path
) -> None:
    with names.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(f"http://{host}:{page.port}/")
        tab.locator("#ask input[type=file]").first.set_input_files(file)
        assert posted(tab, "#send button") == 200


@pytest.mark.parametrize("host", [TRUSTWORTHY, PLAIN])
def test_script_request_of_the_page_is_accepted(
    host: str, names: Browser, page: Served, file: Path
) -> None:
    with names.new_context() as context:
        tab = context.new_page()
        tab.goto(f"http://{host}:{page.port}/")
        with tab.expect_response(lambda response: response.request.method == "POST") as response:
            tab.locator("#ask input[type=file]").first.set_input_files(file)
            tab.locator(".ask").click()
        assert response.value.status == 200


@pytest.mark.parametrize("host", [TRUSTWORTHY, PLAIN])
@pytest.mark.parametrize("policy", ["unsafe-url", "no-referrer"])
def test_form_post_of_another_site_is_rejected(
    host: str, policy: str, names: Browser, page: Served
) -> None:
    action = f"http://{host}:{page.port}/"

    def another(route: Route) -> None:
        form = f"<form method=post enctype=multipart/form-data action={action}><button>x</button>"
        headers = {"Referrer-Policy": policy}
        route.fulfill(content_type="text/html", body=form, headers=headers)

    with names.new_context() as context:
        tab = context.new_page()
        tab.route("http://evil.test/", another)
        tab.goto("http://evil.test/")
        assert posted(tab, "button") == 403
