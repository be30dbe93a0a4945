"""Strict schemas of other projects' kinds, from the types of packages in a registry.

The packages' own validation ignores what it does not know; here every object that lists its
fields is closed.
"""

import json
import re
import subprocess
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import program

Schema = dict[str, Any]

GATEWAY_API = "@kubernetes-models/gateway-api@0.5.1"
"""No package of PyPI has these types. The last release that is made of the definitions themselves
(of Gateway API 1.0, experimental channel, so with `timeouts`); later ones are compiled."""
CACHE = Path(__file__).resolve().parents[3] / "build/npm"

KINDS = (
    *("PodMonitor", "PrometheusRule", "ScaledObject", "HTTPRoute", "Certificate"),
    *("TrainJob", "TrainingRuntime"),
)


@cache
def schema(kind: str) -> Schema:
    """Schema of a kind; imports only the package that it needs."""
    if kind == "HTTPRoute":
        return _closed(_http_route())
    if kind == "ScaledObject":
        from cloudcoil.models.keda import v1alpha1 as keda

        return _closed(keda.ScaledObject.model_json_schema(by_alias=True))
    if kind == "Certificate":
        from cloudcoil.models.cert_manager import v1 as cert_manager

        return _closed(cert_manager.Certificate.model_json_schema(by_alias=True))
    if kind in ("PodMonitor", "PrometheusRule"):
        from cloudcoil.models.prometheus_operator import v1 as operator

        return _closed(getattr(operator, kind).model_json_schema(by_alias=True))
    from kubeflow_trainer_api import models as trainer

    model = getattr(trainer, f"TrainerV1alpha1{kind}")
    return _closed(model.model_json_schema(by_alias=True))


def _closed(node: Any) -> Any:
    """Copy of a schema in which objects have only the listed fields."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "actual_instance" in node.get("properties", {}):
        # A number or a text; pydantic describes the class that wraps it, not what it reads.
        return {"type": ["number", "string"]}
    match node.get("anyOf"):
        case [only, {"type": "null"}]:  # an optional field; its own type says what is wrong
            return _closed(only)
    copy = {name: _closed(value) for name, value in node.items()}
    if isinstance(copy.get("properties"), dict) and "additionalProperties" not in copy:
        copy["additionalProperties"] = False
    return copy


def _http_route() -> Schema:
    """Definition inside the package: a JSON text in its JavaScript."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / "kubernetes-models-gateway-api-0.5.1.tgz"
    if not archive.exists():
        _fetch(archive)
    with tarfile.open(archive) as package:
        member = package.extractfile("package/gateway.networking.k8s.io/v1/HTTPRoute.js")
        assert member is not None
        script = member.read().decode()
    found = re.search(r"const schema = (\{.*?\n\});", script, re.DOTALL)
    assert found is not None
    schema: Schema = json.loads(found[1])
    # Came with Gateway API 1.2, after the package.
    rule = schema["properties"]["spec"]["properties"]["rules"]["items"]
    rule["properties"]["retry"] = {
        "type": "object",
        "properties": {
            "codes": {
                "type": "array",
                "items": {"type": "integer", "minimum": 400, "maximum": 599},
            },
            "attempts": {"type": "integer"},
            "backoff": {"type": "string", "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$"},
        },
    }
    # Refers to a separate package; the objects' metadata is the same everywhere.
    schema["properties"]["metadata"] = {
        "properties": {
            "name": {"type": "string"},
            "namespace": {"type": "string"},
            "labels": {"type": "object"},
            "annotations": {"type": "object"},
        }
    }
    return schema


def _fetch(archive: Path) -> None:
    npm = program("npm", "npm")
    command = [npm, "pack", "--silent", GATEWAY_API]
    ended = subprocess.run(command, cwd=archive.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert archive.exists(), ended.stdout
