"""Run kubectl on one named cluster, with retries and errors of one line."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from k8s.rollout.errors import ForbiddenError, RolloutError
from k8s.rollout.manifests import Object
from k8s.rollout.settings import RolloutSettings
from serving.process import Process

POLL_SECONDS: Final = 2.0
REQUEST_SECONDS: Final = 30
"""Seconds until an unanswered request to the API server is given up, and perhaps retried."""
RIGHTS_SECONDS: Final = 15.0
"""Seconds after an outage of the API server in which it may deny what it will later allow."""
LOG_LINE: Final = re.compile(r"[EWI]\d{4} ")
AWAY: Final = re.compile(
    r"connection to the server .* was refused|unable to connect to the server|connection refused"
    r"|connection reset|i/o timeout|no route to host|network is unreachable|\bEOF\b|tls handshake"
    r"|client\.timeout exceeded|context deadline exceeded|connection lost|timed out"
    r"|ServiceUnavailable|currently unable to handle the request|leader changed"
    r"|apiserver not ready|shutting down|unable to return a response in the time allotted",
    re.IGNORECASE,
)
"""Words of kubectl for a server that may answer later."""
VERSIONS_PAGE: Final = "docs/how-to/kubernetes.md"


class Kubectl:
    """One cluster, by its kubectl context, which is passed to every command.

    Args:
        settings: name kubeconfig and context, and say how long a deployment may take.
        say: called with a line that the user should read.

    Raises:
        RolloutError: there is no kubectl, or no context.
    """

    def __init__(self, settings: RolloutSettings, say: Callable[[str], None] = print) -> None:
        self._say = say
        self._answered = False
        self.deadline = time.monotonic() + settings.deploy_seconds
        config = ["--kubeconfig", str(settings.kubeconfig)] if settings.kubeconfig else []
        installed = Path(sys.executable).parent / "kubectl"
        program = settings.kubectl or (str(installed) if installed.is_file() else "kubectl")
        self._program = [program, *config]
        self.context = settings.context or self._run("config", "current-context").strip()
        self._program += ["--context", self.context]

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl; returns its output.

        If a server that answered before is unreachable, the command is retried until the deadline.

        Raises:
            ForbiddenError: the user may not do that.
            RolloutError: anything else; the message is kubectl's, in one line.
        """
        away_at: float | None = None
        while True:
            try:
                printed = self._run(
                    f"--request-timeout={REQUEST_SECONDS}s", *arguments, given=given
                )
            except RolloutError as error:
                now = time.monotonic()
                away = AWAY.search(str(error)) is not None
                # A server that has just started may not know any user's rights yet.
                starting = isinstance(error, ForbiddenError) and now < (
                    (away_at or now) + RIGHTS_SECONDS
                )
                if away_at is None and not (away and self._answered):
                    raise
                if now > self.deadline or not (away or starting):
                    raise
                if away_at is None:
                    self._say("  the API server does not answer: waiting for it")
                if away or away_at is None:
                    away_at = now
                time.sleep(POLL_SECONDS)
                continue
            self._answered = True
            if away_at is not None:
                self._say("  the API server answers again")
            return printed

    def kustomize(self, folder: Path) -> str:
        """Build the manifests of a folder without the cluster; raises RolloutError."""
        return self._run("kustomize", str(folder))

    def get(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return one object, or None if it does not exist; raises as a call does."""
        text = self(
            *("get", kind, name, "--namespace", namespace, "--output", "json"),
            "--ignore-not-found",
        )
        found: Object | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kinds: str, namespace: str, selector: str = "") -> list[Object]:
        """Return all objects of some kinds (separated by commas); raises as a call does.

        Args:
            kinds: names of resources; what is found says its own kind.
            namespace: to look in.
            selector: of labels; empty for all.
        """
        chosen = ("--selector", selector) if selector else ()
        text = self("get", kinds, "--namespace", namespace, "--output", "json", *chosen)
        items: list[Object] = json.loads(text)["items"]
        return items

    def open(self, *arguments: str, log: BinaryIO | None = None) -> Process:
        """Start a long-running kubectl, such as ``port-forward``; the caller stops it.

        Args:
            *arguments: of kubectl.
            log: gets all that it prints; ``lines()`` has the last of it in any case.
        """
        return Process([*self._program, *arguments], log or io.BytesIO())

    def _run(self, *arguments: str, given: str | None = None) -> str:
        try:
            done = subprocess.run(
                [*self._program, *arguments],
                input=given,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise RolloutError(f"kubectl cannot be run: {error.strerror}") from None
        if done.returncode == 0:
            return done.stdout
        verb = next(one for one in arguments if not one.startswith("--"))
        words = _one_line(done.stderr)
        if "(Forbidden)" in words or " is forbidden: User" in words:
            raise ForbiddenError(
                f"kubectl {verb}: {words}; the rights that a rollout needs are in "
                "k8s/components/deployer"
            )
        raise RolloutError(f"kubectl {verb}: {words}")


def _one_line(stderr: str) -> str:
    """Return kubectl's message in one line, with what to do if it is not clear from the message."""
    lines = [line.strip() for line in stderr.splitlines() if not LOG_LINE.match(line)]
    words = "; ".join(line for line in dict.fromkeys(lines) if line) or "it said nothing"
    if "no matches for kind" in words or "doesn't have a resource type" in words:
        return f"{words}; install what the overlay uses first: {VERSIONS_PAGE} has the versions"
    if re.search(r'namespaces "[^"]+" not found', words):
        return f"{words}; make the namespace once: `make namespace OVERLAY=...`"
    return words
