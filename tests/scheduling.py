"""Group the tests of `make test` by process, and order the groups."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

ALONE: Final = (
    "docs/test_blocks.py::test_the_commands",
    "docs/test_blocks.py::test_the_tutorial",
    "docs/test_site.py",
    "e2e/test_attack.py",
    "e2e/test_browser",
    "e2e/test_container",
    "e2e/test_drift_live.py",
    "k8s/cluster",
    "k8s/rollout",
    "training/test_finetune",
    "training/test_notebook.py",
)
"""Beginnings of what shares little with the rest of its folder and takes long: groups of their own.
All else is grouped by its folder: what a folder sets up is then set up once."""

LONGEST: Final = (
    "e2e",
    "training",
    "docs/test_blocks.py::test_the_tutorial",
    "e2e/test_attack.py",
    "e2e/test_drift_live.py",
    "e2e/test_browser",
    "k8s/cluster",
    # These need images, which `.ci/run` builds while tests run: earlier, they would wait.
    "docs/test_blocks.py::test_the_commands",
    "e2e/test_container",
    "handlers",
    "training/test_finetune",
    "training/test_notebook.py",
)
"""Groups that begin first, the longest before the others, so that none is left to one process at
the end."""


class ByGroup(LoadScopeScheduling):
    """Scheduler that gives each process whole groups, in the order of :func:`in_order`."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def in_order(items: list[pytest.Item]) -> None:
    """Sort collected tests by their groups, the longest groups first."""
    items.sort(key=lambda item: _rank(group(item.nodeid)))


def group(nodeid: str) -> str:
    """Name of a test's group.

    Args:
        nodeid: as pytest has it, from the folder of the checkout.
    """
    within = nodeid.removeprefix("tests/")
    return next((one for one in ALONE if within.startswith(one)), PurePosixPath(within).parts[0])


def _rank(name: str) -> int:
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
