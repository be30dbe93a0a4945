"""A base image made of Debian packages: no registry of images is needed."""

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
"""What nobody reads in a container."""


def make(settings: ImageSettings) -> str:
    """Make it with mmdebstrap unless it is there; its name.

    Raises:
        ImageError: a program is missing, or fails.
    """
    if missing := [name for name in ("mmdebstrap", "podman") if shutil.which(name) is None]:
        raise ImageError(f"{', '.join(missing)} missing: apt-get install mmdebstrap podman")
    podman = settings.program("podman")
    if subprocess.run([*podman, "image", "exists", NAME], check=False).returncode == 0:
        return NAME
    with tempfile.TemporaryDirectory(prefix="lesionlens-base-") as scratch:
        archive = Path(scratch) / "base.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD]
        for step in (
            [*command, RELEASE, str(archive)],
            [*podman, "import", "--quiet", str(archive), NAME],
        ):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ImageError(f"{step[0]} failed: {done.stderr.strip()[-500:]}")
    return NAME
