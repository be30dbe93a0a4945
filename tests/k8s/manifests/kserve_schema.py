"""A strict schema of KServe's kinds, from the fields of the ``kserve`` package's classes.

The classes know every field by name and type, but let an unknown one pass; here none is allowed.
Pods inside them are classes of the ``kubernetes`` package, which are read in the same way.
"""

import inspect
import re
from functools import cache
from typing import Any

import kserve.models
import kubernetes.client

Schema = dict[str, Any]

CLASSES = {
    "InferenceService": "V1beta1InferenceService",
    "ServingRuntime": "V1alpha1ServingRuntime",
}
SCALARS: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string"},
    "object": {},  # an integer or a name, or anything
}
ANNOTATIONS: Schema = {
    # What these manifests are made for. KServe has more modes, and takes a name that it does not
    # know for the installation's default.
    "serving.kserve.io/deploymentMode": {"enum": ["Standard", "RawDeployment"]},
    "serving.kserve.io/autoscalerClass": {"enum": ["hpa", "external"]},
}
UNKNOWN = "in neither package: "
"""How the schema marks a class that lets everything pass."""


@cache
def schema(kind: str) -> Schema:
    """Schema of a kind, with a definition for each referenced class."""
    definitions: dict[str, Schema] = {}
    reference = _type(CLASSES[kind], definitions)
    annotations = {"properties": {"annotations": {"properties": ANNOTATIONS}}}
    return {
        **reference,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {"metadata": annotations},
        "$defs": definitions,
    }


def _type(name: str, definitions: dict[str, Schema]) -> Schema:
    """The schema of a type as the generated classes spell it."""
    if name in SCALARS:
        return SCALARS[name]
    if inner := re.fullmatch(r"[Ll]ist\[(.+)\]", name):
        return {"type": "array", "items": _type(inner[1], definitions)}
    if inner := re.fullmatch(r"[Dd]ict[\[(]str, (.+)[\])]", name):
        return {"type": "object", "additionalProperties": _type(inner[1], definitions)}
    if name not in definitions:
        definitions[name] = {}  # a class may lead back to itself
        definitions[name] = _class(name, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _class(name: str, definitions: dict[str, Schema]) -> Schema:
    # KServe spells some of Kubernetes' names in full: K8sIoApiAppsV1DeploymentStrategy.
    short = re.sub(r"^K8sIoApi[A-Z][a-z]+(?=V\d)", "", name)
    found = getattr(kserve.models, name, None) or getattr(kubernetes.client, short, None)
    if found is None:
        return {"title": UNKNOWN + name}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted({found.attribute_map[field] for field in _required(found)}),
        "properties": {
            found.attribute_map[field]: _type(kind, definitions)
            for field, kind in found.openapi_types.items()
        },
    }


def _required(found: Any) -> list[str]:
    """Required fields, which the two packages' generators mark in different ways."""
    if hasattr(found, "model_fields"):
        return [name for name, field in found.model_fields.items() if field.is_required()]
    # A check in the field's setter.
    source = inspect.getsource(found)
    return re.findall(r"Invalid value for `(\w+)`, must not be `None`", source)
