"""Test similar training photographs on the page, in a real browser with a real server."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.e2e.browser import send, visiting
from tests.e2e.pages import Page
from tests.e2e.test_browser_access import violations
from tests.page_texts import sentence


def test_similar_cases_replace_the_map_and_back(
    browser: Browser, page: Page, photographs: list[bytes]
) -> None:
    with visiting(browser, page.url) as visit:
        send(visit, photographs[0])
        visit.explained()
        heading = visit.heading()

        visit.tab.select_option("#method", "similar_cases")
        rows = visit.tab.locator("table.cases tbody tr")
        rows.nth(4).wait_for()
        assert rows.count() == 5
        assert sentence("cases.unseen") in visit.tab.locator("#why").inner_text()
        assert visit.tab.locator("#overlay").count() == visit.tab.locator("#share").count() == 0
        assert visit.heading() == heading
        assert violations(visit) == []

        visit.tab.select_option("#method", "grad_cam")
        visit.tab.locator("#overlay").wait_for()
        assert rows.count() == 0
