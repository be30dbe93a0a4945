"""The page as a browser gets it: strict, readable, and in the right order."""

from __future__ import annotations

import httpx

from tests.web.conftest import Double, Elements, Reply, Visit, explanation, prediction

POLICY = {
    "default-src 'none'",
    "img-src data:",
    "style-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def pages(visit: Visit, upload: Visit, photograph: bytes) -> dict[str, httpx.Response]:
    """One of each kind."""
    broken = Double(predict=Reply(None, error=RuntimeError("a bug")))
    return {
        "form": visit("GET"),
        "answer": upload(photograph),
        "refused": upload(b"a"),
        "missing": visit("GET", "/nothing"),
        "method": visit("DELETE"),
        "bug": upload(photograph, broken),
        "style": visit("GET", "/static/page.css"),
        "health": visit("GET", "/healthz"),
    }


def test_every_reply_is_strict(visit: Visit, upload: Visit, photograph: bytes) -> None:
    replies = pages(visit, upload, photograph)
    assert [reply.status_code for reply in replies.values()] == [
        *(200, 200, 415, 404, 405, 500, 200, 200)
    ]
    for name, reply in replies.items():
        headers = reply.headers
        assert set(headers["content-security-policy"].split("; ")) == POLICY, name
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if name == "style" else "no-store"), name
        assert "set-cookie" not in headers
        assert "server" not in headers


def test_every_page_is_what_the_policy_allows_and_a_screen_reader_needs(
    visit: Visit, upload: Visit, photograph: bytes
) -> None:
    for name, reply in pages(visit, upload, photograph).items():
        if name in ("style", "health"):
            continue
        page = Elements(reply.text)
        assert not page.of("script"), name
        assert not page.of("style"), name
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for tag, attributes in page.tags:
            assert not any(key.startswith("on") or key == "style" for key in attributes), tag
            for key in ("href", "src", "action"):
                target = attributes.get(key) or "/"
                assert target.startswith(("/", "#", "data:image/", "data:,")), (name, target)
            for key in ("aria-describedby", "aria-labelledby", "for"):
                assert set((attributes.get(key) or "").split()) <= set(ids), (name, tag)
        assert page.of("html") == [{"lang": "en"}]
        assert len(page.of("h1")) == len(page.of("main")) == len(page.of("title")) == 1
        assert page.text.count("Not a medical device") == 1
        assert all(attributes.get("alt") for attributes in page.of("img"))


def test_the_form_takes_a_photograph(visit: Visit) -> None:
    page = Elements(visit("GET").text)

    (form,) = page.of("form")
    (field,) = page.of("input")
    assert form["method"] == "post"
    assert form["enctype"] == "multipart/form-data"
    assert form["action"] == "/"
    assert field["type"] == "file"
    assert field["accept"] == "image/jpeg,image/png,image/webp"
    assert {"for": field["id"]} in page.of("label")
    assert "up to 15 MB" in page.text
    assert field["name"] == "photograph"


def test_the_answer_is_read_from_top_to_bottom(upload: Visit, photograph: bytes) -> None:
    doubtful = prediction(review=True, reasons=["near_threshold", "low_quality"])
    page = upload(photograph, Double(predict=Reply({"predictions": [doubtful]})))
    elements = Elements(page.text)

    told = [
        "The model says: cancer",
        "about 21 show cancer",
        "10.9",
        "A person must look",
        "so close to the threshold",
        "more light",
        "Why",
        "What the model saw",
        "Red spoke for cancer",
        "0.82",
        "not what is true",
        "folder-weights-1a2b3c4d",
    ]
    places = [elements.text.find(text) for text in told]
    assert -1 not in places
    assert places == sorted(places)
    seen, overlay = (attributes["src"] or "" for attributes in elements.of("img"))
    assert seen.startswith("data:image/jpeg;base64,")
    assert overlay == "data:image/png;base64," + explanation()["overlay"]
    assert page.status_code == 200


def test_both_are_asked_about_the_same_pixels(upload: Visit, photograph: bytes) -> None:
    double = Double()
    upload(photograph, double)

    first, second = double.images()
    assert first == second
    assert first.startswith(b"\x89PNG")


def test_without_an_explanation_the_answer_stands(upload: Visit, photograph: bytes) -> None:
    page = upload(photograph, Double(explain=Reply({}, 503, {"retry-after": "3"})))

    elements = Elements(page.text)
    assert page.status_code == 200
    assert "about 21 show cancer" in elements.text
    assert "no explanation this time" in elements.text
    assert "in 3 seconds" in elements.text
    assert elements.of("img") == []


def test_what_others_wrote_is_shown_as_text(upload: Visit, photograph: bytes) -> None:
    evil = "<img src=x onerror=alert(1)>"
    odd = prediction(review=True, reasons=[evil], model_version=evil)
    page = upload(photograph, Double(predict=Reply({"predictions": [odd]})))

    elements = Elements(page.text)
    assert elements.text.count(evil) == 2
    assert not any(attributes.get("src") == "x" for attributes in elements.of("img"))


def test_health_is_the_pages_own(visit: Visit) -> None:
    double = Double(predict=Reply(None, error=httpx.ConnectError("refused")))

    reply = visit("GET", "/healthz", double)

    assert (reply.status_code, reply.text) == (200, "ok\n")
    assert double.asked == []


def test_page_and_style_are_light(visit: Visit, upload: Visit, photograph: bytes) -> None:
    style = len(visit("GET", "/static/page.css").content)
    page = upload(photograph)
    pictures = sum(len(attributes["src"] or "") for attributes in Elements(page.text).of("img"))

    assert len(page.content) - pictures + style < 20_000
