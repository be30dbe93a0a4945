"""API double with everything that ``make cluster-test`` queries, and a server behind it."""

from __future__ import annotations

import itertools
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from k8s.rollout.kubectl import Kubectl
from k8s.rollout.settings import RolloutSettings
from tests.cluster.capabilities import Capabilities
from tests.k8s.manifests.building import KUBECTL
from tests.k8s.rollout import api_double
from tests.k8s.rollout.api_double import Api, Object
from tests.k8s.rollout.simulated import PODS, SPACE, Cluster

CONTEXT: Final = "stored"
JOB: Final = f"/apis/batch/v1/{SPACE}/jobs/lesionlens-publisher"
READY: Final = {"type": "Ready", "status": "True"}
WRAPPER: Final = """#!/bin/sh
for argument in "$@"; do
    case "$argument" in
    port-forward)
        echo "Forwarding from 127.0.0.1:{port} -> 8080"
        exec sleep 60
        ;;
    cp) exit 0 ;;
    exec)
        echo "killed 7"
        exit 0
        ;;
    esac
done
exec {kubectl} "$@"
"""
"""A kubectl whose ports lead to one server, and whose copies and commands do nothing: no pod runs
here."""
ANSWER: Final = {
    "label": "no cancer",
    "probability": 0.1,
    "model_version": "v",
    "method": "grad_cam",
}


def publishing(api: Api) -> None:
    """Create and remove the pod of the publisher's Job, each with a new name."""
    pods = [at for at in api.objects if at.startswith(f"{PODS}/lesionlens-publisher-")]
    if JOB not in api.objects:
        for at in pods:
            del api.objects[at]
    elif not pods:
        made = sum(path == JOB.rpartition("/")[0] for _, path in api.changes)
        name = f"lesionlens-publisher-{made}"
        api.objects[JOB]["metadata"]["uid"] = f"uid-{made}"
        api.objects[JOB]["status"] = {"ready": 1}
        api.objects[f"{PODS}/{name}"] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "labels": {"batch.kubernetes.io/controller-uid": f"uid-{made}"},
                "ownerReferences": [{"uid": "job", "controller": True}],
            },
            "spec": {"containers": [{"name": "publisher"}]},
            "status": {"conditions": [READY]},
        }


@pytest.fixture
def simulated() -> Cluster:
    """Simulated controllers, which can be told which releases start."""
    return Cluster()


@pytest.fixture
def api(simulated: Cluster) -> Api:
    """Empty cluster."""

    def act(api: Api) -> None:
        simulated.act(api)
        publishing(api)

    return Api(before_answer=act)


@pytest.fixture
def server() -> Iterator[int]:
    """Port of a double of the service that answers a tenth of the requests as a canary."""
    turns = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = {"/": {"status": "alive"}, "/v1/models": {"models": ["melanoma"]}}
            self._answer(listed.get(self.path, {"ready": True}))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            field = "explanations" if self.path.endswith("explain") else "predictions"
            canary = next(turns) % 10 == 0 and "example.com" in self.headers["Host"]
            self._answer({field: [{**ANSWER, "model_version": "v-second" if canary else "v"}]})

        def _answer(self, document: Object) -> None:
            content = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.server_port
        made.shutdown()
        thread.join()


@pytest.fixture
def variables(
    api: Api, server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Environment with which ``make cluster-test`` reaches the double."""
    kubectl = tmp_path / "kubectl-wrapper"
    kubectl.write_text(WRAPPER.format(port=server, kubectl=KUBECTL))
    kubectl.chmod(0o755)
    store = tmp_path / "store"
    store.mkdir()
    with zipfile.ZipFile(store / "melanoma.mar", "w") as archive:
        archive.writestr("card.json", json.dumps({"model_version": "v"}))
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path / "cache"))
    with api_double.serving(api, tmp_path, CONTEXT) as config:
        yield {
            "LESIONLENS_KUBECONFIG": str(config),
            "LESIONLENS_KUBECTL": str(kubectl),
            "LESIONLENS_CLUSTER_CONTEXT": CONTEXT,
            "LESIONLENS_CLUSTER_NAMESPACE": SPACE.partition("/")[2],
            "LESIONLENS_CLUSTER_ARCHIVE": str(store),
            "LESIONLENS_CLUSTER_OUTPUT": str(tmp_path / "out/table.json"),
        }


@pytest.fixture
def with_gateway(api: Api, server: int) -> None:
    """Gateway whose Service has an address that this machine can reach."""
    listener = {
        "protocol": "HTTP",
        "port": server,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    gateway = {"name": "web", "namespace": "ingress"}
    labels = {"gateway.networking.k8s.io/gateway-name": "web"}
    api.objects |= {
        "/apis/gateway.networking.k8s.io/v1/namespaces/ingress/gateways/web": {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": gateway,
            "spec": {"gatewayClassName": "", "listeners": [listener]},
        },
        "/api/v1/namespaces/ingress/services/web": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**gateway, "labels": labels},
            "spec": {"clusterIP": "None", "ports": [{"port": server}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}},
        },
    }


@pytest.fixture
def capabilities(variables: dict[str, str]) -> Capabilities:
    """kubectl for the API double."""
    config = Path(variables["LESIONLENS_KUBECONFIG"])
    return Capabilities(Kubectl(RolloutSettings(kubeconfig=config, context=CONTEXT)))
