"""Test accessibility with axe-core in every state of the page, theme and screen size."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from benchmarks.skin import photograph
from tests.e2e.browser import DESKTOP, PHONE, Visit, choose, visiting
from tests.e2e.pages import Page
from tests.page_texts import sentence

SCREENS = {"desktop": DESKTOP, "phone": PHONE}


def violations(visit: Visit) -> list[str]:
    found = Axe().run(visit.tab)
    assert found.response["passes"]  # it did look
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}"
        for one in found.response["violations"]
    ]


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(scheme: Any, screen: str, browser: Browser, page: Page) -> None:
    options = {**SCREENS[screen], "color_scheme": scheme, "reduced_motion": "reduce"}
    with visiting(browser, page.url, **options) as visit:
        visit.tab.locator("summary").click()
        assert violations(visit) == []

        choose(visit, b"no picture")
        visit.tab.locator(".failure").wait_for()
        assert violations(visit) == []

        visit.tab.locator("button.sample").nth(3).click()  # the one that is doubted
        visit.explained()
        assert violations(visit) == []
        visit.tab.get_by_text(sentence("answer.again")).click()
        choose(visit, photograph())
        visit.tab.locator(".ask").wait_for()
        assert violations(visit) == []
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not visit.tab.evaluate(wide)


def test_axe_detects_a_planted_violation(browser: Browser, page: Page) -> None:
    with visiting(browser, page.url) as visit:
        visit.tab.evaluate("document.querySelector('label').remove()")
        assert any(found.startswith("label") for found in violations(visit))


def test_skip_link_gets_first_focus(browser: Browser, page: Page) -> None:
    with visiting(browser, page.url) as visit:
        visit.tab.keyboard.press("Tab")
        assert visit.tab.evaluate("document.activeElement.className") == "skip"
