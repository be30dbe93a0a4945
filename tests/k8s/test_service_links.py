"""Test that variables of Kubernetes Services do not change settings."""

from __future__ import annotations

import os
from typing import Any

import pytest

from handlers.settings import HandlerSettings
from k8s.rollout.settings import RolloutSettings
from serving.front.environment import without_service_links
from serving.front.settings import FrontSettings
from serving.pod.settings import PodSettings
from tests.k8s.manifests.building import EVERY, objects_of
from training.settings import TrainingSettings
from web.settings import PageSettings

ADDRESS = "10.96.138.45"
KSERVE = ("melanoma", "melanoma-predictor", "melanoma-explainer", "melanoma-canary-predictor")
"""Services that KServe makes."""


def links(service: str, port: int = 80, address: str = ADDRESS) -> dict[str, str]:
    """The variables of one Service, as kubelet's ``envvars.FromServices`` makes them."""
    name = service.upper().replace("-", "_")
    host = f"[{address}]" if ":" in address else address
    url = f"tcp://{host}:{port}"
    return {
        f"{name}_SERVICE_HOST": address,
        f"{name}_SERVICE_PORT": str(port),
        f"{name}_SERVICE_PORT_HTTP": str(port),
        f"{name}_PORT": url,
        f"{name}_PORT_{port}_TCP": url,
        f"{name}_PORT_{port}_TCP_PROTO": "tcp",
        f"{name}_PORT_{port}_TCP_PORT": str(port),
        f"{name}_PORT_{port}_TCP_ADDR": address,
    }


def services() -> dict[str, set[int]]:
    """All Services of all builds with their ports, and KServe's Services."""
    found: dict[str, set[int]] = {name: {80} for name in KSERVE}
    for entry in EVERY:
        for one in objects_of(entry):
            if one["kind"] == "Service":
                ports = {int(port["port"]) for port in one["spec"]["ports"]}
                found.setdefault(one["metadata"]["name"], set()).update(ports)
    return found


def settings() -> list[Any]:
    """Settings that each container reads, from the variables of this process."""
    return [
        PodSettings.read(os.environ, ()),
        FrontSettings.from_environment(os.environ),
        HandlerSettings.from_environment(),
        PageSettings(),
        TrainingSettings(),
        RolloutSettings(),
    ]


@pytest.fixture(params=[ADDRESS, "fd00:10:96::2d"], ids=["IPv4", "IPv6"])
def address(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_our_services_do_not_change_settings(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = services()
    before = settings()
    for name, ports in known.items():
        for port in ports:
            for variable, value in links(name, port, address).items():
                monkeypatch.setenv(variable, value)

    assert {"lesionlens-predictor", "lesionlens-explainer", "lesionlens-page"} <= set(known)
    assert os.environ["LESIONLENS_PAGE_PORT"] == links("x", 80, address)["X_PORT"]
    assert settings() == before


def test_services_named_like_our_ports_do_not_change_settings(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings()
    for field in PodSettings.__dataclass_fields__:
        if field.endswith("_port"):
            service = f"lesionlens-{field.removesuffix('_port').replace('_', '-')}"
            for variable, value in links(service, 80, address).items():
                monkeypatch.setenv(variable, value)

    assert os.environ["LESIONLENS_INFERENCE_PORT"].startswith("tcp://")
    assert settings() == before


@pytest.mark.parametrize("value", ["8000", "tcp://", "http://10.0.0.1:80", "tcp://10.0.0.1"])
def test_explicit_values_are_kept(value: str) -> None:
    assert without_service_links({"LESIONLENS_PAGE_PORT": value}) == {"LESIONLENS_PAGE_PORT": value}
