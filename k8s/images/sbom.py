"""Write a CycloneDX bill of materials of a built image, made by Syft."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from k8s.images.build import ImageError, builder_of
from k8s.images.settings import ImageSettings


def write(tag: str, path: Path, settings: ImageSettings) -> None:
    """List an image's Debian, Python and Java packages.

    Args:
        tag: full name of an image that was built.
        path: of the JSON file; written whole or not at all.
        settings: which builder has the image.

    Raises:
        ImageError: there is no such image, or it cannot be read.
    """
    builder = builder_of(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lesionlens-sbom-", dir=path.parent) as scratch:
        saved, listed = Path(scratch) / "image.tar", Path(scratch) / path.name
        save = {
            "buildah": ["push", "--quiet", tag, f"docker-archive:{saved}"],
            "podman": ["save", "--quiet", "--output", str(saved), tag],
            "docker": ["save", "--output", str(saved), tag],
        }
        _run([*settings.program(builder), *save[builder]])
        syft = str(Path(sys.executable).parent / "syft")
        _run([syft, "scan", f"docker-archive:{saved}", "--output", f"cyclonedx-json={listed}"])
        listed.replace(path)


def _run(command: list[str]) -> None:
    variables = os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_QUIET": "true"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ImageError(f"{Path(command[0]).name}: {words[-1]}")
