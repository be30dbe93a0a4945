"""Validate objects of other projects' kinds against strict schemas."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.k8s.manifests import crd_declarations, crd_schemas, kserve_schema, kuberay_schema

SCHEMAS = {
    **dict.fromkeys(kserve_schema.CLASSES, kserve_schema.schema),
    **dict.fromkeys(crd_schemas.KINDS, crd_schemas.schema),
    **dict.fromkeys(crd_declarations.KINDS, crd_declarations.schema),
    **dict.fromkeys(kuberay_schema.KINDS, kuberay_schema.schema),
}
"""What makes the schema of a kind."""


def problems(document: dict[str, Any]) -> list[str]:
    """Problems of an object with their paths; empty if it is valid."""
    errors = _validator(document["kind"]).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in errors]


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(SCHEMAS[kind](kind))
