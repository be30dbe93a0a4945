"""Test KServe's client with keys and tokens, and the limit of counted names."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest
from kserve import InferenceRESTClient, RESTConfig
from prometheus_client import CollectorRegistry

from serving.front.access.control import AccessControl
from serving.front.access.keys import KeyEntry, digest, new_key, written
from serving.front.access.settings import AccessSettings
from serving.front.messages import FrontResponse
from serving.front.settings import FrontSettings
from serving.front.telemetry import MAX_NAMES, FrontMetrics
from serving.front.tls import TlsFiles
from tests.serving.front.certificates import pair
from tests.serving.front.fronts import serving


def test_kserve_client_sends_a_key(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "keys.json"
    path.write_text(written([KeyEntry("ward", digest(key))]))
    access = AccessControl(AccessSettings(api_keys=str(path)))
    tls = TlsFiles(*pair(tmp_path), print)
    with serving(FrontSettings(), access, tls) as (_, upstream, client, _):
        url = f"https://localhost:{client.base_url.port}"
        answers = {"predictions": b'{"predictions": [1]}', "explanations": b'{"explanations": [2]}'}

        async def ask(headers: dict[str, str]) -> tuple[object, object]:
            trust = ssl.create_default_context(cafile=str(pair(tmp_path)[0]))
            trusting = httpx.AsyncHTTPTransport(verify=trust)
            config = RESTConfig(transport=trusting, protocol="v1")
            async with InferenceRESTClient(config) as kserve:
                body = {"instances": [{"data": "x"}]}
                upstream.response = FrontResponse(200, answers["predictions"])
                predicted = await kserve.infer(url, body, model_name="melanoma", headers=headers)
                upstream.response = FrontResponse(200, answers["explanations"])
                explained = await kserve.explain(url, "melanoma", body, headers=headers)
            return predicted["predictions"], explained["explanations"]

        assert asyncio.run(ask({"Authorization": f"Bearer {key}"})) == ([1], [2])
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            asyncio.run(ask({}))


def test_names_beyond_the_first_fifty_are_counted_as_other() -> None:
    registry = CollectorRegistry()
    metrics = FrontMetrics(registry)
    for number in range(MAX_NAMES + 10):
        for status in (200, 429, 503):
            metrics.count_caller(f"ward-{number}", status)

    def counted(name: str, outcome: str) -> float | None:
        labels = {"name": name, "outcome": outcome}
        return registry.get_sample_value("lesionlens_http_requests_by_name_total", labels)

    for outcome in ("answered", "rejected", "failed"):
        assert counted("ward-0", outcome) == 1
        assert counted(f"ward-{MAX_NAMES - 1}", outcome) == 1
        assert counted(f"ward-{MAX_NAMES}", outcome) is None
        assert counted("other", outcome) == 10
