"""``make screenshots``: screenshots of the page for the documentation, with synthetic lesions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser

from benchmarks.browser import chromium, served
from benchmarks.skin import photograph

DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 760, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
SHOTS: Final[dict[str, tuple[int | None, dict[str, Any]]]] = {
    "start": (None, DESKTOP),
    "answer": (1, DESKTOP),
    "doubt": (4, DESKTOP),
    "telefon": (1, {**PHONE, "color_scheme": "dark", "locale": "da-DK"}),
    "frame": (None, PHONE),
    "several": (None, DESKTOP),
}
"""Sample and screen of each screenshot."""


def shoot(
    browser: Browser, url: str, name: str, sample: int | None, screen: dict[str, Any], to: Path
) -> None:
    """Take one screenshot of the whole page."""
    context = browser.new_context(**{"locale": "en-GB", **screen})
    tab = context.new_page()
    tab.goto(url)
    tab.wait_for_load_state("networkidle")
    if sample is not None:
        tab.locator("button.sample").nth(sample - 1).click()
        tab.locator("#overlay").wait_for()
        tab.locator("#progress").wait_for(state="hidden")
    if name in ("frame", "several"):
        file: Any = {"name": "skin.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
        tab.set_input_files("#photograph", file)
        tab.locator(".advised:not(:empty)").wait_for()
    if name == "several":
        tab.locator(".ask").click()
        tab.locator(".another").click()
        tab.locator(".ask").click()
        tab.locator(".table tbody tr").nth(1).wait_for()
    tab.evaluate("document.activeElement.blur()")
    tab.screenshot(path=to, full_page=True)
    context.close()


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with served() as url, chromium() as browser:
        for name, (sample, screen) in SHOTS.items():
            shoot(browser, url, name, sample, screen, folder / f"page-{name}.png")
            print(f"written to {folder}/page-{name}.png")


if __name__ == "__main__":
    main()
