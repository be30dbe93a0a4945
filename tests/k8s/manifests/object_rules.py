"""Rules for sets of objects: no secrets, no duplicates, no dangling references."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.k8s.manifests.building import Object
from tests.k8s.manifests.pod_rules import Rule
from tests.k8s.manifests.pods import Workload, named, of_kind, selects, workloads

BY_HAND = {
    ("ConfigMap", "melanoma-signing-key"),
    ("ConfigMap", "lesionlens-issuer"),
    ("Secret", "melanoma-s3"),
    ("Secret", "lesionlens-api-keys"),
    ("Secret", "lesionlens-page-key"),
    ("Secret", "lesionlens-gateway-keys"),
    ("PersistentVolumeClaim", "lesionlens-models"),
    ("PersistentVolumeClaim", "lesionlens-training-data"),
    ("PersistentVolumeClaim", "lesionlens-training-work"),
}
"""What a component says somebody must make; the claims only where nothing of the set makes them."""

SECRET_VALUES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bxox[bap]-|"
    r"\beyJ[\w-]{20,}\.|://[^/\s:@]+:[^/\s:@]+@"
)
SECRET_NAMES = re.compile(r"password|passwd|secret|token|api_?key|access_?key|credential", re.I)


def secrets(objects: list[Object]) -> list[str]:
    """Require that no secret is in the repository."""
    found = [f"Secret {item['metadata']['name']}" for item in of_kind(objects, "Secret")]
    for path, value in _texts(objects):
        if SECRET_VALUES.search(value):
            found.append(f"{path} looks like a secret")
    for work in workloads(objects):
        for container in work.containers:
            for variable in container.get("env", []):
                # A path is where it is mounted.
                value = variable.get("value", "")
                written = value and not value.startswith("/etc/")
                if SECRET_NAMES.search(variable["name"]) and written:
                    found.append(f"{work.name}: {variable['name']} has its value written out")
    return found


def _texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match node:
        case dict():
            for name, value in node.items():
                yield from _texts(value, f"{path}.{name}")
        case list():
            for place, value in enumerate(node):
                yield from _texts(value, f"{path}[{place}]")
        case str():
            yield path, node


def identities(objects: list[Object]) -> list[str]:
    """Require that no object is defined twice."""
    counted = Counter(
        (
            item["apiVersion"],
            item["kind"],
            item["metadata"].get("namespace"),
            item["metadata"]["name"],
        )
        for item in objects
    )
    return [f"{name} is there {times} times" for name, times in counted.items() if times > 1]


def labels(objects: list[Object]) -> list[str]:
    """Require a common label, by which all objects can be found and removed."""
    return [
        f"{item['kind']} {item['metadata']['name']} is not part of lesionlens"
        for item in objects
        # Those of monitoring's own kustomization have another.
        if not item["metadata"]["name"].startswith("lesionlens-dashboard-")
        and item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "lesionlens"
    ]


def network_policies(objects: list[Object]) -> list[str]:
    """Require closed pods in both directions, with named ports for each exception."""
    policies = of_kind(objects, "NetworkPolicy")
    found = []
    for work in workloads(objects):
        closed = [
            policy
            for policy in policies
            if selects(policy["spec"]["podSelector"], work.labels)
            and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
            and not {"ingress", "egress"} & policy["spec"].keys()
        ]
        if not closed:
            found.append(f"{work.name}: no policy closes it")
    for policy in policies:
        name, spec = policy["metadata"]["name"], policy["spec"]
        chosen = [work for work in workloads(objects) if selects(spec["podSelector"], work.labels)]
        if not chosen and workloads(objects):
            found.append(f"{name} selects no pod")
        for opening in spec.get("ingress", []):
            if not opening.get("from"):
                found.append(f"{name} lets everybody in")
            found += _closed_ports(name, opening, chosen)
        for opening in spec.get("egress", []):
            if not opening.get("to") and {p["port"] for p in opening.get("ports", [])} != {443}:
                found.append(f"{name} lets out to everywhere by more than HTTPS")
    return found


def _closed_ports(name: str, opening: Object, chosen: list[Workload]) -> Iterator[str]:
    """Named ports of a policy that none of its pods has."""
    known = {
        port["name"]
        for work in chosen
        for container in work.containers
        for port in container.get("ports", [])
    }
    for port in opening.get("ports", []):
        if port["port"] not in known:
            yield f"{name} opens port {port['port']}, which is not among {sorted(known)}"


def disruption_budgets(objects: list[Object]) -> list[str]:
    """Require exactly one disruption budget per server."""
    found = []
    budgets = of_kind(objects, "PodDisruptionBudget")
    for work in workloads(objects):
        matching = [b for b in budgets if selects(b["spec"]["selector"], work.labels)]
        if work.long_running and len(matching) != 1:
            found.append(f"{work.name}: {len(matching)} budgets")
    for budget in budgets:
        name, spec = budget["metadata"]["name"], budget["spec"]
        if not any(selects(spec["selector"], work.labels) for work in workloads(objects)):
            found.append(f"{name} selects no pod")
        if spec.get("maxUnavailable") != 1:
            found.append(f"{name} blocks the drain of a node, or allows too much")
        if name in made_by_kserve(objects):
            found.append(f"{name} is a name that KServe takes for itself, and deletes")
    return found


def made_by_kserve(objects: list[Object]) -> set[str]:
    """Names of the Deployments, Services and autoscalers that KServe makes in its Standard mode."""
    return {
        f"{service['metadata']['name']}-{component}"
        for service in of_kind(objects, "InferenceService")
        for component in ("predictor", "explainer")
        if component in service["spec"]
    }


def references(objects: list[Object]) -> list[str]:
    """Require that every reference leads to an object of the set or one that KServe creates."""
    there = {(item["kind"], item["metadata"]["name"]) for item in objects} | BY_HAND
    there |= {("Secret", item["spec"]["secretName"]) for item in of_kind(objects, "Certificate")}
    found = [
        f"{source} names {kind} {name}, which is nowhere"
        for source, kind, name in _named(objects)
        if (kind, name) not in there
    ]
    for scaler in of_kind(objects, "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        if target not in made_by_kserve(objects):
            found.append(f"{scaler['metadata']['name']} scales {target}, which is nowhere")
        if scaler["metadata"]["name"] in made_by_kserve(objects):
            found.append(f"{scaler['metadata']['name']} is a name that KServe takes for itself")
    return found


def _named(objects: list[Object]) -> Iterator[tuple[str, str, str]]:
    """Yield references: source, kind and name."""
    for work in workloads(objects):
        for volume in work.spec.get("volumes", []):
            if "configMap" in volume:
                yield work.name, "ConfigMap", volume["configMap"]["name"]
            if "secret" in volume:
                yield work.name, "Secret", volume["secret"]["secretName"]
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                yield work.name, "PersistentVolumeClaim", claim
        for container in work.containers:
            for variable in container.get("env", []):
                if "valueFrom" in variable:
                    yield work.name, "ConfigMap", variable["valueFrom"]["configMapKeyRef"]["name"]
    for policy in of_kind(objects, "SecurityPolicy"):
        for secret in policy["spec"]["apiKeyAuth"]["credentialRefs"]:
            yield policy["metadata"]["name"], "Secret", secret["name"]
    for policy in of_kind(objects, "BackendTLSPolicy"):
        for ca in policy["spec"]["validation"]["caCertificateRefs"]:
            yield policy["metadata"]["name"], ca["kind"], ca["name"]
    for kind in ("BackendTLSPolicy", "BackendTrafficPolicy", "SecurityPolicy"):
        for policy in of_kind(objects, kind):
            for target in policy["spec"]["targetRefs"]:
                if target["name"] != "lesionlens-canary":  # as their comments say
                    yield policy["metadata"]["name"], target["kind"], target["name"]
    for account in of_kind(objects, "ServiceAccount"):
        for secret in account.get("secrets", []):
            yield account["metadata"]["name"], "Secret", secret["name"]
    for path, value in _texts(objects):
        if claim := re.fullmatch(r"pvc://([\w-]+)/.+", value):
            yield path, "PersistentVolumeClaim", claim[1]
        if host := re.fullmatch(r"http://([\w-]+)|https://([\w-]+):80", value):
            yield path, "Service", host[1] or host[2]
    for job in of_kind(objects, "TrainJob"):
        reference = job["spec"]["runtimeRef"]
        yield job["metadata"]["name"], reference["kind"], reference["name"]
    for service in of_kind(objects, "InferenceService"):
        runtime = service["spec"]["predictor"]["model"]["runtime"]
        yield service["metadata"]["name"], "ServingRuntime", runtime
    for route in of_kind(objects, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                yield route["metadata"]["name"], "Service", backend["name"]


def services(objects: list[Object]) -> list[str]:
    """Require that Services select one workload and that ports of Services and routes exist."""
    found = []
    for service in of_kind(objects, "Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        chosen = [
            w for w in workloads(objects) if selects({"matchLabels": spec["selector"]}, w.labels)
        ]
        if len(chosen) != 1:
            found.append(f"{name} leads to {[work.name for work in chosen]}")
            continue
        ports = {port["name"] for c in chosen[0].containers for port in c.get("ports", [])}
        found += [
            f"{name} leads to port {port['targetPort']}, which is not among {sorted(ports)}"
            for port in spec["ports"]
            if port["targetPort"] not in ports
        ]
    for route in of_kind(objects, "HTTPRoute"):
        for backend in (b for rule in route["spec"]["rules"] for b in rule["backendRefs"]):
            known = {port["port"] for port in _service_ports(objects, backend["name"])}
            if backend["port"] not in known:
                found.append(f"{route['metadata']['name']} leads to a port not among {known}")
    return found


def _service_ports(objects: list[Object], name: str) -> list[dict[str, Any]]:
    there = {item["metadata"]["name"] for item in of_kind(objects, "Service")}
    ports: list[dict[str, Any]] = (
        named(objects, "Service", name)["spec"]["ports"] if name in there else []
    )
    return ports


def gateways(objects: list[Object]) -> list[str]:
    """Require that network policies admit the gateway to the targets of routes."""
    services = {item["metadata"]["name"]: item["spec"] for item in of_kind(objects, "Service")}
    found = []
    for route in of_kind(objects, "HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        labels = {"kubernetes.io/metadata.name": parent["namespace"]}
        for backend in (b for rule in route["spec"]["rules"] for b in rule["backendRefs"]):
            spec = services.get(backend["name"], {"selector": {}, "ports": []})
            ports = {port["targetPort"] for port in spec["ports"]}
            for work in workloads(objects):
                if not selects({"matchLabels": spec["selector"]}, work.labels):
                    continue
                if ports - _let_in(objects, work, labels):
                    found.append(f"{work.name} is closed to {route['metadata']['name']}'s gateway")
    return found


def _let_in(objects: list[Object], work: Workload, namespace: dict[str, str]) -> set[str]:
    """Ports of a pod that are open to all pods of a namespace with these labels."""
    return {
        port["port"]
        for policy in of_kind(objects, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], work.labels)
        for opening in policy["spec"].get("ingress", [])
        for source in opening["from"]
        if source.keys() == {"namespaceSelector"}
        and selects(source["namespaceSelector"], namespace)
        for port in opening["ports"]
    }


RULES: dict[str, Rule] = {
    "secrets": secrets,
    "identities": identities,
    "labels": labels,
    "network policies": network_policies,
    "disruption budgets": disruption_budgets,
    "references": references,
    "services": services,
    "gateways": gateways,
}
