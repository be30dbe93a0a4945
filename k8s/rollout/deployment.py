"""Deploy an overlay: check the cluster, apply, wait, prune, and send test requests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k8s.rollout import prune, release, smoke
from k8s.rollout.errors import RolloutError
from k8s.rollout.history import History
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.manifests import SERVICE, Manifests
from k8s.rollout.readiness import Readiness, Ready
from k8s.rollout.settings import RolloutSettings
from k8s.rollout.smoke import Answer

OF_THIS_MACHINE: Final = (
    *("kind-", "k3d-", "minikube"),
    *("docker-desktop", "rancher-desktop", "orbstack"),
)
"""Contexts that the overlay ``local`` is applied to without a question."""


@dataclass(frozen=True)
class Deployment:
    """An overlay on a cluster."""

    overlay: str
    kubectl: Kubectl
    settings: RolloutSettings
    say: Callable[[str], None] = print

    def demand_consent(self) -> None:
        """Print the cluster's name; continue only if the user has named it too.

        Raises:
            RolloutError: they did not.
        """
        context = self.kubectl.context
        self.say(f"cluster: {context} (kubectl's context), overlay: {self.overlay}")
        if self.settings.context == context:
            return
        if self.overlay == "local" and context.startswith(OF_THIS_MACHINE):
            return
        if not sys.stdin.isatty():
            raise RolloutError(
                f"cannot ask for confirmation of {context}: name it, CONTEXT={context}"
            )
        if input("type its name to go on: ").strip() != context:
            raise RolloutError("another name than the cluster's: nothing was changed")

    def deploy(self, photograph: Path | None = None) -> tuple[Answer, Answer]:
        """Deploy the overlay's release and test it; returns prediction and explanation.

        Returns only when every pod of the overlay runs it; raises otherwise.

        Raises:
            RolloutError: at the first thing that goes wrong.
        """
        wanted = release.read(release.path_of(self.overlay))
        if not wanted.digest:
            raise RolloutError(
                f"{release.path_of(self.overlay)} names no release by its digest: "
                f"`make publish OVERLAY={self.overlay}` first"
            )
        picture = smoke.photograph(photograph)
        manifests = self._manifests()
        history = History(self.kubectl, manifests.namespace)
        history.before_apply(wanted)
        superfluous = prune.superfluous(self.kubectl, manifests, self.say)
        for resource, name in superfluous:
            self.say(f"  {resource}/{name} is not in the overlay: removed once the rest runs")
        applied = self.kubectl("apply", "--filename", "-", given=manifests.text)
        for line in applied.splitlines():
            self.say(f"  {line}")
        ready = Readiness(self.kubectl, manifests, self.say).wait(self.settings.deploy_seconds)
        prune.remove(self.kubectl, manifests.namespace, superfluous)
        for resource, name in superfluous:
            self.say(f"  {resource}/{name} removed")
        answer, explanation = self._ask(manifests.namespace, ready, picture)
        history.confirm(wanted)
        self.say(f"ready: {wanted.digest}, on every pod")
        self.say(f"predict: {answer['label']}, probability {answer['probability']:.3f}")
        self.say(f"explain: {explanation['method']}, model {answer['model_version']}")
        self._say_address(manifests.namespace, ready.url, picture, answer["model_version"])
        return answer, explanation

    def roll_back(self, photograph: Path | None = None) -> None:
        """Deploy the previous release and write it to ``release.yaml``.

        Raises:
            RolloutError: nothing is recorded, or the deployment fails.
        """
        before = History(self.kubectl, self._manifests().namespace).to_go_back_to()
        if before is None:
            raise RolloutError("nothing is recorded that ran before: there is nowhere to go back")
        self.say(f"back to {before.digest or before.storage_uri}")
        release.write(release.path_of(self.overlay), before)
        self.deploy(photograph)

    def _manifests(self) -> Manifests:
        return Manifests(self.kubectl.kustomize(release.OVERLAYS / self.overlay))

    def _ask(self, namespace: str, ready: Ready, picture: bytes) -> tuple[Answer, Answer]:
        """Send test requests to the release's pods, and to the address if one was given."""
        url = self.settings.url
        try:
            answers = smoke.ask_pods(self.kubectl, namespace, ready.pods, picture)
        except smoke.ForwardingError as error:
            if not url:
                raise
            self.say(f"  the pods cannot be asked directly, only {url}: {error}")
            return smoke.predict(url, picture), smoke.explain(url, picture)
        if url:
            smoke.ask_url(url, picture, answers[0]["model_version"])
        return answers

    def _say_address(self, namespace: str, url: str, picture: bytes, model_version: str) -> None:
        """Print an address only if it was tested successfully; otherwise how to forward a port."""
        given = self.settings.url
        if not given and url:
            try:
                smoke.ask_url(url, picture, model_version)
                given = url
            except RolloutError as error:
                self.say(f"not reachable from here: {error}")
        if given:
            self.say(f"URL: {given}/v1/models/{SERVICE}:predict")
        else:
            self.say(
                f"from this machine: kubectl --context {self.kubectl.context} --namespace "
                f"{namespace} port-forward service/lesionlens-predictor 8080:80, then "
                f"http://127.0.0.1:8080/v1/models/{SERVICE}:predict"
            )
