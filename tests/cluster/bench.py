"""Namespace of the cluster tests: create it, deploy to it, query it, remove it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.release import Release
from k8s.rollout.state import is_ending, is_ready
from tests.cluster import overlay
from tests.cluster.checkout import Checkout, Outcome
from tests.cluster.overlay import Overlay, Route
from tests.cluster.waiting import until

Object = dict[str, Any]

REMOVE_SECONDS: Final = 240.0
PUBLISHER_SECONDS: Final = 180.0
SETTLE_SECONDS: Final = 180.0
MANY: Final = 99
COPY_SECONDS: Final = 600.0
AWAY_SECONDS: Final = 60.0
"""An API server that does not answer is waited for so long, at every command."""
PUBLISHER: Final = "lesionlens-publisher"


@dataclass
class Bench:
    """One namespace of one cluster.

    Attributes:
        kubectl: of the cluster.
        checkout: rolled out from.
        say: called with a line of progress.
        route: that the overlay's routes take; None where there is no gateway.
    """

    kubectl: Kubectl
    checkout: Checkout
    say: Callable[[str], None] = print
    route: Route | None = None
    releases: dict[str, Release] = field(default_factory=dict)
    """What was published, by the name of its archive."""

    publishers: list[str] = field(default_factory=list)
    """Pods that releases were copied through, in their order."""

    _deployed: tuple[Overlay, Release] | None = None
    _failures: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        """Name of the namespace."""
        return self.checkout.namespace

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl in the namespace and return its output.

        Raises:
            RolloutError: with kubectl's words.
        """
        return self.outside(*arguments, "--namespace", self.namespace, given=given)

    def outside(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl for objects outside namespaces, such as the Namespace itself.

        Raises:
            RolloutError: with kubectl's words.
        """
        self.kubectl.deadline = time.monotonic() + AWAY_SECONDS
        return self.kubectl(*arguments, given=given)

    def long(self, *arguments: str, seconds: float) -> str:
        """Run a kubectl that moves data, such as ``exec`` and ``cp``.

        Args:
            *arguments: of kubectl; the namespace is added before them.
            seconds: until it is killed.

        Raises:
            RolloutError: it failed, or time is up.
        """
        output = io.BytesIO()
        process = self.kubectl.open("--namespace", self.namespace, *arguments, log=output)
        status = process.wait(seconds)
        process.stop(0)
        said = output.getvalue().decode(errors="replace")
        if status is None:
            raise RolloutError(f"kubectl {arguments[0]} did not end within {seconds:g} s")
        if status != 0:
            raise RolloutError(f"kubectl {arguments[0]}: {' '.join(said.split())}")
        return said

    def apply(self, *objects: Object) -> None:
        """Apply objects; raises RolloutError."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "--filename", "-", given=json.dumps(listed))

    def remove(self, *names: str) -> None:
        """Remove objects by ``kind/name`` without waiting; raises RolloutError."""
        self("delete", *names, "--ignore-not-found", "--wait=false")

    def get(self, kind: str, name: str) -> Object | None:
        """Get one object, or None if it does not exist."""
        self.kubectl.deadline = time.monotonic() + AWAY_SECONDS
        return self.kubectl.get(kind, name, self.namespace)

    def objects(self, kinds: str, selector: str = "") -> list[Object]:
        """List objects of these kinds."""
        self.kubectl.deadline = time.monotonic() + AWAY_SECONDS
        return self.kubectl.list(kinds, self.namespace, selector)

    def make_namespace(self) -> None:
        """Create the namespace, which must not exist yet; raises RolloutError."""
        name = self.namespace
        if self.outside("get", "namespace", name, "--ignore-not-found", "--output", "name").strip():
            raise RolloutError(f"namespace {name} is there already: nothing of it is touched")
        self.outside("create", "--filename", "-", given=json.dumps(overlay.namespace_of(name)))

    def remove_namespace(self) -> None:
        """Remove the namespace with all that is in it, and wait until it is gone.

        Raises:
            RolloutError: it is still there; the message says what holds it.
        """
        name = self.namespace
        self.outside("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        deadline = time.monotonic() + REMOVE_SECONDS
        while True:
            text = self.outside("get", "namespace", name, "--ignore-not-found", "--output", "json")
            if not text.strip():
                return
            if time.monotonic() > deadline:
                conditions = json.loads(text).get("status", {}).get("conditions", ())
                held = "; ".join(str(one.get("message")) for one in conditions)
                raise RolloutError(
                    f"namespace {name} is not gone after {REMOVE_SECONDS:g} s: {held or '?'}"
                )
            time.sleep(1)

    def publish(self, name: str, key: Path | None = None, place: str = "") -> Release:
        """Publish an archive as the documentation says: ``make publish``, and into the volume.

        Args:
            name: of the archive; what was published under it before is not published again.
            key: to sign with; unset, it is not signed.
            place: bucket or repository; unset, the volume.

        Raises:
            RolloutError: with kubectl's words.
            AssertionError: ``make publish`` failed, or the publisher's pod is not ready in time.
        """
        known = f"{name}{', signed' * bool(key)}{place}"
        if known in self.releases:
            return self.releases[known]
        self.checkout.write(Overlay(), self.route, None)
        variables = {"LESIONLENS_ARCHIVE": str(self.checkout.store(name))}
        if key:
            variables["LESIONLENS_SIGNING_PRIVATE_KEY"] = str(key)
        if place:
            variables["LESIONLENS_RELEASES"] = place
        outcome = self.checkout.run("publish", overlay.NAME, variables=variables)
        assert outcome.status == 0, outcome.text
        published = self.checkout.named()
        if not place:
            self._copy_releases()
        self.releases[known] = published
        return published

    def _copy_releases(self) -> None:
        """Follow the steps of docs/how-to/kubernetes.md, with deadlines."""
        folder = self.checkout.folder / "k8s/cluster-test"
        self("apply", "--kustomize", str(folder / "volume"))
        self("apply", "--kustomize", str(folder / "publisher"))
        pod = until(
            self._publisher, PUBLISHER_SECONDS, "the publisher's pod is ready", self.why_not_ready
        )
        self.publishers.append(pod)
        copied = ("cp", "--retries", "3", f"{self.checkout.releases}/.", f"{pod}:/releases/")
        self.long(*copied, seconds=COPY_SECONDS)
        self(
            *("delete", "--kustomize", str(folder / "publisher")),
            *("--wait=false", "--ignore-not-found"),
        )
        # Its pod may still be ending then: the next publisher must not be taken for it.
        until(lambda: not self.get("job", PUBLISHER), PUBLISHER_SECONDS, "the publisher is gone")

    def _publisher(self) -> str | None:
        """The pod of the publisher's Job, once it is ready; by the Job's uid."""
        job = self.get("job", PUBLISHER) or {}
        if job.get("status", {}).get("ready") != 1:
            return None
        owned = f"batch.kubernetes.io/controller-uid={job['metadata']['uid']}"
        pods = [pod for pod in self.objects("pods", owned) if is_ready(pod)]
        return str(pods[0]["metadata"]["name"]) if pods else None

    def deploy(
        self,
        wanted: Overlay,
        release: Release,
        seconds: float = 0,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run ``make deploy`` of an overlay and return the result, success or failure.

        Args:
            wanted: the overlay.
            release: that it names.
            seconds: that it may take; unset, those of the settings.
            variables: of the command.
        """
        self.checkout.write(wanted, self.route, release)
        self._deployed = None
        outcome = self.checkout.run("deploy", overlay.NAME, seconds=seconds, variables=variables)
        if outcome.status == 0:
            self._settle(wanted)
            self._deployed = wanted, release
            self._failures.clear()
        return outcome

    def _settle(self, wanted: Overlay) -> None:
        """Wait for the requested number of pods: an autoscaler creates them with a delay."""
        least, most = wanted.replicas
        if any(name.startswith("autoscaling") for name in wanted.components):
            most = MANY
        until(
            lambda: least <= len(self.pods()) <= most,
            SETTLE_SECONDS,
            f"{least} to {most} pods of the predictor",
            lambda: f"{len(self.pods())} are ready; {self.why_not_ready()}",
        )

    def ensure(self, wanted: Overlay, release: Release | None = None) -> None:
        """Deploy an overlay completely before a test begins, unless it is deployed already.

        Raises:
            AssertionError: it does not become ready. After a second failure in a row nothing is
                tried any more.
        """
        release = release or self.publish("first")
        if self._deployed == (wanted, release):
            return
        if len(self._failures) > 1:
            raise AssertionError(f"deployments failed before: {self._failures[-1]}")
        outcome = self.deploy(wanted, release)
        if outcome.status != 0:
            self._failures.append(outcome.lines[-1][1] if outcome.lines else "no word")
            raise AssertionError(outcome.text)

    def disturbed(self) -> None:
        """Mark the deployment as changed, so that the next test deploys again."""
        self._deployed = None

    def pods(self, deployment: str = "melanoma-predictor") -> list[Object]:
        """Pods of one of KServe's Deployments that are ready and not ending."""
        return [
            pod
            for pod in self.objects("pods", f"app=isvc.{deployment}")
            if is_ready(pod) and not is_ending(pod)
        ]

    def why_not_ready(self) -> str:
        """Return the last three warnings of the cluster's events."""
        with suppress(RolloutError):
            events = [one for one in self.objects("events") if one.get("type") == "Warning"]
            return "; ".join(
                f"{one['involvedObject'].get('name')}: {one.get('message')}" for one in events[-3:]
            )
        return "its events may not be listed"

    def save(self, name: str, text: str) -> Path:
        """Write a private file next to the checkout."""
        path = self.checkout.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path
