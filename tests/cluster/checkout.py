"""Copy of the checkout to roll out from, its commands and their timed output."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from k8s.rollout import release
from k8s.rollout.release import Release
from tests.cluster import overlay
from tests.cluster.overlay import Overlay, Route
from tests.cluster.settings import ClusterSettings
from tests.e2e.environment import without_settings

ROOT: Final = Path(__file__).resolve().parents[2]
COPIED: Final = ("k8s", "serving", "monitoring/dashboards", "model_store/config")
ARCHIVE: Final = "melanoma.mar"
SPARE_SECONDS: Final = 120.0
"""Beyond the deadline of a deployment, before it is killed: it ends by itself otherwise."""
APPLIED: Final = (" created", " configured", " unchanged", " serverside-applied")


@dataclass(frozen=True)
class Outcome:
    """Timed output of a rollout command."""

    status: int
    lines: list[tuple[float, str]]
    """Seconds since its start, and the line."""

    @property
    def text(self) -> str:
        """All lines of the output."""
        return "\n".join(line for _, line in self.lines)

    def seconds_to(self, *words: str) -> float | None:
        """Seconds from the end of ``kubectl apply`` to the first line with all these words."""
        applied = [at for at, line in self.lines if line.endswith(APPLIED)]
        start = applied[-1] if applied else 0.0
        for at, line in self.lines:
            if at >= start and all(word in line for word in words):
                return at - start
        return None


@dataclass(frozen=True)
class Checkout:
    """Copy of the checkout that a rollout may change.

    Attributes:
        folder: the copy.
        settings: of the test.
        namespace: that is deployed to.
    """

    folder: Path
    settings: ClusterSettings
    namespace: str

    @classmethod
    def make(cls, folder: Path, settings: ClusterSettings, namespace: str) -> Checkout:
        """Copy what a rollout reads, with the trained archive as the first of two releases."""
        for name in COPIED:
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        made = cls(folder, settings, namespace)
        source = ROOT / settings.archive / ARCHIVE
        made.store("first").mkdir(parents=True)
        shutil.copyfile(source, made.store("first") / ARCHIVE)
        made.store("second").mkdir()
        renamed(source, made.store("second") / ARCHIVE)
        overlay.write_publisher(folder / "k8s/cluster-test", namespace, settings)
        return made

    def store(self, name: str) -> Path:
        """Folder of an archive: ``first`` or ``second``."""
        return self.folder / "stores" / name

    @property
    def overlay(self) -> Path:
        """Folder of the overlay."""
        return self.folder / "k8s/overlays" / overlay.NAME

    @property
    def releases(self) -> Path:
        """Folder that releases are published to."""
        return self.folder / "releases"

    def write(self, wanted: Overlay, route: Route | None, named: Release | None) -> None:
        """Replace the overlay and set its release."""
        wanted.write(self.overlay, self.namespace, self.settings, route)
        if named is not None:
            release.write(self.overlay / "release.yaml", named)

    def named(self) -> Release:
        """Release that the overlay names."""
        return release.read(self.overlay / "release.yaml")

    def run(
        self,
        *arguments: str,
        seconds: float = 0,
        variables: Mapping[str, str] | None = None,
        heard: Callable[[str], None] = lambda line: None,
    ) -> Outcome:
        """Run ``python -m k8s.rollout ARGUMENTS`` like make.

        Args:
            *arguments: of the command.
            seconds: that a deployment may take; unset, those of the settings.
            variables: of the environment, over those of the settings.
            heard: called with each line as it is printed.

        Raises:
            AssertionError: it did not end by itself.
        """
        deadline = seconds or self.settings.deploy_seconds
        environment = {
            **without_settings(os.environ),
            "PYTHONUNBUFFERED": "1",
            "LESIONLENS_CONTEXT": self.settings.context,
            "LESIONLENS_DEPLOY_SECONDS": f"{deadline:g}",
            "LESIONLENS_RELEASES": str(self.releases),
            **_passed_on(os.environ),
            **(variables or {}),
        }
        command = [sys.executable, "-m", "k8s.rollout", *arguments]
        return _listened(command, self.folder, environment, deadline + SPARE_SECONDS, heard)


def renamed(source: Path, target: Path) -> None:
    """Write an archive that differs from another only in its model version."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for entry in archive.infolist():
            content = archive.read(entry)
            if entry.filename == "card.json":
                card = json.loads(content)
                card["model_version"] = f"{card.get('model_version', '')}-second"
                content = json.dumps(card).encode()
            copy.writestr(entry, content, compress_type=entry.compress_type)


def _passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that lead to the cluster, taken from the user's environment."""
    names = ("LESIONLENS_KUBECONFIG", "LESIONLENS_KUBECTL")
    return {name: environment[name] for name in names if environment.get(name)}


def _listened(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    seconds: float,
    heard: Callable[[str], None],
) -> Outcome:
    start = time.monotonic()
    lines: list[tuple[float, str]] = []
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append((time.monotonic() - start, line.rstrip("\n")))
                heard(lines[-1][1])

        reader = threading.Thread(target=listen, daemon=True)
        reader.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            said = "; ".join(line for _, line in lines[-5:])
            raise AssertionError(
                f"{' '.join(command[2:])} did not end within {seconds:g} s: {said}"
            ) from None
        except BaseException:
            process.kill()  # Ctrl-C: nothing of ours goes on
            raise
        finally:
            reader.join(5)
    return Outcome(process.returncode, lines)
