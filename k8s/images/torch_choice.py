"""Choose the smallest torch for the serving image that this machine's package indexes offer.

The CPU build is in PyTorch's own index, which not every network reaches. PyPI's build for x86_64 is
for CUDA, and cannot be imported without CUDA's libraries. Some mirrors have a CPU build under a
plain version. A wheel's metadata says which build it is; the image's last step tests whether it
works.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

DOCKERFILE: Final = Path(__file__).with_name("serving") / "Dockerfile"
PLAIN: Final = ("torch==2.14.1", "torch==2.13.0")
"""Versions for which an index other than PyTorch's may have a CPU build."""
CUDA: Final = "--requirement=/opt/lesionlens/cuda.txt"
"""torch from PyPI, with CUDA's libraries: available wherever PyPI is, and the largest."""


def choose() -> str:
    """Return the value of the Dockerfile's argument TORCH; empty for its default."""
    default = re.search(r'ARG TORCH="(\S+)', DOCKERFILE.read_text(encoding="utf-8"))
    if default is not None and is_offered_for_cpu(default[1]):
        return ""
    return next((plain for plain in PLAIN if is_offered_for_cpu(plain)), CUDA)


def is_offered_for_cpu(requirement: str) -> bool:
    """Whether pip would install a wheel that needs none of CUDA's libraries.

    Args:
        requirement: of one package with its exact version.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-"]
    command += ["--no-deps", "--only-binary", ":all:", "--ignore-installed", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return False
    (found,) = json.loads(done.stdout)["install"]
    return not needs_cuda(found["metadata"].get("requires_dist", []))


def needs_cuda(requires: list[str]) -> bool:
    """Whether a package's requirements in its metadata include CUDA's libraries."""
    wanted = [Requirement(line) for line in requires]
    names = [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)
