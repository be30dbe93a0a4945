"""Strict schema of KubeRay's RayJob, of which PyPI has no types.

The fields are those that the manifest uses, with the types of KubeRay 1.5 (rayjob_types.go and
raycluster_types.go of ray.io/v1); pod templates are Kubernetes' own.
"""

from typing import Any, Final

Schema = dict[str, Any]

KINDS: Final = ("RayJob",)
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXTS: Final = {"type": "object", "additionalProperties": _TEXT}
_POD: Final = {"type": "object", "required": ["metadata", "spec"]}
"""Checked as a pod of its own in tests/k8s/test_manifests_score.py."""


def schema(kind: str) -> Schema:
    """Schema of a kind in which an object has only the declared fields."""
    assert kind in KINDS
    group = {"rayStartParams": _TEXTS, "template": _POD}
    workers = {
        "groupName": _TEXT,
        **dict.fromkeys(("replicas", "minReplicas", "maxReplicas"), _COUNT),
    }
    cluster = {
        "rayVersion": _TEXT,
        "authOptions": _strict({"mode": {"enum": ["disabled", "token"]}}),
        "headGroupSpec": _strict(group),
        "workerGroupSpecs": {"type": "array", "items": _strict(group | workers)},
    }
    spec = {
        "entrypoint": _TEXT,
        "backoffLimit": _COUNT,
        "shutdownAfterJobFinishes": {"type": "boolean"},
        "ttlSecondsAfterFinished": _COUNT,
        "submissionMode": {"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode"]},
        "rayClusterSpec": _strict(cluster),
    }
    metadata = {"name": _TEXT, "namespace": _TEXT, "labels": _TEXTS}
    return _strict(
        {
            "apiVersion": {"const": "ray.io/v1"},
            "kind": {"const": kind},
            "metadata": _strict(metadata),
            "spec": _strict(spec),
        }
    )


def _strict(fields: dict[str, Any]) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
