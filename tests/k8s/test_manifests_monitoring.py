"""Test the monitoring manifests: labels, rules and network policies."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.prometheus import files
from monitoring.settings import MonitoringSettings
from tests.k8s.manifests.building import COMPLETE, combined, objects_of, parsed
from tests.k8s.manifests.pods import named, of_kind, selects, workloads

ROOT = Path(__file__).resolve().parents[2]
MONITORED = "base + monitoring"
METRIC = "ts_inference_latency_microseconds"


def monitor() -> dict[str, Any]:
    spec: dict[str, Any] = named(objects_of(MONITORED), "PodMonitor", "lesionlens")["spec"]
    return spec


def test_rules_equal_those_that_python_writes() -> None:
    committed = files.MANIFEST.read_text(encoding="utf-8")

    assert files.manifest(MonitoringSettings()) == committed, (
        "run `python -m monitoring.build rules`"
    )


def test_operator_rules_equal_the_tested_rules() -> None:
    groups = named(objects_of(MONITORED), "PrometheusRule", "lesionlens")["spec"]["groups"]
    tested = [
        group
        for name in ("recording.yaml", "alerts.yaml")
        for group in yaml.safe_load((files.FOLDER / name).read_text(encoding="utf-8"))["groups"]
    ]

    assert groups == tested


def test_runbook_url_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_RUNBOOKS", "https://wiki.example")
    text = files.manifest(MonitoringSettings())

    assert "runbook_url: https://wiki.example/LesionLensAbsent.md" in text


def test_scrapes_every_server_and_nothing_else() -> None:
    objects = objects_of(COMPLETE)
    selector = named(objects, "PodMonitor", "lesionlens")["spec"]["selector"]
    scraped = {work.name for work in workloads(objects) if selects(selector, work.labels)}

    assert scraped == {"melanoma-predictor", "melanoma-explainer", "melanoma-canary-predictor"}
    (endpoint,) = monitor()["podMetricsEndpoints"]
    for work in workloads(objects_of(MONITORED)):
        ports = {
            port["name"]: port["containerPort"] for port in work.spec["containers"][0]["ports"]
        }
        assert ports[endpoint["port"]] == 8082


def relabelled(labels: dict[str, str]) -> dict[str, str]:
    """Apply Prometheus' relabelling with the default action (replace) to discovered labels."""
    (endpoint,) = monitor()["podMetricsEndpoints"]
    return {
        rule["targetLabel"]: ";".join(labels.get(name, "") for name in rule["sourceLabels"])
        for rule in endpoint["relabelings"]
        if rule.keys() == {"targetLabel", "sourceLabels"}
    }


def discovered(labels: dict[str, str]) -> dict[str, str]:
    """Name of a pod's label in Prometheus."""
    return {
        "__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", key): value
        for key, value in labels.items()
    }


def test_scraped_series_have_the_service_label_of_the_alerts() -> None:
    for work in workloads(objects_of(MONITORED)):
        labels = relabelled(discovered(work.labels))
        assert labels == {
            "service": MonitoringSettings().service,
            "component": work.labels["component"],
        }


def test_canary_has_a_separate_service_label() -> None:
    (canary,) = [w for w in workloads(objects_of(COMPLETE)) if "canary" in w.name]

    assert relabelled(discovered(canary.labels))["service"] == "melanoma-canary"


def test_network_policy_admits_prometheus_to_the_metrics_port() -> None:
    policy = named(objects_of(MONITORED), "NetworkPolicy", "lesionlens-metrics")["spec"]
    (opening,) = policy["ingress"]

    assert opening["ports"] == [{"port": "metrics", "protocol": "TCP"}]
    assert opening["from"][0]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "prometheus"
    }
    for work in workloads(objects_of(MONITORED)):
        assert selects(policy["podSelector"], work.labels)


def test_dashboards_equal_the_generated_ones() -> None:
    boards = [
        item
        for item in of_kind(objects_of(MONITORED), "ConfigMap")
        if item["metadata"]["name"].startswith("lesionlens-dashboard-")
    ]
    folder = ROOT / "monitoring/dashboards/json"

    assert {board["metadata"]["labels"]["grafana_dashboard"] for board in boards} == {"1"}
    assert [board["data"] for board in boards] == [
        {path.name: path.read_text(encoding="utf-8")} for path in sorted(folder.glob("*.json"))
    ]


def queries(namespace: str = "lesionlens") -> dict[str, str]:
    """Prometheus queries of KEDA, by component."""
    names = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace}}
    objects = parsed(combined("base", ("autoscaling-keda",), namespace=yaml.safe_dump(names)))
    found = {}
    for scaler in of_kind(objects, "ScaledObject"):
        (trigger,) = scaler["spec"]["triggers"]
        assert trigger["type"] == "prometheus"
        assert trigger["metadata"].keys() == {"serverAddress", "query", "threshold"}
        found[scaler["spec"]["scaleTargetRef"]["name"]] = trigger["metadata"]["query"]
    return found


def test_autoscaler_metric_exists_in_torchserve() -> None:
    served = yaml.safe_load((ROOT / "model_store/config/metrics.yaml").read_text("utf-8"))

    assert METRIC in {metric["name"] for metric in served["ts_metrics"]["counter"]}
    for query in queries().values():
        assert METRIC in query


def test_autoscaler_query_selects_its_namespace() -> None:
    for query in queries("another").values():
        assert 'namespace="another"' in query


def test_autoscaler_query_counts_requests_in_flight_of_one_component(
    promtool: str, tmp_path: Path
) -> None:
    """Check that two replicas with three requests in flight each give six.

    A second of time passes for each request in flight in every second, in microseconds.
    """

    def series(in_flight: int, **labels: str) -> dict[str, str]:
        names = {"namespace": "lesionlens", "service": "melanoma", **labels}
        text = ", ".join(f'{name}="{value}"' for name, value in names.items())
        return {"series": f"{METRIC}{{{text}}}", "values": f"0+{in_flight * 15_000_000}x20"}

    case = {
        "interval": "15s",
        "input_series": [
            series(3, component="predictor", pod="a"),
            series(3, component="predictor", pod="b"),
            series(5, component="explainer", pod="c"),
            series(9, component="predictor", pod="d", service="melanoma-canary"),
            series(9, component="predictor", pod="e", namespace="another"),
        ],
        "promql_expr_test": [
            {"expr": query, "eval_time": "4m", "exp_samples": [{"labels": "{}", "value": value}]}
            for query, value in zip(queries().values(), (5, 6), strict=True)
        ],
    }
    assert list(queries()) == ["melanoma-explainer", "melanoma-predictor"]
    path = tmp_path / "in_flight.yaml"
    path.write_text(yaml.safe_dump({"tests": [case]}), encoding="utf-8")
    command = [promtool, "test", "rules", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
