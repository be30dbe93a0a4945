"""Test requests after a rollout: one prediction and one explanation by the new release."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import os
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from kserve import InferenceRESTClient, RESTConfig
from PIL import Image, ImageDraw

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.manifests import SERVICE
from serving.front.client_key import authorization
from serving.front.sockets import is_loopback
from serving.process import Process

SECONDS: Final = 60.0
URL_SECONDS: Final = 5.0
"""Timeout in seconds for an address that may not be reachable from this machine."""
SWITCH_SECONDS: Final = 30.0
"""Seconds in which a gateway must have noticed that the old release's pods are gone."""
POLL_SECONDS: Final = 1.0
PORT: Final = 8080
FORWARDING: Final = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")
STOP_SECONDS: Final = 5.0

Answer = dict[str, Any]


class ForwardingError(RolloutError):
    """kubectl cannot forward a port to a pod, for instance because of a missing right."""


def ask_pods(
    kubectl: Kubectl, namespace: str, pods: dict[str, str], picture: bytes
) -> tuple[Answer, Answer]:
    """Request a prediction and an explanation from pods of the release, directly.

    Args:
        kubectl: of the cluster; forwards a port of this machine, which any cluster allows.
        namespace: of the pods.
        pods: by Deployment.
        picture: an image file.

    Raises:
        RolloutError: no answer, or one that is none.
    """
    try:
        with (
            _forwarded(kubectl, namespace, pods[f"{SERVICE}-predictor"]) as predictor,
            _forwarded(kubectl, namespace, pods[f"{SERVICE}-explainer"]) as explainer,
        ):
            return predict(predictor, picture), explain(explainer, picture)
    except KeyError as error:
        raise RolloutError(f"no pod of {error} is ready") from None


def ask_url(url: str, picture: bytes, model_version: str) -> None:
    """Request a prediction at the service's address, by the model that the pods run.

    Args:
        url: of the gateway.
        picture: an image file.
        model_version: that must answer.

    Raises:
        RolloutError: no answer, or one by another model.
    """
    deadline = time.monotonic() + SWITCH_SECONDS
    while True:
        answered = predict(url, picture, URL_SECONDS)["model_version"]
        if answered == model_version:
            return
        if time.monotonic() > deadline:
            raise RolloutError(
                f"{url} answers by model {answered}, the pods of this release by {model_version}: "
                "it leads to another service"
            )
        time.sleep(POLL_SECONDS)


def predict(url: str, picture: bytes, seconds: float = SECONDS) -> Answer:
    """Request one prediction; raises RolloutError."""
    return _first(
        url,
        lambda client, address: client.infer(
            address, _body(picture), model_name=SERVICE, headers=_key()
        ),
        "predictions",
        seconds,
    )


def explain(url: str, picture: bytes) -> Answer:
    """Request one explanation; raises RolloutError."""
    return _first(
        url,
        lambda client, address: client.explain(address, SERVICE, _body(picture), headers=_key()),
        "explanations",
        SECONDS,
    )


def photograph(path: Path | None) -> bytes:
    """Read an image file, or draw a synthetic one; raises RolloutError."""
    if path is None:
        return _drawn()
    try:
        return path.read_bytes()
    except OSError as error:
        raise RolloutError(f"{path} cannot be read: {error.strerror}") from None


def _first(
    url: str,
    ask: Callable[[InferenceRESTClient, str], Awaitable[Answer]],
    field: str,
    seconds: float,
) -> Answer:
    """Return the answer for the one photograph that was sent."""
    here = is_loopback(httpx.URL(url).host)

    async def answer(address: str) -> Answer:
        transport = None
        if here:
            # A proxy of the environment does not reach a port of this machine. The
            # connection from there to a pod is kubectl's own tunnel; the pod's
            # certificate has other names.
            transport = httpx.AsyncHTTPTransport(verify=_unchecked())
        client = InferenceRESTClient(
            RESTConfig(transport=transport, protocol="v1", timeout=seconds)
        )
        try:
            return await ask(client, address)
        finally:
            await client.close()

    try:
        try:
            answered = asyncio.run(answer(url))
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if not here:
                raise
            answered = asyncio.run(answer(url.replace("http://", "https://", 1)))
        found: Answer = answered[field][0]
        return found
    except Exception as error:  # the client raises httpx's exceptions, and its own
        words = " ".join(str(error).split()) or type(error).__name__
        raise RolloutError(f"{url} does not answer: {words}") from error


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _key() -> dict[str, str]:
    """Return the API key from the file in ``LESIONLENS_KEY_FILE``, if access control is on."""
    return authorization(os.environ)


def _body(picture: bytes) -> Answer:
    return {"instances": [{"data": base64.b64encode(picture).decode("ascii")}]}


@contextlib.contextmanager
def _forwarded(kubectl: Kubectl, namespace: str, pod: str) -> Iterator[str]:
    """Forward a free port of this machine to a pod."""
    forwarding = ("port-forward", "--namespace", namespace, f"pod/{pod}", f":{PORT}")
    process = kubectl.open(*forwarding)
    try:
        yield f"http://{forwarded(process, f'pod {pod}')}"
    finally:
        process.stop(STOP_SECONDS)


def forwarded(process: Process, target: str) -> str:
    """Return host and port that a ``kubectl port-forward`` has opened.

    Args:
        process: from :meth:`k8s.rollout.kubectl.Kubectl.open`.
        target: name, for the error.

    Raises:
        ForwardingError: it forwards nothing; it was stopped.
    """
    process.wait_until(lambda: bool(_places(process)), SECONDS)
    process.wait(0)  # where it has ended: all that it said is read
    if places := _places(process):
        return places[0]
    process.stop(STOP_SECONDS)
    raise ForwardingError(f"kubectl port-forward to {target}: {process.last_error}")


def _places(process: Process) -> list[str]:
    return [found[1] for line in process.lines() if (found := FORWARDING.search(line))]


def _drawn() -> bytes:
    """Draw a dark spot on skin; enough for a test request."""
    image = Image.new("RGB", (300, 300), (224, 187, 164))
    ImageDraw.Draw(image).ellipse((90, 100, 210, 200), fill=(104, 62, 44))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
