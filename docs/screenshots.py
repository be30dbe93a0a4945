"""``make screenshots``: screenshots of the page for the documentation, with synthetic lesions."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.browser import chromium, served
from benchmarks.skin import photograph
from serving.process import exit_when_terminated

DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 760, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
CAMERA: Final = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""Flags of a browser with a camera, which plays a file."""


class Shot(NamedTuple):
    """One state of the page."""

    reach: Callable[[Page], None]
    """Brings the page from its start to the state."""
    screen: dict[str, Any]


def _start(tab: Page) -> None:
    pass


def _sample(number: int) -> Callable[[Page], None]:
    def ask(tab: Page) -> None:
        tab.locator("button.sample").nth(number - 1).click()
        _explained(tab)

    return ask


def _explained(tab: Page) -> None:
    tab.locator("#overlay").wait_for()
    tab.locator("#progress").wait_for(state="hidden")


def _choose(tab: Page) -> None:
    file: Any = {"name": "skin.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    tab.set_input_files("#photograph", file)
    tab.locator(".advised:not(:empty)").wait_for()


def _camera(tab: Page) -> None:
    tab.locator("#live button").click()
    tab.locator(".advised:not(:empty)").wait_for()


def _several(tab: Page) -> None:
    _choose(tab)
    tab.locator(".ask").click()
    tab.locator(".another").click()
    tab.locator(".ask").click()
    tab.locator(".table tbody tr").nth(1).wait_for()


def _look_first(tab: Page) -> None:
    tab.locator("#look-first").check()
    _choose(tab)


def _impression(tab: Page) -> None:
    _look_first(tab)
    tab.locator("[name=impression]:visible").first.check()
    tab.locator(".ask").click()
    _explained(tab)


def _similar_cases(tab: Page) -> None:
    _sample(1)(tab)
    tab.select_option("#method", "similar_cases")
    tab.locator("table.cases tbody tr").nth(4).wait_for()


def _rejected(tab: Page) -> None:
    file: Any = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a photograph"}
    tab.set_input_files("#photograph", file)
    tab.locator(".failure").wait_for()


SHOTS: Final = {
    "start": Shot(_start, DESKTOP),
    "no-script": Shot(_start, DESKTOP | {"java_script_enabled": False}),
    "frame": Shot(_choose, PHONE),
    "camera": Shot(_camera, PHONE),
    "look-first": Shot(_look_first, PHONE),
    "impression": Shot(_impression, DESKTOP),
    "answer": Shot(_sample(1), DESKTOP),
    "doubt": Shot(_sample(4), DESKTOP),
    "similar-cases": Shot(_similar_cases, DESKTOP),
    "several": Shot(_several, DESKTOP),
    "rejected": Shot(_rejected, PHONE),
    "phone": Shot(_sample(1), {**PHONE, "color_scheme": "dark", "locale": "da-DK"}),
}
"""States by the name of their picture."""


def shoot(browser: Browser, url: str, shot: Shot, to: Path) -> None:
    """Take one screenshot of the whole page."""
    context = browser.new_context(**{"locale": "en-GB", **shot.screen})
    tab = context.new_page()
    tab.goto(url)
    tab.wait_for_load_state("networkidle")
    shot.reach(tab)
    if shot.screen.get("java_script_enabled", True):
        tab.evaluate("document.activeElement.blur()")
    tab.screenshot(path=to, full_page=True)
    context.close()


def main() -> None:
    """Take all screenshots, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*SHOTS, []], metavar="name")
    parser.add_argument("--folder", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, served() as url:
        # A film of one picture: what the camera sees.
        film = Path(scratch) / "camera.mjpeg"
        film.write_bytes(photograph())
        with chromium(*CAMERA, f"--use-file-for-fake-video-capture={film}") as browser:
            for name in options.names or SHOTS:
                shoot(browser, url, SHOTS[name], folder / f"page-{name}.png")
                print(f"written to {folder}/page-{name}.png")


if __name__ == "__main__":
    exit_when_terminated()
    main()
