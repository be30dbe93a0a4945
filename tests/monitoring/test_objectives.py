"""Test that a wrong objective is rejected with a helpful message."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from monitoring import build
from monitoring.prometheus import objectives, recording
from monitoring.prometheus.rule import Recording
from monitoring.threshold_file import load as thresholds


def changed(tmp_path: Path, verb: str, **values: float) -> Path:
    document = yaml.safe_load(objectives.FILE.read_text(encoding="utf-8"))
    document["objectives"].setdefault(verb, dict(document["objectives"]["predict"]))
    document["objectives"][verb].update(values)
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_objectives_have_expected_values() -> None:
    promised = objectives.load()

    assert promised.objectives["predict"].edge == "0.5"
    assert promised.windows == ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def test_rejects_latency_between_two_buckets(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"0\.3 s is not an edge .*0\.25, 0\.5"):
        objectives.load(changed(tmp_path, "predict", seconds=0.3))


def test_rejects_objective_of_100_percent(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="less than 1"):
        objectives.load(changed(tmp_path, "explain", available=1))


def test_rejects_unknown_verb(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="predict, explain"):
        objectives.load(changed(tmp_path, "guess"))


def test_rejects_misspelt_key(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        objectives.load(changed(tmp_path, "predict", secnods=0.5))


def test_whole_seconds_are_formatted_like_java(tmp_path: Path) -> None:
    promised = objectives.load(changed(tmp_path, "predict", seconds=1))
    rules = [rule for group in recording.groups(promised, thresholds()) for rule in group.rules]
    slow = [rule for rule in rules if isinstance(rule, Recording) and "le=" in rule.expr]

    assert any('verb="predict", le="1.0"' in rule.expr for rule in slow)
    assert not any('le="1"' in rule.expr for rule in slow)


def test_command_explains_invalid_objective(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(tmp_path, "predict", seconds=0.3)
    original = objectives.load
    monkeypatch.setattr(objectives, "load", lambda: original(path))

    assert build.main(["rules"]) == 2
    assert "0.3 s is not an edge" in capsys.readouterr().err
