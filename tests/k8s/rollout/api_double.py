"""Double of a Kubernetes API server for kubectl and KServe's client: stores, lists, patches.

No API server can be installed on these machines. What this one leaves out is what only a real one
can show: admission, defaults, and controllers, whose part the tests play by ``status``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlparse

Object = dict[str, Any]
KINDS: Final = {
    "v1": (
        "Namespace",
        "Pod",
        "Event",
        "Secret",
        "Service",
        "ServiceAccount",
        "ConfigMap",
        "PersistentVolumeClaim",
    ),
    "apps/v1": ("Deployment", "ReplicaSet"),
    "batch/v1": ("Job",),
    "trainer.kubeflow.org/v1alpha1": ("TrainingRuntime", "TrainJob"),
    "policy/v1": ("PodDisruptionBudget",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "serving.kserve.io/v1alpha1": ("ServingRuntime",),
    "serving.kserve.io/v1beta1": ("InferenceService",),
    "monitoring.coreos.com/v1": ("PodMonitor", "PrometheusRule"),
    "gateway.networking.k8s.io/v1": ("HTTPRoute", "Gateway", "BackendTLSPolicy"),
    "gateway.envoyproxy.io/v1alpha1": ("SecurityPolicy", "BackendTrafficPolicy"),
    "cert-manager.io/v1": ("Certificate",),
    "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
    "keda.sh/v1alpha1": ("ScaledObject",),
}


CLUSTER_WIDE: Final = ("Namespace", "CustomResourceDefinition")


def plural(kind: str) -> str:
    """As resources are named in paths."""
    lower = kind.lower()
    return lower[:-1] + "ies" if lower.endswith(("cy", "ty")) else lower + "s"


@dataclass
class Api:
    """Objects of a cluster by path, and all requested changes."""

    objects: dict[str, Object] = field(default_factory=dict)
    changes: list[tuple[str, str]] = field(default_factory=list)
    """Method and path."""
    status: Callable[[Object], Object] = lambda stored: {}
    """Stands for the controllers: the status of an object that was stored."""
    before_answer: Callable[[Api], None] = lambda api: None
    """Called before every request: what a cluster does meanwhile."""
    forbidden: set[str] = field(default_factory=set)
    """Resources (plural) that the user may do nothing with."""
    namespaces: frozenset[str] | None = None
    """Those that exist; None for all."""
    asked: set[tuple[str, str]] = field(default_factory=set)
    """Verb of RBAC and resource of everything that was asked for."""

    def answer(self, method: str, path: str, body: Object | None) -> tuple[int, Object]:
        """Answer one request; status code and document."""
        self.before_answer(self)
        address = urlparse(path)
        if (asked := _verb(method, address.path)) is not None:
            self.asked.add(asked)
            if asked[1] in self.forbidden:
                return 403, _failure(403, "Forbidden", f"{asked[1]} is forbidden: User {asked[0]}")
        if method == "GET":
            if (found := _discovery(address.path)) is not None:
                return 200, found
            if address.path.split("/")[-1] in {plural(k) for ks in KINDS.values() for k in ks}:
                return 200, self._list(address.path, parse_qs(address.query))
        self.changes += [(method, address.path)] if method != "GET" else []
        if method == "POST" and body is not None:
            space = address.path.partition("/namespaces/")[2].partition("/")[0]
            if space and self.namespaces is not None and space not in self.namespaces:
                return 404, _failure(404, "NotFound", f'namespaces "{space}" not found')
            return 201, self._store(f"{address.path}/{body['metadata']['name']}", body)
        stored = self.objects.get(address.path)
        if stored is None:
            return 404, _failure(404, "NotFound", "not found")
        if method == "DELETE":
            return 200, self.objects.pop(address.path)
        if method == "PATCH" and body is not None:
            return 200, self._store(address.path, _merged(stored, body))
        return 200, stored

    def _store(self, path: str, stored: Object) -> Object:
        before = self.objects.get(path, {})
        generation = before.get("metadata", {}).get("generation", 0)
        # As a real one does: a new generation for a new specification, and for nothing else.
        stored["metadata"]["generation"] = generation + (stored.get("spec") != before.get("spec"))
        self.objects[path] = stored
        stored |= {"status": self.status(stored)}
        return stored

    def _list(self, path: str, query: dict[str, list[str]]) -> Object:
        wanted = [one for text in query.get("labelSelector", ()) for one in text.split(",")]
        items = [
            stored
            for key, stored in self.objects.items()
            if _is_in(key, path)
            and all(_matches(stored["metadata"].get("labels", {}), one) for one in wanted)
        ]
        return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}


@contextmanager
def serving(api: Api, folder: Path, context: str) -> Iterator[Path]:
    """Serve on loopback; yields a kubeconfig with a context for it."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            code, document = api.answer(self.command, self.path, body)
            # Its first OpenAPI is asked for as a Protocol Buffer: no bytes are an empty one.
            said = b"" if self.path.startswith("/openapi/v2") else json.dumps(document).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # kubectl asks a dozen things at once; one beyond the queue tries again after a second.
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = folder / f"{context}.kubeconfig"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": context,
                "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
                ],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _is_in(key: str, path: str) -> bool:
    """Whether an object is in a list: of a namespace, of the cluster, or of every namespace."""
    folder = key.rpartition("/")[0]
    before, namespaces, rest = folder.partition("/namespaces/")
    everywhere = f"{before}/{rest.partition('/')[2]}" if namespaces else folder
    return path in (folder, everywhere)


def _matches(labels: dict[str, str], wanted: str) -> bool:
    """Whether labels satisfy ``name`` or ``name=value``."""
    name, equals, value = wanted.partition("=")
    return labels.get(name) == value if equals else name in labels


def _failure(code: int, reason: str, message: str) -> Object:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return {**status, "reason": reason, "code": code, "message": message}


def _verb(method: str, path: str) -> tuple[str, str] | None:
    """Verb of RBAC and resource of a request; None for discovery."""
    parts = path.strip("/").split("/")
    if "namespaces" not in parts:
        return None
    after = parts[parts.index("namespaces") + 1 :]
    resource, named = (after[1], len(after) > 2) if len(after) > 1 else ("namespaces", True)
    verbs = {"GET": "get" if named else "list", "POST": "create", "PATCH": "patch"}
    return verbs.get(method, method.lower()), resource


def _discovery(path: str) -> Object | None:
    """Discovery documents that kubectl requests."""
    groups = sorted({version.partition("/")[0] for version in KINDS if "/" in version})
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        listed = []
        for group in groups:
            versions = [
                {"groupVersion": known, "version": known.partition("/")[2]}
                for known in KINDS
                if known.startswith(f"{group}/")
            ]
            listed.append({"name": group, "versions": versions, "preferredVersion": versions[0]})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    version = path.removeprefix("/apis/") if path.startswith("/apis/") else path[len("/api/") :]
    if path in (f"/apis/{version}", f"/api/{version}") and version in KINDS:
        resources = [
            {
                "name": plural(kind),
                "singularName": kind.lower(),
                "namespaced": kind not in CLUSTER_WIDE,
                "kind": kind,
                "verbs": ["get", "list", "create", "patch", "delete"],
            }
            for kind in KINDS[version]
        ]
        return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
    if path == "/openapi/v2":
        return {}
    if path == "/version":
        return {"gitVersion": "v1.35.4", "major": "1", "minor": "35"}
    if path == "/openapi/v3":
        addresses = {_openapi_path(known): known for known in KINDS}
        return {"paths": {at: {"serverRelativeURL": f"/openapi/v3/{at}"} for at in addresses}}
    for known in KINDS:
        if path == f"/openapi/v3/{_openapi_path(known)}":
            return _openapi(known)
    return None


def _openapi_path(version: str) -> str:
    return f"apis/{version}" if "/" in version else f"api/{version}"


def _openapi(version: str) -> Object:
    """OpenAPI document that states server-side validation of fields for each kind."""
    group, _, name = version.rpartition("/")
    paths = {
        f"/{_openapi_path(version)}/{plural(kind)}/{{name}}": {
            "patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": group, "version": name, "kind": kind},
                "responses": {},
            }
        }
        for kind in KINDS[version]
    }
    return {"openapi": "3.0.0", "info": {"title": "double", "version": "1"}, "paths": paths}


def _merged(stored: Object, patch: Object) -> Object:
    """A JSON merge patch (RFC 7396), applied to a copy; a strategic one's "replace" is known."""
    result = dict(stored)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and value.get("$patch") == "replace":
            result[name] = {key: inner for key, inner in value.items() if key != "$patch"}
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _merged(result[name], value)
        else:
            result[name] = value
    return result
