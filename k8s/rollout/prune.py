"""Prune objects that the overlay no longer has, by a label and a fixed list of kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.manifests import OVERLAY_LABEL, Manifests

KINDS: Final = {
    # Routes first: no request may be sent to an object that is about to be removed.
    "httproutes.gateway.networking.k8s.io": "HTTPRoute",
    "securitypolicies.gateway.envoyproxy.io": "SecurityPolicy",
    "backendtrafficpolicies.gateway.envoyproxy.io": "BackendTrafficPolicy",
    "backendtlspolicies.gateway.networking.k8s.io": "BackendTLSPolicy",
    "scaledobjects.keda.sh": "ScaledObject",
    "inferenceservices.serving.kserve.io": "InferenceService",
    "deployments.apps": "Deployment",
    "services": "Service",
    "servingruntimes.serving.kserve.io": "ServingRuntime",
    "poddisruptionbudgets.policy": "PodDisruptionBudget",
    "networkpolicies.networking.k8s.io": "NetworkPolicy",
    "certificates.cert-manager.io": "Certificate",
    "podmonitors.monitoring.coreos.com": "PodMonitor",
    "prometheusrules.monitoring.coreos.com": "PrometheusRule",
    "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount",
}
"""Kinds that are pruned, by resource name. Never a volume, a Secret or a Namespace: they hold what
cannot be made again."""


def superfluous(
    kubectl: Kubectl, manifests: Manifests, say: Callable[[str], None]
) -> list[tuple[str, str]]:
    """Return resource and name of every object that the overlay no longer has; raises nothing.

    Args:
        kubectl: of the cluster.
        manifests: of the overlay as it is now.
        say: called with a line where they may not be listed.
    """
    try:
        known = set(kubectl("api-resources", "--output", "name", "--verbs", "delete").split())
        resources = [resource for resource in KINDS if resource in known]
        listed = kubectl.list(",".join(resources), manifests.namespace, OVERLAY_LABEL)
    except RolloutError as error:  # not allowed, or another party's API does not answer
        say(f"  what the overlay has no more stays where it is: {error}")
        return []
    wanted, order = manifests.names(), {kind: number for number, kind in enumerate(KINDS.values())}
    by_kind = {kind: resource for resource, kind in KINDS.items()}
    found = [
        (one["kind"], one["metadata"]["name"])
        for one in listed
        # Objects of a controller are removed with their owner.
        if not one["metadata"].get("ownerReferences")
    ]
    found = sorted(set(found) - wanted, key=lambda one: (order[one[0]], one[1]))
    return [(by_kind[kind], name) for kind, name in found]


def remove(kubectl: Kubectl, namespace: str, found: list[tuple[str, str]]) -> None:
    """Remove what :func:`superfluous` has found, in its order; raises RolloutError."""
    for resource, name in found:
        kubectl(
            *("delete", resource, name, "--namespace", namespace),
            *("--ignore-not-found", "--wait=false"),
        )
