"""Test all builds against the rules, and each rule against a violation."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s.manifests import object_rules, pod_rules, pod_security
from tests.k8s.manifests.building import COMPLETE, EVERY, Object, objects_of
from tests.k8s.manifests.pods import named

RULES = {**pod_rules.RULES, **object_rules.RULES}


@pytest.mark.parametrize("rule", RULES)
def test_manifests_follow_the_rule(rule: str) -> None:
    for name in EVERY:
        assert RULES[rule](objects_of(name)) == [], name


class Broken:
    """Complete set with named parts, to be broken by a test."""

    def __init__(self) -> None:
        self.objects = [*objects_of(COMPLETE), *objects_of("training/job")]

    def get(self, kind: str, name: str) -> Any:
        return named(self.objects, kind, name)

    @property
    def runtime(self) -> Any:
        """The predictor's container, before KServe merges it."""
        return self.get("ServingRuntime", "lesionlens-torchserve")["spec"]["containers"][0]

    @property
    def predictor(self) -> Any:
        return self.get("InferenceService", "melanoma")["spec"]["predictor"]

    @property
    def explainer(self) -> Any:
        return self.get("InferenceService", "melanoma")["spec"]["explainer"]

    @property
    def explaining(self) -> Any:
        return self.explainer["containers"][0]

    @property
    def page(self) -> Any:
        return self.get("Deployment", "lesionlens-page")["spec"]["template"]["spec"]

    @property
    def training(self) -> Any:
        return self.get("Job", "lesionlens-training")["spec"]["template"]["spec"]

    def policy(self, name: str) -> Any:
        return self.get("NetworkPolicy", f"lesionlens-{name}")["spec"]

    def budget(self, name: str) -> Any:
        return self.get("PodDisruptionBudget", f"lesionlens-{name}")

    def without(self, kind: str, name: str) -> None:
        self.objects.remove(self.get(kind, name))

    def add(self, **document: Any) -> None:
        self.objects.append({"apiVersion": "v1", "metadata": {"name": "added"}, **document})


Change = Callable[[Broken], object]

BREAKS: list[tuple[str, Change]] = [
    ("image tags", lambda b: b.runtime.update(image="lesionlens-serving")),
    ("image tags", lambda b: b.explaining.update(image="registry.example:5000/lesionlens")),
    ("image tags", lambda b: b.page["containers"][0].update(image="lesionlens-page:latest")),
    ("resources", lambda b: b.predictor["model"]["resources"]["limits"].pop("memory")),
    ("resources", lambda b: b.explaining["resources"].pop("requests")),
    ("resources", lambda b: b.training["containers"][0]["resources"]["limits"].pop("cpu")),
    ("probes", lambda b: b.runtime.pop("startupProbe")),
    ("probes", lambda b: b.explaining["readinessProbe"]["httpGet"].update(port="healthz")),
    ("probes", lambda b: b.page["containers"][0]["livenessProbe"].update(periodSeconds=1)),
    ("read-only root", lambda b: b.runtime["securityContext"].pop("readOnlyRootFilesystem")),
    ("read-only root", lambda b: b.explainer["volumes"][0]["emptyDir"].pop("sizeLimit")),
    ("read-only root", lambda b: b.training["containers"][0]["volumeMounts"].pop()),
    ("mounts", lambda b: b.predictor["volumes"].pop()),
    ("mounts", lambda b: b.explaining["volumeMounts"].pop()),
    ("service accounts", lambda b: b.explainer.pop("serviceAccountName")),
    ("service accounts", lambda b: b.predictor.update(automountServiceAccountToken=True)),
    (
        "service accounts",
        lambda b: b.get("ServiceAccount", "melanoma").pop("automountServiceAccountToken"),
    ),
    ("service accounts", lambda b: b.without("ServiceAccount", "lesionlens-page")),
    ("service links", lambda b: b.explainer.pop("enableServiceLinks")),
    ("service links", lambda b: b.page.update(enableServiceLinks=True)),
    ("spread", lambda b: b.explainer.pop("topologySpreadConstraints")),
    (
        "spread",
        lambda b: b.predictor["topologySpreadConstraints"][1]["labelSelector"][
            "matchLabels"
        ].update(app="isvc.melanoma-explainer"),
    ),
    ("time to drain", lambda b: b.predictor.pop("terminationGracePeriodSeconds")),
    ("time to drain", lambda b: b.explaining.update(terminationMessagePolicy="File")),
    ("secrets", lambda b: b.add(kind="Secret")),
    ("secrets", lambda b: b.add(kind="ConfigMap", data={"k": "-----BEGIN PRIVATE KEY-----"})),
    (
        "secrets",
        lambda b: b.explaining["env"].append({"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}),
    ),
    ("secrets", lambda b: b.explaining["env"].append({"name": "A", "value": "http://a:b@c"})),
    ("identities", lambda b: b.objects.append(b.budget("page"))),
    ("labels", lambda b: b.budget("page")["metadata"].pop("labels")),
    ("labels", lambda b: b.add(kind="ConfigMap")),
    ("network policies", lambda b: b.policy("default-deny")["policyTypes"].pop()),
    ("network policies", lambda b: b.policy("default-deny").update(egress=[{}])),
    (
        "network policies",
        lambda b: b.get("Deployment", "lesionlens-page")["spec"]["template"]["metadata"][
            "labels"
        ].pop("app.kubernetes.io/part-of"),
    ),
    ("network policies", lambda b: b.policy("requests")["ingress"][0].pop("from")),
    ("network policies", lambda b: b.policy("storage")["egress"][1].pop("ports")),
    ("network policies", lambda b: b.policy("page-out")["egress"][0].pop("to")),
    (
        "network policies",
        lambda b: b.policy("metrics")["ingress"][0]["ports"][0].update(port="metric"),
    ),
    (
        "network policies",
        lambda b: b.policy("gateway")["podSelector"]["matchLabels"].update(component="x"),
    ),
    ("disruption budgets", lambda b: b.without("PodDisruptionBudget", "lesionlens-canary")),
    (
        "disruption budgets",
        lambda b: b.budget("page")["spec"]["selector"]["matchLabels"].update(component="x"),
    ),
    ("disruption budgets", lambda b: b.budget("explainer")["spec"].update(maxUnavailable=0)),
    (
        "disruption budgets",
        lambda b: b.budget("predictor")["spec"]["selector"]["matchLabels"].clear(),
    ),
    (
        "disruption budgets",
        lambda b: b.budget("predictor")["metadata"].update(name="melanoma-predictor"),
    ),
    ("references", lambda b: b.predictor["volumes"][0]["configMap"].update(name="key")),
    ("references", lambda b: b.predictor["model"].update(runtime="kserve-torchserve")),
    ("references", lambda b: b.predictor["model"].update(storageUri="pvc://models/melanoma")),
    (
        "references",
        lambda b: b.training["volumes"][0]["persistentVolumeClaim"].update(claimName="x"),
    ),
    ("references", lambda b: b.get("ServiceAccount", "melanoma")["secrets"][0].update(name="x")),
    ("references", lambda b: b.page["containers"][0]["env"][0].update(value="http://predictor")),
    (
        "references",
        lambda b: b.get("HTTPRoute", "lesionlens-canary")["spec"]["rules"][0]["backendRefs"][
            1
        ].update(name="melanoma-canary"),
    ),
    (
        "references",
        lambda b: b.get("ScaledObject", "lesionlens-explainer")["spec"]["scaleTargetRef"].update(
            name="melanoma"
        ),
    ),
    (
        "references",
        lambda b: b.get("ScaledObject", "lesionlens-explainer")["metadata"].update(
            name="melanoma-explainer"
        ),
    ),
    (
        "services",
        lambda b: b.get("Service", "lesionlens-predictor")["spec"].update(
            selector={"app.kubernetes.io/part-of": "lesionlens"}
        ),
    ),
    (
        "services",
        lambda b: b.get("Service", "lesionlens-page")["spec"]["ports"][0].update(targetPort=80),
    ),
    (
        "services",
        lambda b: b.get("HTTPRoute", "lesionlens")["spec"]["rules"][1]["backendRefs"][0].update(
            port=8080
        ),
    ),
    ("gateways", lambda b: b.without("NetworkPolicy", "lesionlens-gateway")),
    ("gateways", lambda b: b.policy("page-in")["ingress"][0]["from"].pop(0)),
]


@pytest.mark.parametrize(
    ("rule", "change"), BREAKS, ids=lambda item: item if isinstance(item, str) else ""
)
def test_rule_detects_its_violation(rule: str, change: Change) -> None:
    broken = Broken()
    assert RULES[rule](broken.objects) == []

    change(broken)

    assert RULES[rule](broken.objects)


def test_every_rule_has_a_violation_test() -> None:
    assert {rule for rule, _ in BREAKS} | {"pod security"} == set(RULES)


def restricted() -> dict[str, Any]:
    """Pod that complies with the profile."""
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "a",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                },
            }
        ],
    }


def of_pod(**fields: Any) -> dict[str, Any]:
    return {**restricted(), **fields}


def of_context(**fields: Any) -> dict[str, Any]:
    pod = restricted()
    pod["securityContext"].update(fields)
    return pod


def of_container(**fields: Any) -> dict[str, Any]:
    pod = restricted()
    pod["containers"][0].update(fields)
    return pod


def of_own(**fields: Any) -> dict[str, Any]:
    pod = restricted()
    pod["containers"][0]["securityContext"].update(fields)
    return pod


def test_profile_accepts_compliant_pod() -> None:
    assert pod_security.violations(restricted()) == []


@pytest.mark.parametrize(
    "pod",
    [
        of_pod(hostNetwork=True),
        of_pod(hostPID=True),
        of_pod(hostIPC=True),
        of_pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
        of_pod(volumes=[{"name": "v", "nfs": {}}]),
        of_pod(securityContext={}),
        of_pod(initContainers=[{"name": "b"}]),
        of_pod(ephemeralContainers=[{"name": "b"}]),
        of_context(runAsNonRoot=False),
        of_context(runAsUser=0),
        of_context(sysctls=[{"name": "kernel.msgmax"}]),
        of_context(seccompProfile={"type": "Unconfined"}),
        of_context(appArmorProfile={"type": "Unconfined"}),
        of_context(seLinuxOptions={"type": "spc_t"}),
        of_context(seLinuxOptions={"user": "root"}),
        of_context(windowsOptions={"hostProcess": True}),
        of_container(ports=[{"hostPort": 80}]),
        of_container(livenessProbe={"httpGet": {"host": "10.0.0.1"}}),
        of_container(lifecycle={"preStop": {"tcpSocket": {"host": "10.0.0.1"}}}),
        of_container(securityContext={}),
        of_own(privileged=True),
        of_own(allowPrivilegeEscalation=True),
        of_own(capabilities={"drop": ["NET_RAW"]}),
        of_own(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        of_own(procMount="Unmasked"),
        of_own(runAsNonRoot=False),
        of_own(runAsUser=0),
        of_own(seccompProfile={"type": "Unconfined"}),
        of_own(appArmorProfile={"type": "Unconfined"}),
    ],
    ids=str,
)
def test_profile_rejects_violation(pod: Object) -> None:
    assert pod_security.violations(pod)
