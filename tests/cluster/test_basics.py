"""Test the documented steps from an empty namespace to an explanation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest
from kserve import InferenceRESTClient, RESTConfig

from k8s.rollout.manifests import DIGEST, SERVICE
from k8s.rollout.release import Release
from tests.cluster.asking import EXPLAIN, PICTURE, PREDICT, ask, wait_for_answer
from tests.cluster.bench import Bench, Object
from tests.cluster.capabilities import ROUTES, Capabilities
from tests.cluster.conftest import need
from tests.cluster.forwarding import Tunnel
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Overlay
from tests.cluster.settings import ClusterSettings

Say = Callable[[str], None]

ROUTE_SECONDS = 90.0


def test_publish(bench: Bench, first: Release, second: Release, measured: Say) -> None:
    """Releases reach the volume through the publisher, twice in a row; no ending pod is used."""
    assert first.digest != second.digest
    assert len(set(bench.publishers)) == len(bench.publishers) == 2
    measured(f"{', '.join(bench.publishers)}")


def test_deploy(bench: Bench, first: Release, measured: Say) -> None:
    """`make deploy` ends when every pod runs the release, with a prediction and an explanation."""
    outcome = bench.deploy(Overlay(replicas=(2, 2)), first)

    assert outcome.status == 0, outcome.text
    assert f"ready: {first.digest}, on every pod" in outcome.text
    assert re.search(r"predict: .+, probability 0\.\d+", outcome.text), outcome.text
    assert "explain: " in outcome.text
    for deployment, count in (("melanoma-predictor", 2), ("melanoma-explainer", 1)):
        pods = bench.pods(deployment)
        assert len(pods) == count
        assert {_digest(pod) for pod in pods} == {first.digest}
    measured(f"{outcome.lines[-1][0]:.0f} s")


def test_address(bench: Bench, first: Release, measured: Say) -> None:
    """What `make deploy` prints as the way to the service answers."""
    outcome = bench.deploy(Overlay(replicas=(2, 2)), first)
    assert outcome.status == 0, outcome.text

    if found := re.search(r"URL: (https?)://([^/\s]+)(/\S+)", outcome.text):
        # Over TLS the deployment itself has asked it.
        assert found[1] == "https" or ask(found[2], found[3]).status == 200
        measured(found[0])
        return
    found = re.search(r"port-forward (service/\S+) \d+:(\d+)", outcome.text)
    assert found, outcome.text
    with Tunnel(bench.kubectl, bench.namespace, found[1], int(found[2])) as tunnel:
        assert ask(tunnel.address, PREDICT).status == 200
    measured(f"kubectl port-forward {found[1]}")


def test_kserve_client(bench: Bench) -> None:
    """KServe's own client finds server and model ready (`GET /`, `/v1/models`, `.../melanoma`)."""
    bench.ensure(Overlay(replicas=(2, 2)))

    async def both(url: str) -> tuple[bool, bool]:
        # A proxy that the environment names does not reach a port of this machine.
        config = RESTConfig(transport=httpx.AsyncHTTPTransport(), protocol="v1", timeout=30)
        client = InferenceRESTClient(config)
        try:
            return await client.is_server_live(url), await client.is_model_ready(url, SERVICE)
        finally:
            await client.close()

    for service in ("lesionlens-predictor", "lesionlens-explainer"):
        with Tunnel(bench.kubectl, bench.namespace, f"service/{service}", 80) as tunnel:
            assert asyncio.run(both(f"http://{tunnel.address}")) == (True, True), service
            listed = ask(tunnel.address, "/v1/models", body=None)
            assert (listed.status, listed.document) == (200, {"models": [SERVICE]})


def test_kserve_route(
    bench: Bench, capabilities: Capabilities, gateway: Gateway, measured: Say
) -> None:
    """Predictions and explanations by KServe's own routes."""
    bench.ensure(Overlay(replicas=(2, 2)))
    service = bench.get("inferenceservices.serving.kserve.io", SERVICE) or {}
    host = httpx.URL(str(service.get("status", {}).get("url", ""))).host
    made = bench.objects(ROUTES)
    if not host or not made:
        pytest.skip("KServe makes no HTTPRoutes here (enableGatewayApi, disableIngressCreation)")
    with gateway.reached(capabilities) as (address, _):
        for path, field in ((PREDICT, "predictions"), (EXPLAIN, "explanations")):
            reply = wait_for_answer(address, path, host, ROUTE_SECONDS, f"KServe's route of {host}")
            assert len(reply.document[field]) == 1
    measured(host)


def test_gateway(bench: Bench, capabilities: Capabilities, gateway: Gateway, measured: Say) -> None:
    """Predictions and explanations at one address, by the component `gateway`."""
    bench.ensure(Overlay(("gateway",), replicas=(2, 2)))
    assert bench.route is not None
    host = bench.route.host
    with gateway.reached(capabilities) as (address, tunnel):
        for path, field in ((PREDICT, "predictions"), (EXPLAIN, "explanations")):
            reply = wait_for_answer(address, path, host, ROUTE_SECONDS, f"the route of {host}")
            assert len(reply.document[field]) == 1
    how = "through kubectl port-forward" if tunnel else address
    measured(f"{gateway.namespace}/{gateway.name}, {how}")


def test_page(bench: Bench, settings: ClusterSettings, measured: Say) -> None:
    """The page starts together with its own Service, and gets a prediction from the servers."""
    need("" if settings.page_image else "LESIONLENS_CLUSTER_PAGE_IMAGE names no image")
    bench.ensure(Overlay(("page",), replicas=(2, 2)))
    with Tunnel(bench.kubectl, bench.namespace, "service/lesionlens-page", 80) as tunnel:
        assert ask(tunnel.address, "/healthz", body=None).status == 200
        url = f"http://{tunnel.address}"
        reply = httpx.post(
            url,
            files={"photograph": ("lesion.png", PICTURE, "image/png")},
            headers={"Origin": url},
            trust_env=False,
            timeout=90,
        )
    assert reply.status_code == 200, f"{reply.status_code}: {reply.text[:300]}"
    measured("a photograph that was uploaded is classified")


def _digest(pod: Object) -> str:
    """Command of a pod."""
    for container in pod["spec"]["containers"]:
        for variable in container.get("env", ()):
            if variable["name"] == DIGEST:
                return str(variable["value"])
    return ""
