"""Test queries of Prometheus and the errors of the drift report's windows."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from monitoring.drift_report import windows
from monitoring.drift_report.errors import ReportError
from monitoring.query import QueryError, Series, ask, query
from monitoring.settings import ReportSettings

URL = "http://127.0.0.1:9090"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def respond(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Response of Prometheus, to be filled by a test."""
    document: dict[str, object] = {}

    def request(method: str, url: str, **options: object) -> httpx.Response:
        document["asked"] = (method, url, options["data"], options["trust_env"])
        return httpx.Response(200, json=document)

    monkeypatch.setattr(httpx, "request", request)
    return document


def test_returns_labels_and_value_of_each_series(respond: dict[str, object]) -> None:
    series = {"metric": {"job": "a"}, "value": [0, "1.5"]}
    respond |= {"status": "success", "data": {"result": [series]}}

    assert query(URL, "up", time=3) == [Series({"job": "a"}, 1.5)]
    asked = ("POST", f"{URL}/api/v1/query", {"query": "up", "time": 3}, False)
    assert respond["asked"] == asked


def test_uses_proxy_variables_only_for_other_machines(respond: dict[str, object]) -> None:
    respond |= {"status": "success", "data": 1}

    assert ask("http://prometheus.example", "targets") == 1
    asked = ("GET", "http://prometheus.example/api/v1/targets", None, True)
    assert respond["asked"] == asked


def test_rejected_query_is_an_error_with_prometheus_message(respond: dict[str, object]) -> None:
    respond |= {"status": "error", "error": "parse error"}

    with pytest.raises(QueryError, match="parse error"):
        query(URL, "(")
    with pytest.raises(ReportError, match="parse error"):
        windows.baseline_at(NOW, ReportSettings(prometheus=URL))


def test_unreachable_prometheus_error_says_how_to_start_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def request(*arguments: object, **options: object) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "request", request)

    with pytest.raises(ReportError, match="make monitor"):
        windows.baseline_at(NOW, ReportSettings(prometheus=URL))
