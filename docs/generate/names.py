"""The repository's packages and their modules, as griffe reads them: nothing is imported."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import griffe

ROOT: Final = Path(__file__).resolve().parents[2]
SHOWN: Final = (
    *("handlers", "training", "serving", "monitoring", "loadtests", "benchmarks", "web", "k8s"),
)
"""In the order of the way of the data; all that mypy checks but these pages."""


@cache
def package(name: str) -> griffe.Module:
    """One of the packages, with all that is in it.

    Raises:
        TypeError: there is no such package.
    """
    found = griffe.load(
        name, search_paths=[ROOT], allow_inspection=False, resolve_aliases=False, submodules=True
    )
    if not isinstance(found, griffe.Module):
        raise TypeError(f"{name} is not a package of {ROOT}")
    return found


def modules(folder: griffe.Module) -> list[griffe.Module]:
    """The public modules right below a package, itself first, packages within it left out."""
    below = [
        module
        for name, module in sorted(folder.modules.items())
        if not name.startswith("_") and not module.is_alias and not module.is_init_module
    ]
    return [folder, *below]


def packages(name: str) -> list[griffe.Module]:
    """A package and all packages within it, from the top."""
    found, waiting = [], [package(name)]
    while waiting:
        folder = waiting.pop(0)
        found.append(folder)
        waiting += [
            module
            for _, module in sorted(folder.modules.items())
            if not module.is_alias and module.is_init_module
        ]
    return found


def mypy_packages() -> list[str]:
    """What ``pyproject.toml`` has checked: every package of the repository."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(document["tool"]["mypy"]["packages"])
