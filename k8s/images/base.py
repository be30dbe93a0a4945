"""Make a base image of Debian packages, without an image registry."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from k8s.images.errors import ImageError
from k8s.images.settings import ImageSettings

NAME: Final = "localhost/lesionlens-base:bookworm"
RELEASE: Final = "bookworm"
PACKAGES: Final = ("python3", "python3-venv", "ca-certificates")
UNREAD: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
"""Files that are not needed in a container."""
_CONTAINER: Final = "lesionlens-base"
"""Name of buildah's working container during the import."""


def make(builder: str, settings: ImageSettings) -> str:
    """Make the image with mmdebstrap if it does not exist; returns its name.

    Args:
        builder: ``docker``, ``podman`` or ``buildah``, which keeps the image and is all that is
            needed besides mmdebstrap.
        settings: where it keeps images.

    Raises:
        ImageError: a program is missing, or fails.
    """
    if missing := [name for name in ("mmdebstrap", builder) if shutil.which(name) is None]:
        raise ImageError(f"{', '.join(missing)} missing: apt-get install {' '.join(missing)}")
    program = settings.program(builder)
    kind = () if builder == "docker" else ("--type", "image")
    inspect = [*program, *(("image",) if builder == "docker" else ()), "inspect", *kind, NAME]
    if subprocess.run(inspect, capture_output=True, check=False).returncode == 0:
        return NAME
    with tempfile.TemporaryDirectory(prefix="lesionlens-base-") as scratch:
        archive = Path(scratch) / "base.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD]
        _run([*command, RELEASE, str(archive)])
        if builder == "buildah":
            _import_with_buildah(program, archive)
        else:
            _run([*program, "import", str(archive), NAME])
    return NAME


def _import_with_buildah(program: list[str], archive: Path) -> None:
    """Import with buildah, which has no ``import``: unpack into an empty container."""
    _run([*program, "from", "--name", _CONTAINER, "scratch"])
    try:
        _run([*program, "add", "--quiet", _CONTAINER, str(archive), "/"])
        _run([*program, "commit", "--quiet", "--format", "docker", _CONTAINER, NAME])
    finally:
        subprocess.run([*program, "rm", _CONTAINER], capture_output=True, check=False)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
