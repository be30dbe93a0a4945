"""``make benchmark NAME=page``: time from a dropped photograph to its answer, in a real browser."""

from __future__ import annotations

import argparse
import base64
import io
from collections import Counter
from typing import Final

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Response
from rich.progress import track

from benchmarks.browser import chromium, served
from loadtests.results import percentiles
from web import options

SIZE: Final = (4000, 3000)
"""Twelve megapixels."""
NOISE: Final = 6.0
"""Standard deviation of the noise, of 255: like a camera's, so that the file is as large."""
DROPS: Final = 20
WARM: Final = 3

DROP: Final = """async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "photograph.jpg", {type: "image/jpeg"}));
    const shown = (selector) => new Promise((resolve) => {
        const look = () => {
            const one = document.querySelector(selector);
            if (one && one.complete !== false) resolve(performance.now());
            else requestAnimationFrame(look);
        };
        look();
    });
    const start = performance.now();
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
    await shown(".ask");
    document.querySelector(".ask").click();  // the square as it is preset
    const times = await Promise.all([shown(".answer"), shown("#overlay")]);
    return times.map((time) => time - start);
}"""


def photograph() -> bytes:
    """Draw a JPEG of twelve megapixels."""
    with options.open_sample(options.sample_names()[0]) as file:
        drawn = np.asarray(Image.open(file).convert("RGB").resize(SIZE), dtype=np.float32)
    rng = np.random.default_rng(0)
    noisy = drawn + NOISE * rng.standard_normal(drawn.shape, dtype=np.float32)
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def times(tab: Page, url: str, data: bytes) -> dict[str, object]:
    """Measure milliseconds from the drop to the answer, and to the explanation."""
    encoded = base64.b64encode(data).decode()
    found = []
    for _ in track(range(WARM + DROPS), description="drops", transient=True):
        tab.goto(url)
        found.append(tab.evaluate(DROP, encoded))
    answered, explained = np.asarray(found[WARM:]).T
    return {
        name: percentiles(taken, 50, 95, digits=1)
        for name, taken in (("answered", answered), ("explained", explained))
    }


def weight(tab: Page, url: str) -> dict[str, int]:
    """Return bytes of a first visit, uncompressed, without pictures."""
    replies: list[Response] = []
    tab.on("response", lambda reply: replies.append(reply))
    tab.goto(url)
    tab.wait_for_load_state("networkidle")
    found = Counter[str]()
    for reply in replies:
        if reply.request.resource_type != "image":
            found[reply.request.resource_type] += len(reply.body())
    return {**found, "all": found.total()}


def measure(_options: argparse.Namespace) -> dict[str, object]:
    """Measure speed and weight."""
    data = photograph()
    with served() as url, chromium() as browser:
        tab = browser.new_page()
        return {
            "browser": browser.version,
            "photograph": {"megapixels": SIZE[0] * SIZE[1] / 1e6, "bytes": len(data)},
            "drops": DROPS,
            **times(tab, url, data),
            "weight_bytes": weight(browser.new_page(), url),
        }
