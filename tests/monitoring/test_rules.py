"""The committed recording and alert rules match the code and pass promtool."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from handlers.telemetry import METRICS
from monitoring.prometheus import files, objectives
from monitoring.prometheus.rule import Alert
from monitoring.settings import MonitoringSettings
from serving.front.telemetry import FrontMetrics

MONITORING = files.FOLDER.parent
RULES = sorted(files.FOLDER.glob("*.yaml"))
UNIT_TESTS = sorted((MONITORING / "tests").glob("*.yaml"))
RUNBOOKS = MONITORING / "runbooks"
NAMES = tuple(
    dict.fromkeys(
        rule.name
        for group in files.groups(MonitoringSettings())["alerts.yaml"]
        for rule in group.rules
        if isinstance(rule, Alert)
    )
)
TORCHSERVE = {"ts_queue_latency_microseconds", "ts_inference_requests_total"}


def run(*command: str | Path) -> None:
    """Fail with what the program said."""
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_accepts_the_rules(promtool: str, path: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_promtool_unit_tests_pass(promtool: str, path: Path) -> None:
    run(promtool, "test", "rules", path)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_unit_test_files_state_intent_and_name_every_case(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cases = [case["name"] for case in yaml.safe_load(text)["tests"]]

    assert text.startswith("# ")
    assert all(" - " in name for name in cases), cases
    assert len(set(cases)) == len(cases)


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_tested_by_name(name: str) -> None:
    assert any(name in path.read_text(encoding="utf-8") for path in UNIT_TESTS)


def test_committed_rules_equal_the_generated_ones(tmp_path: Path) -> None:
    operator = tmp_path / "new" / "rule.yaml"
    written = files.write(MonitoringSettings(), tmp_path, operator)

    assert written == [*(tmp_path / name for name in ("recording.yaml", "alerts.yaml")), operator]
    assert {path.name for path in RULES} == {path.name for path in tmp_path.glob("*.yaml")}
    for path in RULES:
        written = (tmp_path / path.name).read_text(encoding="utf-8")
        assert written == path.read_text(encoding="utf-8"), "run `python -m monitoring.build rules`"


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_meaning_diagnosis_and_action(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")

    assert text.startswith(f"# {name}\n")
    for part in ("**Meaning.**", "**Diagnosis.**", "**Action.**"):
        assert part in text


def alert_rules(settings: MonitoringSettings) -> list[dict[str, dict[str, str]]]:
    document = yaml.safe_load(files.texts(settings)["alerts.yaml"])
    return [rule for group in document["groups"] for rule in group["rules"]]


def test_every_alert_has_the_required_annotations(root: Path) -> None:
    for rule in alert_rules(MonitoringSettings()):
        assert rule["labels"]["severity"] in ("page", "ticket", "info")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")
        assert (root / rule["annotations"]["runbook_url"]).is_file()


def test_service_and_runbooks_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLENS_SERVICE", "lesions")
    monkeypatch.setenv("LESIONLENS_RUNBOOKS", "https://wiki.example/runbooks/")
    rules = {str(rule["alert"]): rule for rule in alert_rules(MonitoringSettings())}

    assert rules["LesionLensScrapeFails"]["expr"] == 'up{service=~"lesions(-canary)?"} == 0'
    address = rules["LesionLensAbsent"]["annotations"]["runbook_url"]
    assert address == "https://wiki.example/runbooks/LesionLensAbsent.md"


def test_rules_read_existing_series_only() -> None:
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    exposed = {
        metric.name + suffix for metric in METRICS for suffix in suffixes.get(metric.kind, ("",))
    }
    registry = CollectorRegistry()
    FrontMetrics(registry)
    exposed |= {f"{family.name}_total" for family in registry.collect()}
    rules = files.expressions()
    recorded = {name for name, _ in rules if ":" in name}
    for name, expr in rules:
        read = set(re.findall(r"\b(lesionlens[\w:]+|Requests\dXX|ts_\w+)", expr))
        assert read <= exposed | recorded | TORCHSERVE, name


def test_every_window_of_a_burn_rate_is_recorded() -> None:
    recorded = {name for name, _ in files.expressions()}
    for window in objectives.load().windows:
        assert f"lesionlens:requests_error_ratio:rate{window}" in recorded
        assert f"lesionlens:requests_slow_ratio:rate{window}" in recorded
