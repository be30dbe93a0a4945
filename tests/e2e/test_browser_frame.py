"""Test framing, several lesions, risk and one's own impression in a real browser."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator

from benchmarks.skin import LESIONS, SIZE, photograph
from handlers.decoding import decode, framed_view
from handlers.structure import Box
from tests.e2e.browser import PHONE, Visit, choose, visiting
from tests.e2e.pages import Page
from tests.e2e.requests_of import PREDICT, instances
from tests.e2e.test_browser_access import violations
from tests.page_texts import sentence
from tests.serving.front.conftest import Served
from tests.web.conftest import Double, Reply, prediction
from tests.web.serving import page as page_of
from web.settings import PageSettings

PINCH = """(stage) => {
    const box = stage.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const send = (kind, id, dx) => stage.dispatchEvent(new PointerEvent(kind, {
        pointerId: id, clientX: x + dx, clientY: y, button: 0, bubbles: true, cancelable: true,
    }));
    stage.setPointerCapture = () => {};  // there is no such finger
    send("pointerdown", 1, -40); send("pointerdown", 2, 40);
    send("pointermove", 1, -20); send("pointermove", 2, 20);
    send("pointerup", 1, -20); send("pointerup", 2, 20);
}"""
REFUSED = "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')); }"
UNTRUE = """
const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...where) {
    const found = read.apply(this, where);
    for (let at = 0; at < found.data.length; at += 1) found.data[at] ^= (at * 37) & 255;
    return found;
};"""


@pytest.fixture(scope="module")
def skin() -> bytes:
    return photograph()


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def served(double: Double) -> Iterator[Served]:
    with page_of(double) as running:
        yield running


def box_of(visit: Visit) -> Box:
    """The square as it is on the photograph, which is not enlarged."""
    stage, square = (visit.tab.locator(name).bounding_box() for name in (".stage", ".square"))
    assert stage is not None
    assert square is not None
    return Box(
        (square["x"] - stage["x"]) / stage["width"],
        (square["y"] - stage["y"]) / stage["height"],
        square["width"] / stage["width"],
        square["height"] / stage["height"],
    )


def lies_on(box: Box, lesion: tuple[int, int, int, int, int]) -> bool:
    """Whether the middle of a lesion is in a square that is not much larger."""
    _, _, left, top, side = lesion
    x, y = (left + side / 2) / SIZE[0], (top + side / 2) / SIZE[1]
    inside = box.x < x < box.x + box.width and box.y < y < box.y + box.height
    return inside and box.width * SIZE[0] < 1.8 * side


def framing(visit: Visit, skin: bytes) -> Locator:
    choose(visit, skin)
    visit.tab.locator(".ask").wait_for()
    return visit.tab.locator(".square")


def at(served: Served) -> str:
    return f"http://127.0.0.1:{served.port}"


def test_lesions_of_a_photograph_are_framed_and_asked_about_one_by_one(
    browser: Browser, page: Page, client: httpx.Client, skin: bytes
) -> None:
    shares = []
    with visiting(browser, page.url, **PHONE) as visit:
        framing(visit, skin)
        for lesion in LESIONS:
            box = box_of(visit)
            assert lies_on(box, lesion)
            visit.tab.locator(".ask").tap()
            visit.explained()
            body = instances(skin, box=[box.x, box.y, box.width, box.height])
            expected = client.post(PREDICT, json=body).json()["predictions"][0]
            shares.append(float(visit.tab.locator(".answer").get_attribute("data-probability")))
            assert shares[-1] == pytest.approx(expected["probability"], abs=0.03)
            assert visit.tab.locator(".people").is_visible()
            visit.tab.locator(".another").wait_for()
            if lesion is LESIONS[0]:
                assert not visit.tab.locator(".table").is_visible()
                visit.tab.locator(".another").tap()
                visit.tab.locator(".ask").wait_for()
        rows = visit.tab.locator(".table tbody tr")
        order = [int(text.split()[1][0]) for text in rows.locator("button").all_inner_texts()]
        assert order == ([1, 2] if shares[0] >= shares[1] else [2, 1])
        assert violations(visit) == []
        rows.locator("button", has_text=" 1:").tap()
        first = visit.tab.locator(".answer")
        assert float(first.get_attribute("data-probability")) == shares[0]
        visit.tab.select_option("#method", "saliency")  # what the page does for it still works
        visit.tab.locator(".legend.unsigned").wait_for()
        assert len(visit.posts) == 3


def test_square_is_moved_and_sized_by_keyboard_mouse_and_fingers(
    browser: Browser, served: Served, skin: bytes
) -> None:
    with visiting(browser, at(served)) as visit:
        square = framing(visit, skin)
        assert violations(visit) == []
        before = box_of(visit)
        square.focus()
        for key in ("ArrowLeft", "ArrowDown", "+", "+", "-"):
            square.press(key)
        moved = box_of(visit)
        assert moved.x < before.x
        assert moved.y > before.y
        assert moved.width == pytest.approx(1.1 * before.width, rel=0.02)
        assert int(square.get_attribute("aria-valuenow")) > 0
        assert "from the left" in square.get_attribute("aria-valuetext")

        visit.tab.locator(".size").fill("30")
        assert box_of(visit).height == pytest.approx(0.3, abs=0.01)
        square.drag_to(visit.tab.locator(".stage"), target_position={"x": 320, "y": 240})
        middle = box_of(visit)
        assert middle.x + middle.width / 2 == pytest.approx(0.5, abs=0.02)
        place = square.bounding_box()
        corner = (place["x"] + place["width"], place["y"] + place["height"])
        visit.tab.mouse.move(*corner)
        visit.tab.mouse.down()
        visit.tab.mouse.move(corner[0] + 60, corner[1] + 60)
        visit.tab.mouse.up()
        larger = box_of(visit)
        assert larger.width > 1.2 * middle.width
        assert larger.x == pytest.approx(middle.x, abs=0.005)
        visit.tab.locator(".stage").evaluate(PINCH)
        assert box_of(visit).width == pytest.approx(larger.width / 2, rel=0.05)

        visit.tab.locator(".stage").click(position={"x": 30, "y": 30})
        cornered = box_of(visit)
        assert (cornered.x, cornered.y) == pytest.approx((0, 0), abs=0.005)
        visit.tab.locator(".zoom").fill("3")  # the photograph is enlarged, the square as it was
        assert box_of(visit).width == pytest.approx(3 * cornered.width, rel=0.02)
        assert visit.posts == []


@pytest.mark.parametrize("true", [True, False])
def test_only_the_square_is_sent(
    true: bool, browser: Browser, served: Served, double: Double, skin: bytes
) -> None:
    with visiting(browser, at(served)) as visit:
        if not true:  # a browser that hides how it draws
            visit.tab.add_init_script(UNTRUE)
            visit.tab.reload()
        square = framing(visit, skin)
        if not true:
            visit.tab.locator(".size").fill("30")
            square.press("ArrowLeft")
        box = box_of(visit)
        visit.tab.locator(".ask").click()
        visit.explained()
    wanted = np.asarray(framed_view(decode(skin, box=box), box), float)
    seen = np.asarray(Image.open(io.BytesIO(double.images()[0])), float)
    assert np.abs(seen - wanted).mean() < 3


def test_photograph_is_judged_before_it_is_sent(
    browser: Browser, served: Served, skin: bytes
) -> None:
    plain = Image.open(io.BytesIO(skin)).reduce(2)
    changed = {
        "dark": plain.point(lambda level: level // 8),
        "bright": plain.point(lambda level: min(255, level * 2)),
        "blurred": plain.resize((64, 48)).resize((800, 600)),
        "small": plain.resize((200, 150)),
    }
    with visiting(browser, at(served)) as visit:
        framing(visit, skin)
        visit.tab.locator(".advised", has_text=sentence("frame.good")).wait_for()
        for fault, picture in changed.items():
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            visit.tab.locator(".other").click()
            framing(visit, buffer.getvalue())
            said = sentence(f"frame.faults.{fault}").split("{")[0]
            visit.tab.locator(".advised", has_text=said).wait_for()
        assert visit.posts == []


@pytest.mark.parametrize("script", [True, False])
def test_own_impression_comes_before_the_answer(
    script: bool, browser: Browser, skin: bytes
) -> None:
    double = Double(Reply({"predictions": [prediction()]}))
    settings = PageSettings(page_clinicians=True)
    with (
        page_of(double, settings) as served,
        visiting(browser, at(served), java_script_enabled=script) as visit,
    ):
        choose(visit, skin)
        button = visit.tab.locator(".ask" if script else "#send button")
        if script:
            assert button.is_disabled()
        else:
            button.click()
            assert visit.heading() == sentence("failures.no_impression.heading")
            choose(visit, skin)
        assert double.asked == []
        visit.tab.locator("[name=impression][value=harmless]:visible").check()
        button.click()
        visit.tab.locator("#overlay").wait_for()
        with visit.tab.expect_download() as download:
            visit.tab.locator("#fhir").click()
        report = json.loads(download.value.path().read_text(encoding="utf-8"))
        assert report["status"] == "preliminary"
        assert report["result"][-1]["reference"] == "#impression"
        visit.tab.emulate_media(media="print")
        noted = visit.tab.locator(".impression").inner_text()
        impression = sentence("look.impressions.harmless")
        assert noted.startswith(sentence("look.noted", impression=impression))
        assert sentence("look.differs") in noted
        visit.tab.emulate_media(media="screen")
        visit.tab.goto(visit.url)
        visit.tab.locator("#look-first").uncheck()
        choose(visit, skin)
        button = visit.tab.locator(".ask" if script else "#send button")
        button.click()
        visit.tab.locator("#overlay").wait_for()
        assert visit.tab.locator(".impression").count() == 0


def test_camera_shows_the_square(browser: Browser, served: Served) -> None:
    with visiting(browser, at(served)) as visit:
        visit.tab.locator("#live button").click()
        visit.tab.locator(".advised", has_text=".").wait_for()
        assert visit.tab.locator(".stage .square").is_visible()
        assert violations(visit) == []
        visit.tab.locator(".shoot").click()
        visit.tab.locator(".ask").click()
        visit.explained()
        assert len(visit.posts) == 1
        visit.tab.evaluate(REFUSED)
        visit.tab.get_by_text(sentence("answer.again")).click()
        visit.tab.locator("#live button").click()
        visit.tab.locator(".failure").wait_for()
        assert visit.heading() == sentence("camera.denied")
