"""Gateway of the tests' routes, and its address from this machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.capabilities import Capabilities
from tests.cluster.forwarding import Tunnel
from tests.cluster.settings import ClusterSettings

Object = dict[str, Any]

GATEWAYS: Final = "gateways.gateway.networking.k8s.io"
LABELS: Final = (
    # GEP-1762, and what Envoy Gateway had before it.
    "gateway.networking.k8s.io/gateway-name",
    "gateway.envoyproxy.io/owning-gateway-name",
)
PREFERRED: Final = "kserve-ingress-gateway"
"""Which KServe's installation proposes."""
DOMAIN: Final = "example.com"
"""Of the hosts that the tests' routes and, by default, KServe's are for."""
CONNECT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Gateway:
    """A Gateway and its Service."""

    namespace: str
    name: str
    service_namespace: str
    service: str
    port: int
    """Of the Service."""

    addresses: tuple[str, ...] = ()
    """Hosts that may answer to this machine directly."""

    @contextlib.contextmanager
    def reached(self, capabilities: Capabilities) -> Iterator[tuple[str, Tunnel | None]]:
        """Host and port of the gateway, by kubectl's port-forward if there is no other way."""
        for host in self.addresses:
            if _answers(host, self.port):
                yield f"{host}:{self.port}", None
                return
        tunnel = Tunnel(
            capabilities.kubectl, self.service_namespace, f"service/{self.service}", self.port
        )
        with tunnel:
            yield tunnel.address, tunnel


def find(capabilities: Capabilities, settings: ClusterSettings) -> tuple[Gateway | None, str]:
    """Find the Gateway to test with, or the reason why there is none."""
    if why := capabilities.lacks_gateway_api():
        return None, why
    listed = capabilities.get(GATEWAYS, "--all-namespaces").get("items", [])
    wanted = settings.gateway
    reasons = []
    for one in sorted(listed, key=lambda one: one["metadata"]["name"] != PREFERRED):
        namespace, name = one["metadata"]["namespace"], one["metadata"]["name"]
        if wanted and wanted != f"{namespace}/{name}":
            continue
        listener = _listener(one)
        if listener is None:
            reasons.append(f"{namespace}/{name} has no HTTP listener for routes of any namespace")
            continue
        service = _service(capabilities, settings, one, int(listener["port"]))
        if service is None:
            reasons.append(
                f"{namespace}/{name} has no Service that carries its label or address: name it, "
                "LESIONLENS_CLUSTER_GATEWAY_SERVICE=namespace/name:port"
            )
            continue
        return Gateway(namespace, name, *service), ""
    what = f"the cluster has no Gateway {wanted}".rstrip()
    if not capabilities.may_read(GATEWAYS):
        what = "Gateways of other namespaces may not be listed with these rights"
    return None, "; ".join(reasons) or what


def _listener(gateway: Object) -> Object | None:
    for one in gateway["spec"].get("listeners", ()):
        routes = one.get("allowedRoutes", {}).get("namespaces", {}).get("from", "Same")
        hosts = one.get("hostname") in (None, "", f"*.{DOMAIN}")
        if one.get("protocol") == "HTTP" and routes == "All" and hosts:
            found: Object = one
            return found
    return None


def _service(
    capabilities: Capabilities, settings: ClusterSettings, gateway: Object, port: int
) -> tuple[str, str, int, tuple[str, ...]] | None:
    """Namespace, name, port and addresses of a Gateway's Service."""
    addresses = [str(one["value"]) for one in gateway.get("status", {}).get("addresses", ())]
    services = capabilities.get("services", "--all-namespaces").get("items", [])
    if given := settings.gateway_service:
        namespace, _, rest = given.partition("/")
        name, _, text = rest.partition(":")
        return namespace, name, int(text or 80), _from_here(services, addresses)
    labelled = [one for one in services if _carries_label(one, gateway)]
    same_address = [one for one in services if set(_addresses_of(one)) & set(addresses)]
    named = _services_of_controller(capabilities, services, gateway)
    for one in (*labelled, *same_address, *named):
        number = _port(one, port)
        if number is not None:
            metadata = one["metadata"]
            reached = _from_here(services, [*addresses, *_addresses_of(one)])
            return metadata["namespace"], metadata["name"], number, reached
    return None


def _from_here(services: list[Object], addresses: list[str]) -> tuple[str, ...]:
    """Drop addresses of Services, which may belong to other hosts outside the cluster's network."""
    if _reaches_services(services):
        return tuple(dict.fromkeys(addresses))
    inside = {one["spec"].get("clusterIP") for one in services}
    return tuple(dict.fromkeys(one for one in addresses if one not in inside))


def _reaches_services(services: list[Object]) -> bool:
    """Whether this machine is on the cluster's own network: the API server's Service answers."""
    for one in services:
        if (one["metadata"]["namespace"], one["metadata"]["name"]) == ("default", "kubernetes"):
            return _answers(str(one["spec"]["clusterIP"]), 443)
    return False


def _carries_label(service: Object, gateway: Object) -> bool:
    labels = service["metadata"].get("labels", {})
    return any(labels.get(label) == gateway["metadata"]["name"] for label in LABELS)


def _services_of_controller(
    capabilities: Capabilities, services: list[Object], gateway: Object
) -> list[Object]:
    """Find Services that are named like the gateway's controller, such as ``traefik.io/...``."""
    name = gateway["spec"].get("gatewayClassName", "")
    chosen = capabilities.get("gatewayclasses.gateway.networking.k8s.io", name) if name else {}
    controller = str(chosen.get("spec", {}).get("controllerName", "")).partition(".")[0]
    return [
        one
        for one in services
        if controller
        and one["metadata"].get("labels", {}).get("app.kubernetes.io/name") == controller
    ]


def _addresses_of(service: Object) -> list[str]:
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    found = [str(one.get("ip") or one.get("hostname")) for one in ingress]
    cluster_ip = str(service["spec"].get("clusterIP", ""))
    return [*found, *([cluster_ip] if cluster_ip not in ("", "None") else [])]


def _port(service: Object, listener: int) -> int | None:
    """The Service's port for a listener; Traefik's listens on what its Service maps port 80 to."""
    ports = [one for one in service["spec"].get("ports", ()) if one.get("protocol", "TCP") == "TCP"]
    for matches in (
        lambda one: one["port"] == listener,
        lambda one: one.get("targetPort") == listener,
        lambda one: one.get("name") in ("web", "http", "http2", "http-80"),
        lambda one: one["port"] == 80,
    ):
        for one in ports:
            if matches(one):
                return int(one["port"])
    return None


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False
