"""Page in this process, and a double of the service for failures."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.types import Receive, Scope, Send

from loadtests.hostile.jpegs import encoded
from serving.front.buffers import ByteBudget
from training.synthetic import draw
from web import app
from web.app import create_app
from web.settings import PageSettings

PREDICT = "/v1/models/melanoma:predict"
EXPLAIN = "/v1/models/melanoma:explain"
NAME = '"><script>alert(1)</script>\n.jpg'
"""What a hostile sender calls a file."""


@pytest.fixture(scope="session")
def lesion() -> Image.Image:
    """A synthetic lesion, 200 x 160 pixels: neither square nor symmetrical."""
    return Image.fromarray(draw(7, 1, size=200).image).crop((0, 20, 200, 180))


@pytest.fixture(scope="session")
def photograph(lesion: Image.Image) -> bytes:
    """A JPEG."""
    return encoded(lesion, "JPEG", quality=92)


def prediction(**changes: Any) -> dict[str, Any]:
    """Response of the service."""
    return {
        "label": "cancer",
        "probability": 0.209984,
        "threshold": 0.109434,
        "review": False,
        "reasons": [],
        "model_version": "folder-weights-1a2b3c4d",
        "risk": 0.005395,
        "prevalence": 0.02,
        **changes,
    }


def explanation(**changes: Any) -> dict[str, Any]:
    """Response of the service."""
    overlay = encoded(Image.new("RGB", (224, 224), (178, 24, 43)), "PNG")
    explained = {
        "method": "grad_cam",
        "target": "cancer",
        "heatmap": "",
        "overlay": base64.b64encode(overlay).decode(),
        "attribution": {"shape": [7, 7], "values": [[0.0]]},
        "scale": 0.8214,
        "convergence_delta": None,
        "lesion_mass": 0.71,
        "signed": True,
    }
    return {**prediction(), **explained, **changes}


def similar_cases(thumbnail: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """Response of the service."""
    shown = {} if thumbnail is None else {"thumbnail": base64.b64encode(thumbnail).decode()}
    cases = [
        {"label": label, "distance": distance, **shown}
        for label, distance in (("no cancer", 0.083477), ("cancer", 0.142184), ("cancer", 0.2))
    ]
    return {**prediction(), "method": "similar_cases", "cases": cases, **changes}


@dataclass
class Reply:
    """Response of the double on one path."""

    document: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    error: Exception | None = None


@dataclass
class Double:
    """ASGI double of the service that records requests."""

    predict: Reply = field(default_factory=lambda: Reply({"predictions": [prediction()]}))
    explain: Reply = field(default_factory=lambda: Reply({"explanations": [explanation()]}))
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, body))
        reply = {PREDICT: self.predict, EXPLAIN: self.explain}[scope["path"]]
        await asyncio.sleep(reply.seconds)
        if reply.error is not None:
            raise reply.error
        text = reply.document
        data = text if isinstance(text, bytes) else json.dumps(text).encode()
        sent = {"content-type": "application/json", **reply.headers}
        pairs = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        await send({"type": "http.response.body", "body": data})

    def images(self) -> list[bytes]:
        """Files of the recorded requests."""
        rows = [json.loads(body)["instances"][0]["data"] for _, _, body in self.asked]
        return [base64.b64decode(row) for row in rows]


class Elements(HTMLParser):
    """Parser that collects start tags, attributes and text, except in templates."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.templates = 0
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.templates += tag == "template"
        if not self.templates:
            self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.templates -= tag == "template"

    def handle_data(self, data: str) -> None:
        if not self.templates:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> ByteBudget:
    """Limit uploads to 2 MB for pages created afterwards."""
    made = ByteBudget(2_000_000)
    monkeypatch.setattr(app, "ByteBudget", lambda *_: made)
    return made


Visit = Callable[..., httpx.Response]


@pytest.fixture
def visit() -> Visit:
    """Send one request to a new page with its own double of the service."""

    def run(
        method: str,
        path: str = "/",
        double: Double | None = None,
        settings: PageSettings | None = None,
        **request: Any,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            behind = httpx.ASGITransport(double or Double())
            page = create_app(settings or PageSettings(), behind)
            transport = httpx.ASGITransport(page, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
                return await client.request(method, path, **request)

        return asyncio.run(ask())

    return run


@pytest.fixture
def upload(visit: Visit) -> Visit:
    """Send a file like the form."""

    def run(data: bytes, double: Double | None = None, **more: Any) -> httpx.Response:
        files = {"photograph": (NAME, data, "image/jpeg")}
        return visit("POST", double=double, files=files, **more)

    return run


@pytest.fixture(scope="session")
def photographs_of_the_sample(real_lesions: Path) -> list[bytes]:
    """Forty real photographs."""
    return [path.read_bytes() for path in sorted(real_lesions.glob("test/*/*.jpg"))[::3]]
