"""Probe pods that open connections, and a control for whether policies are enforced."""

from __future__ import annotations

import time
from typing import Any, Final

from k8s.rollout.state import is_ready
from serving.front.sockets import host_port
from tests.cluster.bench import Bench
from tests.cluster.settings import ClusterSettings
from tests.cluster.waiting import until

Object = dict[str, Any]

READY_SECONDS: Final = 120.0
ENFORCED_SECONDS: Final = 30.0
"""Until a policy that was made must be in force."""
LISTEN: Final = 8000
SERVER: Final = f"import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={LISTEN})"
CONNECT: Final = """
import socket, sys
for target in sys.argv[1:]:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
        print(target, "open")
    except OSError:
        print(target, "closed")
"""


def pod(name: str, image: str, labels: dict[str, str]) -> Object:
    """Small listening pod of the serving image that complies with ``restricted``."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"lesionlens.io/probe": name, **labels}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": image,
                    "workingDir": "/opt/lesionlens",
                    "command": ["python", "-c", SERVER],
                    "readinessProbe": {"tcpSocket": {"port": LISTEN}, "periodSeconds": 1},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "32Mi"},
                        "limits": {"memory": "128Mi"},
                    },
                }
            ],
        },
    }


def start(bench: Bench, settings: ClusterSettings, **labels: dict[str, str]) -> dict[str, str]:
    """Start pods and wait for them.

    Args:
        bench: to start them in.
        settings: name the image.
        **labels: of each pod, by its name.

    Returns:
        Their addresses by name.

    Raises:
        AssertionError: one is not ready in time.
    """
    bench.apply(*(pod(name, settings.serving_image, each) for name, each in labels.items()))
    return {
        name: until(
            lambda: _address(bench, name),  # noqa: B023
            READY_SECONDS,
            f"pod {name} is ready",
            bench.why_not_ready,
        )
        for name in labels
    }


def _address(bench: Bench, name: str) -> str | None:
    found = bench.get("pod", name)
    return str(found["status"]["podIP"]) if found and is_ready(found) else None


def reaches(bench: Bench, name: str, container: str, targets: list[str]) -> dict[str, bool]:
    """Find which targets (``host:port``) a container can connect to.

    Raises:
        RolloutError: nothing can be run in it.
    """
    inside = ("exec", name, "--container", container, "--", "python", "-c", CONNECT, *targets)
    lines = bench.long(*inside, seconds=30 + 5 * len(targets)).splitlines()
    found = (line.split() for line in lines)
    return {words[0]: words[1] == "open" for words in found if len(words) == 2}


def lacks_policies(bench: Bench, source: str, target: str, address: str) -> str:
    """Reason why policies cannot be tested: a policy does not close a control pod.

    Args:
        bench: that both pods run in.
        source: pod that connects.
        target: pod that a policy closes.
        address: of the target.

    Raises:
        AssertionError: the control cannot be reached before there is a policy.
    """
    place = host_port(address, LISTEN)
    assert reaches(bench, source, "probe", [place])[place], "pods cannot reach each other at all"
    bench.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "control"},
            "spec": {
                "podSelector": {"matchLabels": {"lesionlens.io/probe": target}},
                "policyTypes": ["Ingress"],
            },
        }
    )
    deadline = time.monotonic() + ENFORCED_SECONDS
    while time.monotonic() < deadline:
        if not reaches(bench, source, "probe", [place])[place]:
            return ""
        time.sleep(1)
    return "the cluster does not enforce NetworkPolicies"
