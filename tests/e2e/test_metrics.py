"""Test that the metrics port shows only declared names and labels."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from handlers.backends import NAMES
from handlers.drift import FEATURES
from handlers.explainers.methods import NAMES as EXPLAINED
from handlers.labels import LABELS, REASONS
from handlers.metric import VERSION
from handlers.protocol import ANSWERS
from handlers.telemetry import METRICS, OUTCOMES
from handlers.variants import NUMERICS, PORTABLE
from serving.local import LocalServer
from tests.e2e.conftest import Trained
from tests.e2e.environment import ROOT, SERVED
from tests.e2e.requests_of import EXPLAIN, PREDICT, RAW_EXPLAIN, instances
from tests.e2e.watching import until

BOUNDED = {
    "verb": set(ANSWERS),
    "outcome": set(OUTCOMES),
    "method": {*EXPLAINED, "none", "several", "unknown"},
    "stage": {"decode", "forward", "explain", "render"},
    "label": set(LABELS),
    "diagnosis": set(LABELS),
    "review": {"true", "false"},
    "reason": set(REASONS),
    "feature": set(FEATURES),
    "backend": set(NAMES),
    "bin": {str(place) for place in range(10)},
}
FRONT = {
    "lesionlens_http_responses_total",
    *(f"lesionlens_http_request_seconds_{part}" for part in ("bucket", "count", "sum")),
    "lesionlens_http_in_flight",
    "lesionlens_http_repeated_total",
    *("lesionlens_outcomes_total", "lesionlens_outcome_probabilities_total"),
}
"""Of the front, which sees what never reaches a worker."""
OF_THE_FRONT = ("lesionlens_http_", "lesionlens_outcome")
FAMILY = re.compile(r"_(bucket|sum|count)$")


def series(server: LocalServer) -> dict[str, list[dict[str, str]]]:
    """Labels of each of our series, by the declared name."""
    kinds = {metric.name: metric.kind for metric in METRICS}
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for family in text_string_to_metric_families(httpx.get(f"{server.metrics}/metrics").text):
        for sample in family.samples:
            if sample.name.startswith("lesionlens_"):
                base = FAMILY.sub("", sample.name)
                name = base if kinds.get(base) == "histogram" else sample.name
                found[name].append({**sample.labels})
    return found


def answered(server: LocalServer) -> float:
    """Number of counted requests."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(httpx.get(f"{server.metrics}/metrics").text)
        for sample in family.samples
        if sample.name == "lesionlens_requests_total"
    )


def test_clients_cannot_create_label_values(
    server: LocalServer, client: httpx.Client, photographs: list[bytes]
) -> None:
    before = answered(server)
    assert client.post(PREDICT, json=instances(photographs[0])).status_code == 200
    assert client.post(EXPLAIN, json=instances(photographs[0])).status_code == 200
    hostile = [f'{name}"}} 1\n#' for name in ("a", "b")] + [f"method{i}" for i in range(20)]
    for name in hostile:
        assert client.post(EXPLAIN, json=instances(photographs[0], method=name)).status_code == 400
        headers = {"x-method": name.replace("\n", " "), "x-target": name.replace("\n", " ")}
        assert client.post(RAW_EXPLAIN, content=b"x", headers=headers).status_code == 400
    until(lambda: answered(server) == before + 2 + 2 * len(hostile), "not all were counted")

    for name, found in series(server).items():
        for labels in found:
            for label in labels.keys() & BOUNDED.keys():
                assert labels[label] in BOUNDED[label], (name, labels)
        assert len({labels[VERSION] for labels in found if VERSION in labels}) <= 1


def test_decisions_are_json_lines_of_the_log(
    server: LocalServer, client: httpx.Client, photographs: list[bytes]
) -> None:
    def decided() -> list[str]:
        lines = server.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "decided" in line]

    before = decided()
    (answered,) = client.post(PREDICT, json=instances(photographs[0])).json()["predictions"]
    until(lambda: len(decided()) > len(before), "no decision was logged")

    (line,) = decided()[len(before) :]
    logged = json.loads(line)
    assert logged.keys() - answered.keys() == {"decided", "verb", "seconds", "groups"}
    assert {name: logged[name] for name in answered} == answered


def test_exposed_metrics_equal_declared_metrics(server: LocalServer, client: httpx.Client) -> None:
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    configured = yaml.safe_load((ROOT / "model_store/config/metrics.yaml").read_text("utf-8"))
    listed = {
        metric["name"] for kind in configured["model_metrics"].values() for metric in kind
    } - {"HandlerTime", "PredictionTime"}

    found = series(server)

    assert listed == declared.keys()
    of_the_front = {name for name in found if name.startswith(OF_THE_FRONT)}
    assert of_the_front == FRONT
    assert found.keys() - of_the_front <= declared.keys()
    for name, labels in declared.items():
        for seen in found.get(name, ()):
            assert seen.keys() - {"le", "Hostname"} == labels, name


def test_uses_the_fastest_allowed_backend(server: LocalServer, trained: Trained) -> None:
    (seen,) = series(server)["lesionlens_backend_info"]

    allowed = NUMERICS[SERVED.numerics]
    if SERVED.numerics == PORTABLE.numerics:
        allowed = trained.summary["backends"]["order"]
    assert seen["backend"] == allowed[0]
    assert seen[VERSION] == trained.summary["model_version"]
