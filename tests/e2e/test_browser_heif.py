"""Test HEIC and AVIF in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from handlers.structure import formats
from tests.e2e.browser import PHONE, visiting
from tests.e2e.pages import Page
from tests.handlers.heif_files import picture, turned

FORM = "image/jpeg,image/png,image/webp"


def file(kind: str) -> Any:
    if formats.heif_enabled():
        data = turned(picture(300, 300), kind.upper(), 6)
    else:
        data = b"\0\0\0\x1cftyp" + kind.encode() + b"\0\0\0\0mif1" + bytes(64)
    return {"name": f"IMG_1.{kind.upper()}", "mimeType": "", "buffer": data}


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_heif_file_is_sent_unchanged_or_rejected_before_upload(
    kind: str, browser: Browser, page: Page
) -> None:
    with visiting(browser, page.url) as visit:
        accept = visit.tab.get_attribute("#photograph", "accept") or ""
        visit.tab.set_input_files("#photograph", file(kind))
        if formats.heif_enabled():
            if kind == "avif":  # Chromium shows it
                visit.tab.locator(".ask").click()
            visit.tab.locator("#why").wait_for()

            assert accept.startswith(f"{FORM},image/heic,.heic,image/avif,.avif")
            assert len(visit.posts) == 1
        else:
            visit.tab.locator(".failure").wait_for()

            assert accept == FORM
            assert kind.upper() in visit.heading()
            assert visit.posts == []


def test_form_does_not_accept_heic_so_that_phones_send_jpeg(browser: Browser, page: Page) -> None:
    with visiting(browser, page.url, **PHONE) as visit:
        assert visit.tab.get_attribute("#photograph", "accept") == FORM
