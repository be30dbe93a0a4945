"""Test the declared metrics and their recorder."""

from pathlib import Path

import pytest
import yaml

from handlers import telemetry
from handlers.drift import FEATURES, STATISTICS, Baseline
from handlers.metric import VERSION, Metric
from handlers.performance import GROUP_EXPECTED_DIAGNOSES, STATED_PREVALENCE
from handlers.quality import NAMES as QUALITY
from handlers.telemetry import (
    BACKEND_INFO,
    BASELINE_PHOTOGRAPHS,
    BATCH_SIZE,
    DRIFT_BASELINE,
    DRIFT_OBSERVATIONS,
    METRICS,
    REQUESTS,
    STAGE_SECONDS,
    WORKER_STARTED,
    Observation,
    Recorder,
    first_observations,
)

CONFIG = Path(telemetry.__file__).parents[1] / "model_store" / "config" / "metrics.yaml"


def test_torchserve_configuration_declares_the_same_metrics() -> None:
    declared = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["model_metrics"]
    configured = {
        (entry["name"], kind, entry["unit"], tuple(entry["dimensions"]))
        for kind, entries in declared.items()
        for entry in entries
        if entry["name"].startswith("lesionlens_")
    }

    assert configured == {(m.name, m.kind, m.unit, m.labels) for m in METRICS}


def test_has_the_metrics_of_the_design() -> None:
    labels = {metric.name: (metric.kind, metric.labels) for metric in METRICS}

    assert len(labels) == len(METRICS)
    for name, kind, wanted in (
        ("lesionlens_requests_total", "counter", ("verb", "outcome")),
        ("lesionlens_request_seconds", "histogram", ("verb", "method")),
        ("lesionlens_stage_seconds", "histogram", ("stage",)),
        ("lesionlens_batch_size", "histogram", ("verb",)),
        ("lesionlens_predictions_total", "counter", ("label", "review")),
        ("lesionlens_drift_observations_total", "counter", ("feature", "bin")),
        ("lesionlens_drift_baseline_ratio", "gauge", ("feature", "bin")),
    ):
        assert labels[name][0] == kind
        assert labels[name][1][: len(wanted)] == wanted
        assert labels[name][1][len(wanted) :] in ((), (VERSION,))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_prometheus_conventions(metric: Metric) -> None:
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_seconds") == (metric.unit == "s")
    assert metric.help.endswith(".")


def test_counter_increments_are_added() -> None:
    recorder = Recorder("v1")
    for outcome in ("ok", "refused", "ok", "ok"):
        recorder.count(REQUESTS, "predict", outcome)

    assert sorted(recorder.observations(), key=str) == sorted(
        [
            Observation(REQUESTS, ("predict", "ok", "v1"), 3),
            Observation(REQUESTS, ("predict", "refused", "v1"), 1),
        ],
        key=str,
    )


def test_histogram_observations_are_kept_separate() -> None:
    recorder = Recorder("v1")
    recorder.observe(BATCH_SIZE, 2, "predict")
    recorder.observe(BATCH_SIZE, 2, "predict")

    assert recorder.observations() == [Observation(BATCH_SIZE, ("predict",), 2)] * 2


def test_recorders_are_independent() -> None:
    Recorder("v1").count(REQUESTS, "predict", "ok")

    assert Recorder("v1").observations() == []


def test_stage_is_timed_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(telemetry, "perf_counter", lambda: next(clock))
    recorder = Recorder("v1")

    with recorder.stage("forward"):
        assert recorder.observations() == []

    assert recorder.observations() == [Observation(STAGE_SECONDS, ("forward",), 2.5)]


def test_failing_stage_is_timed_and_raises() -> None:
    recorder = Recorder("v1")

    with pytest.raises(ZeroDivisionError):
        with recorder.stage("explain"):
            raise ZeroDivisionError

    (seen,) = recorder.observations()
    assert (seen.metric, seen.labels) == (STAGE_SECONDS, ("explain",))
    assert seen.value >= 0


def test_photograph_adds_one_to_a_bin_of_each_feature(baseline: Baseline) -> None:
    recorder = Recorder("v1")
    low, high = dict.fromkeys(FEATURES, -1e9), dict.fromkeys(FEATURES, 1e9)

    for values in (low, high, high):
        recorder.image(baseline, values)

    seen = {entry.labels[:2]: entry.value for entry in recorder.observations()}
    highest = {name: str(len(baseline.drift[name].edges)) for name in FEATURES}
    assert seen == {(name, "0"): 1 for name in FEATURES} | {
        (name, place): 2 for name, place in highest.items()
    }
    assert {entry.metric for entry in recorder.observations()} == {DRIFT_OBSERVATIONS}


def test_other_measurements_are_not_counted(baseline: Baseline) -> None:
    recorder = Recorder("v1")
    values = dict.fromkeys((*STATISTICS, "probability", "distance"), 0.0)

    recorder.image(baseline, values)

    assert set(values) - set(FEATURES) == set(QUALITY)
    assert {entry.labels[0] for entry in recorder.observations()} == set(FEATURES)


def test_gauge_has_the_baseline(baseline: Baseline) -> None:
    first = first_observations(baseline, "v1", "fp32", 0.02)
    seen = [entry for entry in first if entry.metric == DRIFT_BASELINE]

    for feature in FEATURES:
        of_it = {entry.labels[1]: entry.value for entry in seen if entry.labels[0] == feature}
        # The same bin labels as the observations carry, or Prometheus could not match the two.
        assert list(of_it) == [
            str(place) for place in range(len(baseline.drift[feature].edges) + 1)
        ]
        assert sum(of_it.values()) == pytest.approx(1)


def test_worker_reports_start_backend_and_baseline_size(
    baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "time", lambda: 1795.5)
    first = {
        entry.metric: entry.value for entry in first_observations(baseline, "v1", "fp32", 0.02)
    }

    assert first[WORKER_STARTED] == 1795.5
    assert first[BASELINE_PHOTOGRAPHS] == baseline.photographs
    assert first[BACKEND_INFO] == 1
    assert first[STATED_PREVALENCE] == 0.02


def test_every_counter_starts_at_zero(baseline: Baseline) -> None:
    groups = (("site", "north"), ("site", "south"))
    first = first_observations(baseline, "v1", "fp32", 0.02, groups)

    assert {entry.labels[-1] for entry in first} == {"v1"}
    assert len({(entry.metric, entry.labels) for entry in first}) == len(first)
    for metric in METRICS:
        values = {entry.value for entry in first if entry.metric == metric}
        if metric.kind == "counter":
            assert values == {0}
    grouped = [one.labels for one in first if one.metric == GROUP_EXPECTED_DIAGNOSES]
    assert len(grouped) == 8
    assert {labels[:2] for labels in grouped} == set(groups)
    # Bins: PromQL sees no increase of a series that begins above zero.
    bins = {entry.labels for entry in first if entry.metric == DRIFT_OBSERVATIONS}
    assert bins == {entry.labels for entry in first if entry.metric == DRIFT_BASELINE}
