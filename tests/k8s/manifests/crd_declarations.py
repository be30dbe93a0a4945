"""Strict schemas from TypeScript's declarations, of kinds that PyPI has no types of."""

import re
import subprocess
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.conftest import program

Schema = dict[str, Any]

CACHE = Path(__file__).resolve().parents[3] / "build/npm"
ENVOY = "envoy-gateway@2.0.0"
"""Written from Envoy Gateway's own Go types."""
GATEWAY = "gateway-api@2.0.0"
KINDS = {
    "SecurityPolicy": (ENVOY, "gateway.envoyproxy.io/v1alpha1"),
    "BackendTrafficPolicy": (ENVOY, "gateway.envoyproxy.io/v1alpha1"),
    "BackendTLSPolicy": (GATEWAY, "gateway.networking.k8s.io/v1"),
}
"""Package below ``@kubernetes-models`` and folder, by kind."""
METADATA: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": {"type": "object"},
        "annotations": {"type": "object"},
    },
    "additionalProperties": False,
}
PLAIN = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "any": {},
    "unknown": {},
}

_COMMENT = re.compile(r"^ */\*.*?\*/\n", re.M | re.S)
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "([^"]+)";$', re.MULTILINE)
_INTERFACE = re.compile(r"^export interface (\w+)(?: extends ([^{]+))? \{\n(.*?)^\}", re.M | re.S)
_ALIAS = re.compile(r"^export type (\w+) = (.+?);$", re.MULTILINE)
_FIELD = re.compile(r'^"(\w+)"(\??): (.+?);$(?=\n"|\Z)', re.M | re.S)


def schema(kind: str) -> Schema:
    """Schema of a kind in which an object has only the declared fields."""
    package, folder = KINDS[kind]
    definitions: dict[str, Schema] = {}
    top = _declared(package, f"{folder}/{kind}", definitions)
    return {**top, "$defs": definitions}


@cache
def _files(package: str) -> dict[str, str]:
    """Every declaration of a package, without comments, by its path without the ending."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"kubernetes-models-{package.replace('@', '-')}.tgz"
    if not archive.exists():
        npm = program("npm", "npm")
        command = [npm, "pack", "--silent", f"@kubernetes-models/{package}"]
        ended = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
    found = {}
    with tarfile.open(archive) as content:
        for member in content:
            if member.name.endswith(".d.ts"):
                file = content.extractfile(member)
                assert file is not None
                name = member.name.removeprefix("package/").removesuffix(".d.ts")
                found[name] = _COMMENT.sub("", file.read().decode())
    return found


def _declared(package: str, path: str, definitions: dict[str, Schema]) -> Schema:
    text = _files(package)[path]
    places = {
        name: _place(package, path, where)
        for names, where in _IMPORT.findall(text)
        for name in names.split(", ")
    }

    def read(words: str) -> Schema:
        words = words.strip()
        if words in PLAIN:
            return PLAIN[words]
        if words.startswith("Array<") and words.endswith(">"):
            return {"type": "array", "items": read(words[6:-1])}
        if words.startswith("{"):
            if mapped := re.search(r"\[key: string\]: (.+?);", words, re.DOTALL):
                return {"type": "object", "additionalProperties": read(mapped[1])}
            return _object(dedent(words.strip("{}\n")), read)
        if "|" in words:
            return {"anyOf": [read(part) for part in words.split("|")]}
        if words.isdigit():
            return {"const": int(words)}
        if words.startswith('"'):
            return {"const": words.strip('"')}
        where = places[words]
        if where is None:  # of a third package; the one that matters is the metadata
            return METADATA if words.endswith("ObjectMeta") else {}
        name = "/".join(where)
        if name not in definitions:
            definitions[name] = {}  # it may refer to itself
            definitions[name] = _declared(*where, definitions)
        return {"$ref": f"#/$defs/{name.replace('/', '~1')}"}

    interface = _INTERFACE.search(text)
    if interface is None:
        alias = _ALIAS.search(text)
        assert alias is not None, path
        return read(alias[2])
    properties: dict[str, Schema] = {}
    required = []
    for parent in filter(None, (interface[2] or "").split(", ")):
        where = places[parent.strip()]
        if where is None:
            assert parent.strip() == "TypeMeta", parent  # its fields stand in each kind as well
            continue
        above = _declared(*where, definitions)
        properties |= above["properties"]
        required += above.get("required", [])
    own = _object(dedent(interface[3]), read)
    return {
        **own,
        "properties": properties | own["properties"],
        "required": [*required, *own["required"]],
    }


def _object(fields: str, read: Callable[[str], Schema]) -> Schema:
    found = _FIELD.findall(fields.strip("\n"))
    return {
        "type": "object",
        "properties": {name: read(words) for name, _, words in found},
        "required": [name for name, optional, _ in found if not optional],
        "additionalProperties": False,
    }


def _place(package: str, path: str, where: str) -> tuple[str, str] | None:
    """Package and path of what is imported; None for one that is not read."""
    if where.startswith("."):
        relative = Path(path).parent / where.removesuffix(".js")
        parts: list[str] = []
        for part in relative.parts:
            parts = parts[:-1] if part == ".." else [*parts, part]
        return package, "/".join(parts)
    if where.startswith("@kubernetes-models/gateway-api/"):
        return GATEWAY, where.removeprefix("@kubernetes-models/gateway-api/")
    return None
