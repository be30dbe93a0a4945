"""One prediction and one explanation through the service that was just rolled out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kserve import InferenceRESTClient, RESTConfig
from PIL import Image, ImageDraw

from k8s.rollout.cluster import SERVICE, Cluster
from k8s.rollout.errors import RolloutError

SECONDS: Final = 60
SERVICES: Final = {"predict": "lesionlens-predictor", "explain": "lesionlens-explainer"}
FORWARDING: Final = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


def ask(
    cluster: Cluster, namespace: str, url: str, photograph: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A prediction and an explanation.

    Args:
        cluster: to reach the Services of, where no URL is given.
        namespace: of the Services.
        url: of the gateway; empty: through ``kubectl port-forward``, which any cluster allows.
        photograph: a file; None: a drawn one.

    Raises:
        RolloutError: no answer, or one that is none.
    """
    picture = _drawn() if photograph is None else _read(photograph)
    with contextlib.ExitStack() as stack:
        urls = {
            verb: url or stack.enter_context(_forwarded(cluster, namespace, name))
            for verb, name in SERVICES.items()
        }
        try:
            return asyncio.run(_ask(urls, picture))
        except Exception as error:  # the client raises what httpx raises, and its own
            raise RolloutError(f"the service is ready and does not answer: {error}") from error


async def _ask(urls: dict[str, str], picture: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    client = InferenceRESTClient(RESTConfig(protocol="v1", timeout=SECONDS))
    body = {"instances": [{"data": base64.b64encode(picture).decode("ascii")}]}
    try:
        answer = await client.infer(urls["predict"], body, model_name=SERVICE)
        explained = await client.explain(urls["explain"], SERVICE, body)
    finally:
        await client.close()
    return answer["predictions"][0], explained["explanations"][0]


@contextlib.contextmanager
def _forwarded(cluster: Cluster, namespace: str, name: str) -> Iterator[str]:
    """A free port of this machine that leads to a Service."""
    process = cluster.open("port-forward", "--namespace", namespace, f"service/{name}", ":80")
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = FORWARDING.search(said)
        if found is None:
            raise RolloutError(f"kubectl port-forward to {name}: {said.strip()}")
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _read(photograph: Path) -> bytes:
    try:
        return photograph.read_bytes()
    except OSError as error:
        raise RolloutError(f"{photograph} cannot be read: {error.strerror}") from None


def _drawn() -> bytes:
    """A dark spot on skin: nobody's photograph, and enough to see that it is answered."""
    image = Image.new("RGB", (300, 300), (224, 187, 164))
    ImageDraw.Draw(image).ellipse((90, 100, 210, 200), fill=(104, 62, 44))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
