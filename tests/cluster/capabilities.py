"""Detect read-only what a cluster offers, and word what it lacks for the results table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from k8s.rollout.errors import ForbiddenError, RolloutError
from k8s.rollout.kubectl import Kubectl

Object = dict[str, Any]

KSERVE: Final = "inferenceservices.serving.kserve.io"
ROUTES: Final = "httproutes.gateway.networking.k8s.io"
UNKNOWN: Final = "unknown"
UNKNOWN_KIND: Final = re.compile("doesn't have a resource type|no matches for kind")
PROMETHEUS_SERVICE: Final = "prometheus-operated"
"""The Prometheus operator's own Service of every Prometheus."""


@dataclass
class Capabilities:
    """Capabilities of one cluster; each query is sent once."""

    kubectl: Kubectl
    _found: dict[str, Any] = field(default_factory=dict)
    _forbidden: set[str] = field(default_factory=set)

    def get(self, *arguments: str) -> Object:
        """Result of ``kubectl get``; an empty object if there is nothing or reading is forbidden.

        Raises:
            RolloutError: the cluster cannot be asked.
        """
        key = " ".join(arguments)
        if key not in self._found:
            try:
                text = self.kubectl("get", *arguments, "--ignore-not-found", "--output", "json")
                self._found[key] = json.loads(text) if text.strip() else {}
            except ForbiddenError:
                self._forbidden.add(arguments[0])
                self._found[key] = {}
            except RolloutError as error:
                if not UNKNOWN_KIND.search(str(error)):
                    raise
                self._found[key] = {}
        found: Object = self._found[key]
        return found

    def may_read(self, resource: str) -> bool:
        """Whether :meth:`get` was allowed to list all objects of a resource."""
        return resource not in self._forbidden

    def definition(self, name: str) -> Object:
        """CustomResourceDefinition by name; an empty object if it does not exist."""
        return self.get("customresourcedefinitions.apiextensions.k8s.io", name)

    def schema(self, name: str, version: str, *path: str) -> Object:
        """Part of a definition's schema; an empty object if the field does not exist.

        Args:
            name: of the definition.
            version: of the API.
            *path: names of fields, ``[]`` for a list's items.
        """
        for one in self.definition(name).get("spec", {}).get("versions", ()):
            if one["name"] == version:
                node: Object = one.get("schema", {}).get("openAPIV3Schema", {})
                for step in path:
                    node = node.get("items", {}) if step == "[]" else _field(node, step)
                return node
        return {}

    def versions(self) -> dict[str, str]:
        """Versions of the components that the tests depend on; ``unknown`` if not available."""
        try:
            server = json.loads(self.kubectl("version", "--output", "json"))
            kubernetes = server["serverVersion"]["gitVersion"]
        except (RolloutError, KeyError, ValueError):
            kubernetes = UNKNOWN
        return {
            "Kubernetes": kubernetes,
            "KServe": self._kserve(),
            "Gateway API": self._gateway_api(),
        }

    def lacks_kserve(self) -> str:
        """Reason why nothing can be tested."""
        return "" if self._serves("serving.kserve.io") else "the cluster has no KServe"

    def lacks_gateway_api(self) -> str:
        """Reason why there are no routes."""
        return "" if self._serves("gateway.networking.k8s.io") else "the cluster has no Gateway API"

    def lacks_retry(self) -> str:
        """Reason why the gateway does not retry requests."""
        if self.definition(ROUTES) and not self.schema(
            ROUTES, "v1", "spec", "rules", "[]", "retry"
        ):
            return "this Gateway API has no field `retry` of an HTTPRoute"
        return ""

    def lacks_spec_canary(self) -> str:
        """Reason why ``spec.canary`` cannot be tested."""
        if not self.schema(KSERVE, "v1beta1", "spec", "canary"):
            return f"KServe {self._kserve()} has no spec.canary (from 0.20 on)"
        return ""

    def lacks_metrics_server(self) -> str:
        """Reason why CPU metrics are missing."""
        conditions = self.get("apiservices.apiregistration.k8s.io", "v1beta1.metrics.k8s.io")
        for one in conditions.get("status", {}).get("conditions", ()):
            if one["type"] == "Available" and one["status"] == "True":
                return ""
        return "the cluster has no metrics-server"

    def lacks_keda(self) -> str:
        """Reason why KEDA cannot scale by Prometheus."""
        return "" if self._serves("keda.sh") else "the cluster has no KEDA"

    def prometheus(self) -> tuple[str, str]:
        """Namespace of an operator's Prometheus that watches our namespace; else the reason."""
        if not self._serves("monitoring.coreos.com"):
            return "", "the cluster has no Prometheus operator"
        found = self.get("prometheuses.monitoring.coreos.com", "--all-namespaces").get("items", [])
        reasons = []
        for one in found:
            if not (why := _ignores(one["spec"])):
                return str(one["metadata"]["namespace"]), ""
            reasons.append(f"{one['metadata']['name']} {why}")
        return "", "; ".join(reasons) or "the cluster has no Prometheus of the operator"

    def _serves(self, group: str) -> bool:
        if "groups" not in self._found:
            listed = self.kubectl("api-versions").split()
            self._found["groups"] = {version.partition("/")[0] for version in listed}
        return group in self._found["groups"]

    def _kserve(self) -> str:
        found = self.get(
            *("deployments.apps", "--all-namespaces"),
            *("--selector", "control-plane=kserve-controller-manager"),
        )
        for deployment in found.get("items", ()):
            for container in deployment["spec"]["template"]["spec"]["containers"]:
                tag = re.search(r"kserve-controller:v?([\w.-]+)", container["image"])
                if tag:
                    return tag[1]
        return UNKNOWN

    def _gateway_api(self) -> str:
        notes = self.definition(ROUTES).get("metadata", {}).get("annotations", {})
        version = str(notes.get("gateway.networking.k8s.io/bundle-version", ""))
        channel = str(notes.get("gateway.networking.k8s.io/channel", ""))
        return f"{version.removeprefix('v')} {channel}".strip() or UNKNOWN


def _field(node: Object, name: str) -> Object:
    found: Object = node.get("properties", {}).get(name, {})
    return found


def _ignores(prometheus: Object) -> str:
    """Reason why a Prometheus ignores our monitors; empty if it does not."""
    for name, what in (("podMonitorSelector", "monitors"), ("ruleSelector", "rules")):
        selector = prometheus.get(name)
        if selector is None or selector.get("matchLabels") or selector.get("matchExpressions"):
            return f"takes only {what} of its own labels ({name})"
    for name in ("podMonitorNamespaceSelector", "ruleNamespaceSelector"):
        selector = prometheus.get(name)
        if selector is None or selector.get("matchLabels") or selector.get("matchExpressions"):
            return f"does not watch other namespaces ({name})"
    return ""
