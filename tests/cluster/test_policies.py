"""Test which clients reach the servers, and what the servers reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from serving.front.sockets import host_port
from tests.cluster import probes
from tests.cluster.bench import Bench
from tests.cluster.conftest import need
from tests.cluster.overlay import Overlay
from tests.cluster.probes import LISTEN, reaches
from tests.cluster.settings import ClusterSettings

Say = Callable[[str], None]

HTTP: Final = 8080
OTHER_PORTS: Final = (8081, 8082, 8090)
"""Management, metrics and health."""


def test_policies(bench: Bench, settings: ClusterSettings, measured: Say) -> None:
    """Policies: labelled clients reach port 8080 alone, others none, and servers reach nobody."""
    bench.ensure(Overlay())
    client = {"lesionlens.io/client": "true"}
    try:
        addresses = probes.start(bench, settings, client=client, stranger={}, control={})
        need(probes.lacks_policies(bench, "stranger", "control", addresses["control"]))
        servers = {
            str(pod["metadata"]["name"]): str(pod["status"]["podIP"])
            for deployment in ("melanoma-predictor", "melanoma-explainer")
            for pod in bench.pods(deployment)
        }
        every = [host_port(ip, port) for ip in servers.values() for port in (HTTP, *OTHER_PORTS)]
        open_to_clients = {host_port(ip, HTTP) for ip in servers.values()}

        found = reaches(bench, "client", "probe", every)
        assert found == {place: place in open_to_clients for place in every}
        found = reaches(bench, "stranger", "probe", every)
        assert found == dict.fromkeys(every, False)
        outside = host_port(addresses["client"], LISTEN)
        for name in servers:
            assert reaches(bench, name, "kserve-container", [outside]) == {outside: False}
        measured(f"{len(every)} ports of {len(servers)} pods, 2 clients; {len(servers)} ways out")
    finally:
        bench.remove("pod/client", "pod/stranger", "pod/control", "networkpolicy/control")
