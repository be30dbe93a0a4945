"""Test the component ``runtime-kserve``: KServe's model server instead of TorchServe."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Final

import pytest

from k8s.rollout.release import Release
from tests.cluster.asking import EXPLAIN, PICTURE, PREDICT, ask, load
from tests.cluster.bench import Bench
from tests.cluster.capabilities import Capabilities
from tests.cluster.conftest import need
from tests.cluster.forwarding import Tunnel
from tests.cluster.gateways import Gateway
from tests.cluster.overlay import Overlay
from tests.cluster.settings import ClusterSettings
from tests.e2e.asking import over_grpc

Say = Callable[[str], None]

KSERVE: Final = Overlay(("runtime-kserve",))
V2: Final = "/v2/models/melanoma/infer"
PHOTOGRAPH: Final = base64.b64encode(PICTURE).decode("ascii")
TENSOR: Final = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [PHOTOGRAPH]}


@pytest.fixture(autouse=True)
def _image(settings: ClusterSettings) -> None:
    missing = "LESIONLENS_CLUSTER_SERVING_KSERVE_IMAGE names no image"
    need("" if settings.serving_kserve_image else missing)


def test_answers(bench: Bench, first: Release, measured: Say) -> None:
    """`runtime-kserve` gives TorchServe's answers over V1, and the same over V2, REST and gRPC."""
    bench.ensure(Overlay(), first)
    expected = _answers(bench)

    bench.ensure(KSERVE, first)

    assert _answers(bench) == expected
    with Tunnel(bench.kubectl, bench.namespace, "service/lesionlens-predictor", 80) as tunnel:
        body = json.dumps({"inputs": [TENSOR]}).encode()
        reply = ask(tunnel.address, V2, body=body)
        assert reply.status == 200, reply.content
        named = {tensor["name"]: tensor["data"] for tensor in reply.document["outputs"]}
    [prediction] = expected["predictions"]
    assert named["probability"] == [prediction["probability"]]
    assert named["label"] == [prediction["label"]]
    grpc = "service/lesionlens-predictor-grpc"
    with (
        Tunnel(bench.kubectl, bench.namespace, grpc, 7070) as tunnel,
        over_grpc(int(tunnel.address.rpartition(":")[2])) as send,
    ):
        assert send(PICTURE) == 200
    measured(f"probability {prediction['probability']}")


def test_swap_under_load(
    bench: Bench,
    capabilities: Capabilities,
    settings: ClusterSettings,
    gateway: Gateway,
    first: Release,
    measured: Say,
) -> None:
    """TorchServe's pods are replaced by those of `runtime-kserve` under load: no request fails."""
    bench.ensure(Overlay(("gateway",)), first)
    with load(bench, capabilities, gateway, settings.clients) as clients:
        clients.progress(settings.clients, settings.load_seconds)

        outcome = bench.deploy(Overlay(("gateway", "runtime-kserve")), first)

        assert outcome.status == 0, outcome.text
        clients.progress(settings.clients, settings.load_seconds)
    clients.assert_unharmed()
    measured(clients.summary)


def _answers(bench: Bench) -> dict[str, list[dict[str, object]]]:
    """Return the answers of predictor and explainer to V1 requests."""
    found: dict[str, list[dict[str, object]]] = {}
    for service, path in (("predictor", PREDICT), ("explainer", EXPLAIN)):
        name = f"service/lesionlens-{service}"
        with Tunnel(bench.kubectl, bench.namespace, name, 80) as tunnel:
            reply = ask(tunnel.address, path)
            assert reply.status == 200, reply.content
            found |= reply.document
    return found
