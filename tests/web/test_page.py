"""Test the page's HTML and headers."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from loadtests.hostile.heifs import heic
from tests.handlers.heif_files import avif, picture
from tests.page_texts import sentence
from tests.web.conftest import EXPLAIN, Double, Elements, Reply, Visit, explanation, prediction
from web import options
from web.app import HERE, create_app
from web.pictures import read
from web.settings import PageSettings

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def pages(visit: Visit, upload: Visit, photograph: bytes) -> dict[str, httpx.Response]:
    """One page of each kind."""
    broken = Double(predict=Reply(None, error=RuntimeError("a bug")))
    return {
        "form": visit("GET"),
        "answer": upload(photograph),
        "refused": upload(b"a"),
        "missing": visit("GET", "/nothing"),
        "method": visit("DELETE"),
        "bug": upload(photograph, broken),
        "style": visit("GET", "/static/page.css"),
        "script": visit("GET", "/static/page.js"),
        "health": visit("GET", "/healthz"),
    }


def test_every_reply_has_strict_security_headers(
    visit: Visit, upload: Visit, photograph: bytes
) -> None:
    replies = pages(visit, upload, photograph)
    assert [reply.status_code for reply in replies.values()] == [
        *(200, 200, 415, 404, 405, 500, 200, 200, 200)
    ]
    for name, reply in replies.items():
        headers = reply.headers
        assert set(headers["content-security-policy"].split("; ")) == POLICY, name
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == (
            "no-cache" if name in ("style", "script") else "no-store"
        ), name
        assert "set-cookie" not in headers
        assert "server" not in headers


def test_every_page_follows_the_content_policy_and_is_accessible(
    visit: Visit, upload: Visit, photograph: bytes
) -> None:
    for name, reply in pages(visit, upload, photograph).items():
        if name in ("style", "script", "health"):
            continue
        page = Elements(reply.text)
        code, data = page.of("script")
        assert code == {"type": "module", "src": "/static/page.js"}
        assert data == {"id": "words", "type": "application/json"}
        assert not page.of("style"), name
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for tag, attributes in page.tags:
            assert not any(key.startswith("on") or key == "style" for key in attributes), tag
            for key in ("href", "src", "action"):
                target = attributes.get(key) or "/"
                assert target.startswith(
                    ("/", "#", "data:image/", "data:,", "data:application/fhir+json;")
                ), (name, target)
            for key in ("aria-describedby", "aria-labelledby", "for"):
                assert set((attributes.get(key) or "").split()) <= set(ids), (name, tag)
        assert page.of("html") == [{"lang": "en"}]
        assert '<a href="/?lang=da" lang="da" hreflang="da">Dansk</a>' in reply.text
        assert len(page.of("h1")) == len(page.of("main")) == len(page.of("title")) == 1
        assert page.text.count("Not a medical device") == 1
        assert all(attributes.get("alt") for attributes in page.of("img"))


def test_form_accepts_a_photograph(visit: Visit) -> None:
    page = Elements(visit("GET").text)

    form, _ = page.of("form")
    field, *_ = page.of("input")
    assert form["method"] == "post"
    assert form["enctype"] == "multipart/form-data"
    assert form["action"] == "/?lang=en"
    assert field["type"] == "file"
    assert field["accept"] == "image/jpeg,image/png,image/webp"
    assert {"for": field["id"]} in page.of("label")
    assert "up to 15 MB" in page.text
    assert field["name"] == "photograph"


@pytest.mark.usefixtures("without_heif")
def test_heic_is_off_by_default_in_form_and_script(visit: Visit) -> None:
    page = visit("GET").text

    assert "JPEG, PNG or WebP, up to" in page
    assert '"optional": []' in page


@pytest.mark.usefixtures("heif")
def test_enabled_heic_is_sent_by_the_script_and_not_offered_by_the_form(
    visit: Visit,
) -> None:
    """Check it, because an iPhone sends a JPEG to a form that does not accept HEIC."""
    page = visit("GET").text

    assert "JPEG, PNG, WebP, HEIC or AVIF, up to" in page
    assert '"optional": ["heic", "avif"]' in page
    assert Elements(page).of("input")[0]["accept"] == "image/jpeg,image/png,image/webp"


@pytest.mark.usefixtures("heif")
@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_enabled_heic_and_avif_are_answered(upload: Visit, kind: str) -> None:
    double = Double()

    page = upload(heic(picture()) if kind == "HEIC" else avif(picture()), double)

    assert page.status_code == 200
    assert double.images()[0].startswith(b"\x89PNG")


def test_answer_has_its_parts_in_order(upload: Visit, photograph: bytes) -> None:
    doubtful = prediction(review=True, reasons=["near_threshold", "low_quality"])
    page = upload(photograph, Double(predict=Reply({"predictions": [doubtful]})))
    elements = Elements(page.text)

    expected = [
        sentence("answer.doubtful.unsuitable"),
        sentence("review.yes"),
        sentence("review.reasons.near_threshold"),
        sentence("review.reasons.low_quality"),
        sentence("review.advice.again"),
        sentence("review.advice.cancer"),
        sentence("answer.choice.cancer"),
        "about 21",
        "10.9",
        sentence("explanation.heading"),
        sentence("explanation.seen"),
        sentence("explanation.colours.signed"),
        "0.82",
        sentence("explanation.meaning"),
        "folder-weights-1a2b3c4d",
    ]
    offsets = [elements.text.find(part) for part in expected]
    assert -1 not in offsets
    assert offsets == sorted(offsets)
    seen, overlay = (attributes["src"] or "" for attributes in elements.of("img"))
    assert seen.startswith("data:image/png;base64,")
    assert overlay == "data:image/png;base64," + explanation()["overlay"]
    assert page.status_code == 200


def test_prediction_and_explanation_get_the_same_pixels(upload: Visit, photograph: bytes) -> None:
    double = Double()
    upload(photograph, double)

    first, second = double.images()
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_prediction_is_shown_without_an_explanation(upload: Visit, photograph: bytes) -> None:
    busy = Double(explain=Reply({}, 503, {"retry-after": "9"}))
    page = upload(photograph, busy)

    elements = Elements(page.text)
    assert page.status_code == 200
    assert "about 21 show cancer" in elements.text
    assert sentence("explanation.missing") in elements.text
    assert "in 9 seconds" in elements.text
    (seen,) = elements.of("img")
    assert seen["id"] == "seen"  # to be explained after all


def test_foreign_text_is_escaped(upload: Visit, photograph: bytes) -> None:
    evil = "<img src=x onerror=alert(1)>"
    odd = prediction(review=True, reasons=[evil], model_version=evil)
    page = upload(photograph, Double(predict=Reply({"predictions": [odd]})))

    elements = Elements(page.text)
    assert elements.text.count(evil) == 2
    assert not any(attributes.get("src") == "x" for attributes in elements.of("img"))


def test_health_is_that_of_the_page_only(visit: Visit) -> None:
    double = Double(predict=Reply(None, error=httpx.ConnectError("refused")))

    reply = visit("GET", "/healthz", double)

    assert (reply.status_code, reply.text) == (200, "ok\n")
    assert double.asked == []


def test_page_and_style_are_small(visit: Visit, upload: Visit, photograph: bytes) -> None:
    static = sum(
        len(visit("GET", f"/static/{path.name}").content)
        for path in (HERE / "static").iterdir()
        if path.is_file()
    )
    page = upload(photograph)
    pictures = sum(len(attributes["src"] or "") for attributes in Elements(page.text).of("img"))

    assert len(page.content) - pictures + static < 100_000


def test_prediction_is_shown_before_the_explanation(photograph: bytes) -> None:
    double = Double()
    double.explain.seconds = 3600

    async def before() -> str:
        page = create_app(PageSettings(), httpx.ASGITransport(double))
        parts: asyncio.Queue[bytes] = asyncio.Queue()
        request = httpx.Request("POST", "http://page/", files={"photograph": ("x", photograph)})
        body = [{"type": "http.request", "body": request.read(), "more_body": False}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            await parts.put(message.get("body", b""))

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(b"content-type", request.headers["content-type"].encode())],
        }
        serving = asyncio.create_task(page(scope, receive, send))  # type: ignore[arg-type]
        seen = ""
        while "</section>" not in seen:
            seen += (await asyncio.wait_for(parts.get(), 30)).decode()
        serving.cancel()
        return seen

    seen = asyncio.run(before())

    assert sentence("answer.heading.cancer") in seen
    assert 'id="why"' in seen
    assert "overlay" not in seen


def test_other_method_replaces_a_part_of_the_page(visit: Visit, photograph: bytes) -> None:
    double = Double()
    files = {"photograph": ("x", photograph)}
    asked = {"method": "lime", "version": "an older one"}

    part = visit("POST", "/explanation", double, files=files, data=asked)

    elements = Elements(part.text)
    (path, _, body) = double.asked[0]
    assert (path, json.loads(body)["instances"][0]["method"]) == (EXPLAIN, "lime")
    assert elements.of("html") == []
    assert sentence("explanation.other_model") in elements.text
    assert len(elements.of("img")) == 2
    assert visit("POST", "/explanation", files=files, data={"method": "x"}).status_code == 400


def test_sample_is_predicted_without_upload(
    visit: Visit, photograph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.jpg").write_bytes(photograph)
    monkeypatch.setattr(options, "SAMPLES", tmp_path)
    double = Double()

    page = visit("GET")
    answer = visit("POST", double=double, data={"sample": "1.jpg"})

    assert 'src="/static/samples/1.jpg"' in page.text
    assert answer.status_code == 200
    assert double.images()[0] == read(io.BytesIO(photograph), 10**6)
    for name in ("2.jpg", "../1.jpg", "/etc/passwd"):
        assert visit("POST", data={"sample": name}).status_code == 400
