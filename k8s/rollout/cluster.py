"""The cluster that is rolled out to, through kubectl and KServe's client."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from kserve import KServeClient
from kubernetes.config.config_exception import ConfigException

from k8s.rollout.errors import RolloutError
from k8s.rollout.release import Release
from k8s.rollout.settings import RolloutSettings

SERVICE: Final = "melanoma"
HISTORY: Final = "lesionlens-release-history"
"""ConfigMap that says what ran before; on the cluster, so that anyone can go back."""
POLL_SECONDS: Final = 2.0
CONTAINER: Final = "kserve-container"
LOG_LINE: Final = re.compile(r"[EWI]\d{4} ")


class Cluster:
    """One cluster, by the name of its kubectl context; it is named in every command."""

    def __init__(self, settings: RolloutSettings) -> None:
        """Take the context asked for, or kubectl's current one.

        Raises:
            RolloutError: there is no kubectl, or no context.
        """
        self._settings = settings
        config = ["--kubeconfig", str(settings.kubeconfig)] if settings.kubeconfig else []
        beside = Path(sys.executable).parent / "kubectl"
        self._kubectl = [str(beside) if beside.is_file() else "kubectl", *config]
        self.context = settings.context or self.kubectl("config", "current-context").strip()
        self._kubectl += ["--context", self.context]

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl; what it printed. Raises RolloutError with its own words."""
        try:
            done = subprocess.run(
                [*self._kubectl, *arguments],
                input=given,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise RolloutError(f"kubectl cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise RolloutError(f"kubectl {arguments[0]}: {_explained(done.stderr.strip())}")
        return done.stdout

    def open(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a kubectl that goes on, such as ``port-forward``; the caller ends it."""
        return subprocess.Popen(
            [*self._kubectl, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def running(self, namespace: str) -> Release | None:
        """What the InferenceService asks for now, or None where there is none."""
        found = self._get("inferenceservice", SERVICE, namespace)
        if found is None:
            return None
        model = found["spec"]["predictor"]["model"]
        digests = [one["value"] for one in model["env"] if one["name"] == "LESIONLENS_DIGEST"]
        return Release(model["storageUri"], *digests)

    def previous(self, namespace: str) -> Release | None:
        """What was asked for before that, or None where nothing is recorded."""
        found = self._get("configmap", HISTORY, namespace)
        return Release(found["data"]["storageUri"], found["data"]["digest"]) if found else None

    def remember(self, namespace: str, release: Release) -> None:
        """Record what is about to be replaced."""
        record = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": HISTORY, "namespace": namespace},
            "data": {"storageUri": release.storage_uri, "digest": release.digest},
        }
        self.kubectl("apply", "--filename", "-", given=json.dumps(record))

    def wait_ready(self, namespace: str, digest: str, say: Callable[[str], None]) -> str:
        """Wait until predictor and explainer run this release; the service's URL.

        Raises:
            RolloutError: a pod refuses the release, or time is up; the message says why.
        """
        client = self._client()
        deadline = time.monotonic() + self._settings.deploy_seconds
        said = ""
        while time.monotonic() < deadline:
            service: dict[str, Any] = client.get(SERVICE, namespace=namespace)
            generation = service["metadata"].get("generation")
            if client.is_isvc_ready(SERVICE, namespace=namespace, expected_generation=generation):
                return str(service["status"].get("url", ""))
            if (now := _conditions(service)) != said:
                said = now
                say(said)
            for message in self._refusals(namespace, digest):
                raise RolloutError(f"{message}. What ran before runs on; `make rollback` undoes it")
            time.sleep(POLL_SECONDS)
        raise RolloutError(
            f"not ready after {self._settings.deploy_seconds:g} s ({said}); ask `kubectl "
            f"describe pods --namespace {namespace} -l component`"
        )

    def _refusals(self, namespace: str, digest: str) -> Iterator[str]:
        """What pods of this release said when they ended by themselves."""
        listed = json.loads(
            self.kubectl(
                *("get", "pods", "--namespace", namespace, "--output", "json"),
                *("--selector", f"serving.kserve.io/inferenceservice={SERVICE}"),
            )
        )
        for pod in listed["items"]:
            asked = [
                one.get("value")
                for container in pod["spec"]["containers"]
                for one in container.get("env", ())
                if one["name"] == "LESIONLENS_DIGEST"
            ]
            for status in pod.get("status", {}).get("containerStatuses", ()):
                ended = {**status.get("lastState", {}), **status.get("state", {})}.get("terminated")
                if status["name"] == CONTAINER and ended and ended["exitCode"] and digest in asked:
                    last = (ended.get("message") or "it said nothing").strip().splitlines()[-1]
                    name = pod["metadata"]["name"]
                    yield f"pod {name} ended with status {ended['exitCode']}: {last}"

    def _get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        text = self.kubectl(
            *("get", kind, name, "--namespace", namespace),
            *("--output", "json", "--ignore-not-found"),
        )
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def _client(self) -> KServeClient:
        config = self._settings.kubeconfig or os.environ.get("KUBECONFIG") or None
        try:
            return KServeClient(config_file=config and str(config), context=self.context)
        except ConfigException as error:
            raise RolloutError(f"KServe's client cannot use this kubeconfig: {error}") from None


def _conditions(service: dict[str, Any]) -> str:
    """What KServe says of predictor and explainer, in one line."""
    conditions = service.get("status", {}).get("conditions", ())
    told = []
    for one in sorted(conditions, key=lambda condition: str(condition.get("type"))):
        if one["type"] in ("PredictorReady", "ExplainerReady", "IngressReady"):
            why = "" if one["status"] == "True" else f" ({one.get('reason', 'no reason yet')})"
            told.append(f"{one['type']} {one['status']}{why}")
    return ", ".join(told) or "KServe has not looked at it yet"


def _explained(words: str) -> str:
    """Kubectl's own words without its log, and what to do where they leave one alone."""
    words = "\n".join(line for line in words.splitlines() if not LOG_LINE.match(line))
    if "no matches for kind" in words or "doesn't have a resource type" in words:
        page = "docs/how-to/kubernetes.md"
        return f"{words}\nInstall what the overlay uses first: {page} has the versions"
    return words
