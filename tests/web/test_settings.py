"""Test the page's settings, and their values on the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from web.settings import PageSettings


def test_manifests_set_variables_that_the_page_reads(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = yaml.safe_load((root / "k8s/components/page/deployment.yaml").read_text())
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    for variable in container["env"]:
        field = variable["name"].removeprefix("LESIONLENS_").lower()
        assert field in PageSettings.model_fields
        monkeypatch.setenv(variable["name"], variable["value"])

    settings = PageSettings()

    assert settings.predictor_url == "http://lesionlens-predictor"
    assert settings.explainer_url == "http://lesionlens-explainer"
    assert settings.page_port == container["ports"][0]["containerPort"]


def test_concurrent_uploads_fit_the_temporary_folder(root: Path) -> None:
    deployment = yaml.safe_load((root / "k8s/components/page/deployment.yaml").read_text())
    (volume,) = deployment["spec"]["template"]["spec"]["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == "1Gi"

    settings = PageSettings()

    assert settings.page_uploads * settings.page_max_bytes < 2**30
    assert settings.page_buffer_bytes < 2**30
    assert settings.page_max_bytes < settings.page_buffer_bytes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("predictor_url", "127.0.0.1:8080"),
        ("predictor_url", "file:///etc/passwd"),
        ("predictor_url", ""),
        ("explainer_url", "ftp://x"),
        ("page_seconds", "0"),
        ("page_retry_budget_seconds", "-1"),
        ("page_port", "70000"),
        ("page_uploads", "0"),
        ("page_max_concurrency", "0"),
        ("page_hosts", ""),
        ("page_hosts", "a, b"),
        ("page_hosts", "http://a"),
        ("page_hosts", "a:8000"),
        ("page_connections", "0"),
        ("page_upload_seconds", "0"),
        ("page_min_bytes_per_second", "0"),
        ("page_buffer_bytes", "0"),
        ("page_decode_seconds", "0"),
        ("page_decodes_waiting", "0"),
    ],
)
def test_rejects_invalid_setting(field: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LESIONLENS_{field.upper()}", value)
    with pytest.raises(ValidationError, match=field):
        PageSettings()
