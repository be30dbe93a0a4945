"""A virtual environment per server: its own packages, and the model's packages as they are here.

PyTorch is linked from this project's environment instead of installed again: five copies would take
thirty gigabytes and be identical.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import Distribution, distribution, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

COMMON: Final = ("torch", "torchvision", "pillow", "numpy", "captum", "openvino")
"""Packages of the model with their dependencies: the same files in every environment."""


def programs(name: str, packages: tuple[str, ...], folder: Path) -> Path:
    """Return the folder of an environment's programs, made if it does not exist.

    Args:
        name: of the environment.
        packages: to install in addition to the model's; one without a version gets that of this
            project. None: this project's own environment.
        folder: of all environments; on the file system of this project's own.

    Raises:
        subprocess.CalledProcessError: a package cannot be installed; pip has said why.
    """
    if not packages:
        return Path(sys.executable).parent
    home = folder / name
    wanted = "".join(f"{pinned(package)}\n" for package in (*COMMON, *packages))
    done = home / "installed.txt"
    if not (done.is_file() and done.read_text(encoding="utf-8") == wanted):
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True, symlinks=True)
        _link(home)
        held = home / "constraints.txt"
        held.write_text("".join(f"{pinned(package)}\n" for package in COMMON), encoding="utf-8")
        command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        command += ["--disable-pip-version-check", "--constraint", str(held)]
        subprocess.run([*command, *map(pinned, packages)], check=True)
        done.write_text(wanted, encoding="utf-8")
    return home / "bin"


def pinned(requirement: str) -> str:
    """Pin a requirement to the version that is installed here, unless it names one."""
    return requirement if "==" in requirement else f"{requirement}=={version(requirement)}"


def _link(home: Path) -> None:
    """Link the files of the common packages into an environment."""
    own = Path(sysconfig.get_path("purelib")).resolve()
    target = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    for package in _with_what_they_need(COMMON):
        for file in package.files or ():
            source = Path(str(package.locate_file(file))).resolve()
            if own not in source.parents or not source.is_file():
                continue  # a program, or a compiled file that does not exist
            place = target / source.relative_to(own)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                os.link(source, place)


def _with_what_they_need(names: tuple[str, ...]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in names]
    while waiting:
        name, extra = canonicalize_name(waiting[-1][0]), waiting.pop()[1]
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        found[name] = distribution(name)
        for needed in map(Requirement, found[name].requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, one) for one in ("", *needed.extras)]
    return list(found.values())
