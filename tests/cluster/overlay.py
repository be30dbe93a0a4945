"""Overlay of the tests: any list of components, small enough for two cores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.rollout import release
from k8s.rollout.manifests import OVERLAY_LABEL
from k8s.rollout.release import Release
from tests.cluster.settings import ClusterSettings

Object = dict[str, Any]
Patch = tuple[dict[str, str], list[Object]]
"""Target and operations (JSON patch)."""

NAME: Final = "cluster-test"
LABEL: Final = "lesionlens.io/cluster-test"
"""On the namespace of a test, so that one that was left behind is known."""
BASIC: Final = ("release", "storage-pvc", "gateway-access")
ORDER: Final = (
    *("release", "canary", "runtime-kserve", "storage-pvc"),
    *("autoscaling-hpa", "autoscaling-keda", "signature"),
    *("monitoring", "gateway-access", "gateway", "gateway-retry", "page", "page-gateway"),
)
"""In which components are listed: an InferenceService or a route before what patches it."""
USUAL_GATEWAYS: Final = ("kserve", "envoy-gateway-system", "istio-system", "traefik")
"""Namespaces that the component ``gateway-access`` lets in."""
CPU, MEMORY, MEMORY_LIMIT = "250m", "1Gi", "3Gi"
RELEASE: Final = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  annotations:
    config.kubernetes.io/local-config: "true"
data:
  storageUri: ""
  digest: ""
"""


@dataclass(frozen=True)
class Route:
    """Gateway that the routes of a test use."""

    gateway: str
    gateway_namespace: str
    host: str
    proxies: str
    """Namespace in which the gateway's own pods run."""


@dataclass(frozen=True)
class Overlay:
    """Overlay to deploy.

    Attributes:
        components: besides ``BASIC``.
        replicas: of the predictor, least and most; the explainer has one.
        patches: applied after all others.
        canary: release of the component ``canary``.
    """

    components: tuple[str, ...] = ()
    replicas: tuple[int, int] = (1, 1)
    patches: tuple[Patch, ...] = ()
    canary: Release | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Text of further resources, by file name."""

    def ordered(self) -> list[str]:
        """Names of the components in the order in which they must be listed."""
        chosen = {*BASIC, *self.components}
        known = [name for name in ORDER if name in chosen]
        return known + sorted(chosen - set(known))

    def write(
        self, folder: Path, namespace: str, settings: ClusterSettings, route: Route | None
    ) -> None:
        """Write the overlay; its ``release.yaml`` stays where there is one.

        Args:
            folder: of the overlay, ``k8s/overlays/NAME`` of a checkout.
            namespace: that its objects are in.
            settings: images and storage.
            route: for the components with routes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = {"namespace.yaml": json.dumps(namespace_of(namespace)), **self.files}
        if route and route.proxies not in USUAL_GATEWAYS:
            files["gateway-policy.yaml"] = json.dumps(_gateway_policy(route.proxies))
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        releases = ["release.yaml"]
        if not (folder / "release.yaml").is_file():
            (folder / "release.yaml").write_text(RELEASE.format(name="release"), encoding="utf-8")
        if self.canary is not None:
            path = folder / "release-canary.yaml"
            path.write_text(RELEASE.format(name="release-canary"), encoding="utf-8")
            release.write(path, self.canary)
            releases.append(path.name)
        document = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": namespace,
            "resources": ["../../base", *releases, *files],
            "labels": [{"pairs": {OVERLAY_LABEL: NAME}}],
            "components": [f"../../components/{name}" for name in self.ordered()],
            "images": images(settings),
            "patches": [
                {"target": target, "patch": json.dumps(operations)}
                for target, operations in (*self._sizes(settings, route), *self.patches)
            ],
        }
        text = yaml.safe_dump(document, sort_keys=False)
        (folder / "kustomization.yaml").write_text(text, encoding="utf-8")

    def _sizes(self, settings: ClusterSettings, route: Route | None) -> list[Patch]:
        least, most = self.replicas
        melanoma = [
            *_scaled("predictor", least, most),
            *_scaled("explainer", 1, 1),
            *_resources("/spec/predictor/model"),
            *_resources("/spec/explainer/containers/0"),
        ]
        found: list[Patch] = [
            ({"kind": "InferenceService", "name": "melanoma"}, melanoma),
            volume_patch(settings),
        ]
        if "canary" in self.components:
            small = [*_scaled("predictor", 1, 1), *_resources("/spec/predictor/model")]
            found.append(({"kind": "InferenceService", "name": "melanoma-canary"}, small))
        if "page" in self.components:
            one = [replace("/spec/replicas", 1)]
            found.append(({"kind": "Deployment", "name": "lesionlens-page"}, one))
        if route and {"gateway", "canary", "page-gateway"} & set(self.components):
            found.append(({"kind": "HTTPRoute"}, _routed(route, route.host)))
        if route and "page-gateway" in self.components:
            page = {"kind": "HTTPRoute", "name": "lesionlens-page"}
            found.append((page, [replace("/spec/hostnames/0", f"page-{route.host}")]))
        return found


def write_publisher(folder: Path, namespace: str, settings: ClusterSettings) -> None:
    """Write kustomizations of the publisher and of the volume, for a separate namespace.

    Args:
        folder: two folders below ``k8s`` of a checkout; gets ``publisher`` and ``volume``.
        namespace: that the objects are in.
        settings: images and storage.
    """
    common = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "labels": [{"pairs": {LABEL: "true"}}],
    }
    target, operations = volume_patch(settings)
    documents = {
        "publisher": {**common, "resources": ["../../publisher"], "images": images(settings)},
        "volume": {
            **common,
            "components": ["../../components/storage-pvc"],
            "patches": [{"target": target, "patch": json.dumps(operations)}],
        },
        "deployer": {**common, "resources": ["../../components/deployer"]},
    }
    for name, document in documents.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(document, sort_keys=False)
        (folder / name / "kustomization.yaml").write_text(text, encoding="utf-8")


def namespace_of(name: str) -> Object:
    """Namespace with the restrictions of the overlays' namespaces; applied separately."""
    levels = {"enforce": "restricted", "audit": "restricted", "warn": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "annotations": {"config.kubernetes.io/local-config": "true"},
            "labels": {
                LABEL: "true",
                **{f"pod-security.kubernetes.io/{key}": level for key, level in levels.items()},
            },
        },
    }


def images(settings: ClusterSettings) -> list[dict[str, str]]:
    """Names of the images for kustomize, by those that the manifests have."""
    return [
        {"name": name, **image_of(image)}
        for name, image in (
            ("lesionlens-serving", settings.serving_image),
            # The name that the component gives it.
            ("lesionlens-serving-kserve", settings.serving_kserve_image),
            ("lesionlens-page", settings.page_image),
        )
        if image
    ]


def volume_patch(settings: ClusterSettings) -> Patch:
    """Patches of the model volume for the cluster."""
    operations = [replace("/spec/accessModes", [settings.access_mode])]
    if settings.storage_class:
        operations.append(add("/spec/storageClassName", settings.storage_class))
    return {"kind": "PersistentVolumeClaim"}, operations


def replace(path: str, value: object) -> Object:
    """An operation of a JSON patch."""
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: object) -> Object:
    """An operation of a JSON patch."""
    return {"op": "add", "path": path, "value": value}


def image_of(image: str) -> dict[str, str]:
    """An image as kustomize names one."""
    if "@" in image:
        name, _, digest = image.partition("@")
        return {"newName": name, "digest": digest}
    folder, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    return {"newName": f"{folder}{slash}{name}", "newTag": tag or "latest"}


def _scaled(component: str, least: int, most: int) -> list[Object]:
    at = f"/spec/{component}"
    return [replace(f"{at}/minReplicas", least), replace(f"{at}/maxReplicas", most)]


def _resources(at: str) -> list[Object]:
    return [
        replace(f"{at}/resources/requests/cpu", CPU),
        replace(f"{at}/resources/requests/memory", MEMORY),
        replace(f"{at}/resources/limits/memory", MEMORY_LIMIT),
    ]


def _routed(route: Route, host: str) -> list[Object]:
    return [
        replace("/spec/hostnames/0", host),
        replace("/spec/parentRefs/0/name", route.gateway),
        replace("/spec/parentRefs/0/namespace", route.gateway_namespace),
    ]


def _gateway_policy(proxies: str) -> Object:
    """Network policy that admits a gateway in an unusual namespace."""
    source = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": proxies}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "lesionlens-gateway-test"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "lesionlens"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [source]}],
        },
    }
