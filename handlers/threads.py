"""How many threads a forward pass may use: the cores of the container, not those of its host.

Where a container is limited to one of a host's sixty-four cores, PyTorch would start sixty-four
threads and the kernel would stop them all for most of every period.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
"""Lines of ``number:controllers:path``; see cgroups(7)."""


def cores() -> int:
    """Whole cores that this process may keep busy, one at least.

    The smallest of the CPU affinity and the CPU limits of its control groups, of both versions.
    """
    allowed = len(os.sched_getaffinity(0))
    limit = cpu_limit()
    return allowed if limit is None else max(1, min(allowed, int(limit)))


def cpu_limit(cgroups: Path = CGROUPS, own: Path = OWN) -> float | None:
    """Cores that the control groups of this process leave it, or None where there is no limit.

    Args:
        cgroups: where the control groups are mounted.
        own: the file that names those of the process.
    """
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    limits = [
        limit for line in lines for folder in _folders(cgroups, line) for limit in _limits(folder)
    ]
    return min(limits, default=None)


def _folders(cgroups: Path, line: str) -> Iterator[Path]:
    """The folder of a group and of every group that it lies in."""
    number, controllers, name = (*line.split(":", 2), "", "")[:3]
    if not number or (controllers and "cpu" not in controllers.split(",")):
        return
    parts = [part for part in name.split("/") if part not in ("", "..")]
    # Version 2 is mounted as it is, version 1 a folder a controller. In a container its own
    # group is mounted as the root while the name may be the host's: folders may not be there.
    roots = (cgroups / controllers, cgroups / "cpu") if controllers else (cgroups,)
    for root in roots:
        for depth in range(len(parts), -1, -1):
            yield root.joinpath(*parts[:depth])


def _limits(folder: Path) -> Iterator[float]:
    """Quota over period, in cores, of each version that the folder speaks of."""
    for quota_and_period in (
        _words(folder / "cpu.max"),
        [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")],
    ):
        if len(quota_and_period) == 2:
            quota, period = quota_and_period
            if quota.isdigit() and period.isdigit() and int(period) > 0:  # "max" and -1: no limit
                yield int(quota) / int(period)


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []
