"""Simulate KServe and the Deployment controller in an API double."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.k8s.manifests.building import KUBECTL
from tests.k8s.rollout.api_double import Api, Object

SPACE = "namespaces/lesionlens"
DEPLOYMENTS = f"/apis/apps/v1/{SPACE}/deployments"
REPLICA_SETS = f"/apis/apps/v1/{SPACE}/replicasets"
PODS = f"/api/v1/{SPACE}/pods"
SERVICES = f"/apis/serving.kserve.io/v1beta1/{SPACE}/inferenceservices"
RUNTIMES = f"/apis/serving.kserve.io/v1alpha1/{SPACE}/servingruntimes"


FORWARDING = """#!/bin/sh
for argument in "$@"; do
    if [ "$argument" = port-forward ]; then
        echo "Forwarding from 127.0.0.1:{port} -> 8080"
        exec sleep 60
    fi
done
exec {kubectl} "$@"
"""


def forwarding_kubectl(folder: Path, port: int) -> Path:
    """Write a kubectl whose port-forwards lead to a port of this machine.

    Args:
        folder: to write it to.
        port: of a server.
    """
    program = folder / "kubectl-forwarding"
    program.write_text(FORWARDING.format(port=port, kubectl=KUBECTL), encoding="utf-8")
    program.chmod(0o755)
    return program


@dataclass
class Cluster:
    """Controllers that act on every API request.

    Attributes:
        starts: whether the pods of a release, by its digest, become ready.
        pod_status: of a pod that does not, by its Deployment.
        refused: why no pods of a Deployment can be created.
        lag: requests that the API answers before KServe looks at a change.
    """

    starts: dict[str, bool] = field(default_factory=dict)
    pod_status: dict[str, Object] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    lag: int = 0
    _waited: int = 0

    def api(self, **options: Any) -> Api:
        """API double with these controllers."""
        return Api(before_answer=self.act, **options)

    def act(self, api: Api) -> None:
        """Reconcile all objects."""
        services = [
            copy.deepcopy(one) for at, one in api.objects.items() if at.startswith(SERVICES)
        ]
        for service in services:
            self._reconcile(api, service)
        for at in [at for at in api.objects if at.startswith(DEPLOYMENTS)]:
            self._roll(api, api.objects[at])
        names = {one["metadata"]["name"] for one in services}
        for at, one in list(api.objects.items()):
            owner = one["metadata"].get("made-for")
            if owner and owner not in names:
                del api.objects[at]
        for one in api.objects.values():
            if one["kind"] == "HTTPRoute":
                one["status"] = {"parents": [{"conditions": [_true("Accepted")]}]}
            if one["kind"] == "ScaledObject":
                one["status"] = {"conditions": [_true("Ready")]}

    def _reconcile(self, api: Api, service: Object) -> None:
        name, spec = service["metadata"]["name"], service["spec"]
        stored = api.objects[f"{SERVICES}/{name}"]
        generation = service["metadata"]["generation"]
        # As the real one: said before anything of it is true.
        stored["status"] = {
            "observedGeneration": generation,
            "url": f"http://{name}.example",
            "conditions": [_true("Ready")],
        }
        if stored["metadata"].get("seen") != generation and self._waited < self.lag:
            self._waited += 1
            return
        self._waited, stored["metadata"]["seen"] = 0, generation
        model = spec["predictor"]["model"]
        runtime = api.objects[f"{RUNTIMES}/{model['runtime']}"]["spec"]["containers"][0]
        components = {"predictor": {**runtime, "env": model["env"]}}
        if "explainer" in spec:
            container = copy.deepcopy(spec["explainer"]["containers"][0])
            container["env"] = [one for one in container["env"] if one["name"] != "STORAGE_URI"]
            components["explainer"] = container
        for component, container in components.items():
            self._deployment(api, name, component, container, spec[component]["minReplicas"])

    @staticmethod
    def _deployment(api: Api, service: str, component: str, container: Object, count: int) -> None:
        name = f"{service}-{component}"
        at = f"{DEPLOYMENTS}/{name}"
        spec = {"replicas": count, "template": {"spec": {"containers": [copy.deepcopy(container)]}}}
        before = api.objects.get(at)
        if before is None or before["spec"] != spec:
            generation = before["metadata"]["generation"] + 1 if before else 1
            api.objects[at] = {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": name,
                    "uid": name,
                    "generation": generation,
                    "made-for": service,
                    "ownerReferences": [{"uid": service}],
                },
                "spec": spec,
                "status": before["status"] if before else {},
            }

    def _roll(self, api: Api, deployment: Object) -> None:
        """Take one rollout step: create new pods, and remove old ones once these are ready."""
        metadata, spec = deployment["metadata"], deployment["spec"]
        name, count = metadata["name"], spec.get("replicas", 1)
        metadata.setdefault("uid", name)
        revision = str(metadata["generation"])
        metadata.setdefault("annotations", {})["deployment.kubernetes.io/revision"] = revision
        container = spec["template"]["spec"]["containers"][0]
        status: Object = {"observedGeneration": metadata["generation"], "conditions": []}
        deployment["status"] = status
        owner = f"rs-{name}-{revision}"
        pods = self._pods(api, name)
        of_before = [at for at in pods if _owner(api.objects[at]) != owner]
        if name in self.refused:
            why = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
            status["conditions"].append({**why, "message": self.refused[name]})
            status |= {"replicas": len(of_before), "availableReplicas": len(of_before)}
            return
        self._create(api, deployment, revision, container, count)
        digests = [one["value"] for one in container["env"] if one["name"] == "LESIONLENS_DIGEST"]
        ready = self.starts.get(digests[0] if digests else name, True)
        status_of_pod = {"conditions": [_true("Ready")]} if ready else self.pod_status.get(name, {})
        for at in set(self._pods(api, name)) - set(of_before):
            api.objects[at]["status"] = status_of_pod
        if ready:
            for at in of_before:
                del api.objects[at]
            status |= {"replicas": count, "updatedReplicas": count, "availableReplicas": count}
        else:
            old = count if of_before else 0
            status |= {"replicas": old + 1, "updatedReplicas": 1, "availableReplicas": old}

    @staticmethod
    def _pods(api: Api, deployment: str) -> list[str]:
        return [at for at in api.objects if at.startswith(f"{PODS}/{deployment}-")]

    @staticmethod
    def _create(api: Api, deployment: Object, revision: str, container: Object, count: int) -> None:
        name = deployment["metadata"]["name"]
        made = f"{name}-{revision}"
        made_for = deployment["metadata"].get("made-for", "")  # none for the page
        replica_set = {"name": made, "uid": f"rs-{made}", "made-for": made_for}
        replica_set["annotations"] = {"deployment.kubernetes.io/revision": revision}
        owner = {"uid": deployment["metadata"]["uid"], "controller": True}
        api.objects.setdefault(
            f"{REPLICA_SETS}/{made}",
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {**replica_set, "ownerReferences": [owner]},
            },
        )
        for pod in (made, *(f"{made}-{number}" for number in range(1, count))):
            api.objects.setdefault(
                f"{PODS}/{pod}",
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {
                        "name": pod,
                        "uid": f"pod-{pod}",
                        "made-for": made_for,
                        "labels": {"app": f"isvc.{name}"},
                        "ownerReferences": [{"uid": f"rs-{made}", "controller": True}],
                    },
                    "spec": {"containers": [copy.deepcopy(container)]},
                },
            )


def _owner(thing: Object) -> str:
    return str(thing["metadata"]["ownerReferences"][0]["uid"])


def _true(kind: str) -> Object:
    return {"type": kind, "status": "True"}
