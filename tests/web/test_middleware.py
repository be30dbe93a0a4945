"""Test protection against cross-site posts and foreign host names."""

from __future__ import annotations

import pytest

from tests.page_texts import sentence
from tests.web.conftest import Double, Elements, Visit
from web.settings import PageSettings

FORM = {"files": {"photograph": ("x", b"x")}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),  # curl; the photograph is not one
        ({"sec-fetch-site": "same-origin"}, 415),
        ({"sec-fetch-site": "none"}, 415),
        ({"sec-fetch-site": "same-origin", "origin": "http://another"}, 415),  # behind a gateway
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://page"}, 403),
        ({"sec-fetch-site": ""}, 403),
        ({"origin": "http://page"}, 415),
        ({"origin": "https://PAGE:443"}, 415),
        ({"origin": "http://page:8000", "host": "page:8000"}, 415),
        ({"origin": "http://page:8001", "host": "page:8000"}, 403),
        ({"origin": "http://another"}, 403),
        ({"origin": "http://page.another"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
    ],
)
def test_accepts_posts_of_this_page_only(
    headers: dict[str, str], status: int, visit: Visit
) -> None:
    for path in ("/", "/explanation"):
        double = Double()
        reply = visit("POST", path, double, headers=headers, **FORM)
        assert reply.status_code == status, path
        assert double.asked == []
        assert (sentence("failures.other_site.heading") in Elements(reply.text).text) is (
            status == 403
        )


def test_allows_get_from_anywhere(visit: Visit) -> None:
    assert visit("GET", headers={"sec-fetch-site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        ("*", "anything:80", 200),
        ("page", "page", 200),
        ("page", "PAGE:8000", 200),
        ("page,other", "other", 200),
        ("page", "other", 421),
        ("page", "page.other", 421),
        ("page", "", 421),
        ("*.example.org", "a.example.org", 200),
        ("*.example.org", "example.org", 421),
        ("*.example.org", "aexample.org", 421),
        ("127.0.0.1", "127.0.0.1:8000", 200),
        ("[::1],page", "[::1]:8000", 200),
        ("[::1],page", "[::1]", 200),
        ("page", "[::1]:8000", 421),
    ],
)
def test_answers_only_under_its_host_names(
    hosts: str, host: str, status: int, visit: Visit
) -> None:
    settings = PageSettings(page_hosts=hosts)

    reply = visit("GET", settings=settings, headers={"host": host})

    assert reply.status_code == status
    assert ("LESIONLENS_PAGE_HOSTS" in reply.text) is (status == 421)
    assert "content-security-policy" in reply.headers
    # A probe comes to the address of a pod.
    assert visit("GET", "/healthz", settings=settings, headers={"host": host}).is_success
