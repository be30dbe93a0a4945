"""Test the page in a real browser with a real server."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from handlers.imaging import centre_view, decode
from tests.e2e.browser import PHONE, Visit, choose, send, visiting
from tests.e2e.pages import NAME, Page, with_position
from tests.e2e.relay import Relay
from tests.page_texts import sentence

DROP = """({name, base64}) => {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type: "image/jpeg"}));
    const event = {dataTransfer: data, bubbles: true, cancelable: true};
    document.body.dispatchEvent(new DragEvent("dragover", event));
    document.body.dispatchEvent(new DragEvent("drop", event));
}"""


@pytest.fixture
def visit(browser: Browser, page: Page) -> Iterator[Visit]:
    with visiting(browser, page.url) as begun:
        yield begun


def clip(visit: Visit) -> str:
    return str(visit.tab.locator("#overlay").evaluate("one => getComputedStyle(one).clipPath"))


def test_chosen_file_is_predicted_and_explained(
    browser: Browser, page: Page, photographs: list[bytes]
) -> None:
    secret = with_position(photographs[0])
    assert Image.open(io.BytesIO(secret)).getexif().get_ifd(0x8825)[1] == "N"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        with Relay(listening, page.port) as relay, visiting(browser, relay.url) as visit:
            send(visit, secret)
            visit.explained()

            frequency = visit.tab.locator(".frequency").inner_text()
            assert frequency.startswith(sentence("answer.frequency"))
            assert visit.tab.evaluate("document.activeElement.tagName") == "H1"
            assert len(visit.posts) == 1
            first = relay.heard
            visit.tab.select_option("#method", "saliency")
            visit.tab.locator(".legend.unsigned").wait_for()
            again = relay.heard[len(first) :]

    assert NAME.encode() not in first
    sent = first[first.index(b"\x89PNG") :]
    framed = Image.open(io.BytesIO(sent)).convert("RGB")
    assert dict(framed.getexif()) == {}  # pixels of the square, upright, and nothing else
    seen, wanted = (np.asarray(centre_view(one), float) for one in (framed, decode(secret)))
    assert np.abs(seen - wanted).mean() < 1
    # Another explanation is of the square that is on the page already.
    square = Image.open(io.BytesIO(again[again.index(b"\x89PNG") :]))
    assert square.size == (224, 224)


def test_dropped_file_is_predicted_and_explained(visit: Visit, photographs: list[bytes]) -> None:
    dropped = {"name": NAME, "base64": base64.b64encode(photographs[1]).decode()}
    visit.tab.evaluate(DROP, dropped)
    visit.tab.locator(".ask").click()
    visit.explained()

    assert sentence("answer.frequency") in visit.tab.locator(".frequency").inner_text()
    assert visit.tab.locator("time").count() == visit.tab.locator(".actions").count() == 1
    assert len(visit.posts) == 1


def test_sample_gets_prediction_without_upload(visit: Visit) -> None:
    visit.tab.locator("button.sample").first.press("Enter")
    visit.explained()

    (sent,) = visit.posts
    assert sent.post_data == "sample=1.jpg"


def test_slider_and_methods_work_by_keyboard(visit: Visit) -> None:
    visit.tab.locator("button.sample").first.click()
    visit.explained()
    slider = visit.tab.locator("#share")
    half = clip(visit)
    slider.press("End")
    assert (half, clip(visit)) == ("inset(0px 50% 0px 0px)", "inset(0px 0% 0px 0px)")
    slider.press("Home")
    assert clip(visit) == "inset(0px 100% 0px 0px)"
    heading = visit.heading()

    method = visit.tab.locator("#method")
    method.focus()
    method.press("s")  # Saliency
    visit.tab.locator(".legend.unsigned").wait_for()

    assert visit.tab.evaluate("document.activeElement.id") == "method"
    assert visit.tab.locator("#method").input_value() == "saliency"
    assert sentence("explanation.colours.unsigned")[:20] in visit.tab.locator("#why").inner_text()
    assert visit.heading() == heading
    assert [urlsplit(post.url).path for post in visit.posts] == ["/", "/explanation"]


def test_other_photograph_starts_from_the_form(visit: Visit, photographs: list[bytes]) -> None:
    visit.tab.locator("button.sample").first.click()
    visit.explained()
    visit.tab.get_by_text(sentence("answer.again")).click()

    assert visit.heading() == sentence("page.title")
    send(visit, photographs[0])
    visit.explained()
    assert len(visit.posts) == 2


def test_printed_report_has_both_pictures(visit: Visit) -> None:
    visit.tab.locator("button.sample").first.click()
    visit.explained()
    visit.tab.emulate_media(media="print")

    left, right = (visit.tab.locator(name).bounding_box() for name in ("#seen", "#overlay"))
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"]
    assert clip(visit) == "none"
    assert not visit.tab.locator("#again").is_visible()
    text = visit.tab.locator("body").inner_text()
    assert "Not a medical device" in text
    assert "Model " in text
    assert visit.tab.locator("time").is_visible()


def test_works_without_javascript(browser: Browser, page: Page, photographs: list[bytes]) -> None:
    with visiting(browser, page.url, java_script_enabled=False) as visit:
        choose(visit, photographs[0])
        visit.tab.locator("button[type=submit]").first.click()
        visit.tab.locator("#overlay").wait_for()

        assert visit.tab.locator("#seen").is_visible()
        assert not visit.tab.locator("#share").is_visible()
        visit.tab.goto(page.url)
        visit.tab.locator("button.sample").nth(1).click()
        visit.tab.locator("#overlay").wait_for()


def test_danish_browser_gets_danish_page(browser: Browser, page: Page) -> None:
    with visiting(browser, page.url, locale="da-DK", **PHONE) as visit:
        assert visit.tab.locator("html").get_attribute("lang") == "da"
        assert visit.tab.locator("#camera").is_visible()
        visit.tab.locator("button.sample").first.tap()
        visit.explained()
        frequency = visit.tab.locator(".frequency").inner_text()
        assert frequency.startswith(sentence("answer.frequency", "da"))
        visit.tab.get_by_text("English", exact=True).tap()
        visit.tab.get_by_text("Your photograph", exact=True).first.wait_for()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 300), (200, 150, 120)).save(buffer, "JPEG")
    return buffer.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = "broken"</script></svg>'
POLYGLOT = sentence("failures.polyglot.heading")
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "svg": (lambda: SVG, sentence("failures.not_a_picture.heading")),
    "zip in a jpeg": (
        lambda: jpeg() + b"PK\x05\x06" + bytes(18),
        sentence("failures.polyglot.heading"),
    ),
    "page in a jpeg": (
        lambda: jpeg()[:20] + b"<script>" + jpeg()[20:],
        sentence("failures.polyglot.heading"),
    ),
    "jpeg 2000": (lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64), "JPEG 2000"),
    "jpeg xl": (lambda: b"\xff\x0a" + bytes(64), "JPEG XL"),
    "dicom": (lambda: bytes(128) + b"DICM" + bytes(64), "DICOM"),
    "nothing": (lambda: b"", sentence("failures.not_a_picture.heading")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_rejected_before_upload(name: str, visit: Visit) -> None:
    data, message = HOSTILE[name]
    choose(visit, data(), '"><img src=x onerror="document.title=1">.jpg')
    visit.tab.locator(".failure").wait_for()

    assert message in visit.heading()
    assert visit.posts == []
    assert visit.tab.locator("main img:not(.sample img)").count() == 0
    assert visit.tab.title().endswith("LesionLens")


def test_truncated_file_is_left_to_the_server(visit: Visit) -> None:
    choose(visit, jpeg()[: len(jpeg()) // 2])
    visit.tab.locator(".failure").wait_for()

    assert visit.heading() == sentence("failures.broken.heading")
    assert len(visit.posts) == 1  # which may read what the script cannot


def test_200_megabyte_file_is_rejected_before_reading(visit: Visit, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(200_000_000)

    visit.tab.set_input_files("#photograph", large)
    visit.tab.locator(".failure").wait_for()

    assert visit.heading() == sentence("failures.too_large.heading")
    failure = visit.tab.locator(".failure").inner_text()
    assert sentence("failures.too_large.text", limit=15) in failure
    assert visit.posts == []


def test_page_has_a_strict_policy_and_stores_nothing(visit: Visit) -> None:
    headers = visit.tab.request.get(visit.url).headers
    policy = headers["content-security-policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "set-cookie" not in headers
    assert visit.tab.context.cookies() == []
    storage = visit.tab.evaluate("[localStorage.length, sessionStorage.length]")
    assert storage == [0, 0]
    assert json.loads(visit.tab.locator("#words").inner_text())["max_bytes"] == 15_000_000
