"""Number of threads of a forward pass: the cores of the container, not those of its host.

In a container limited to one of a host's sixty-four cores, PyTorch would start sixty-four threads,
and the kernel would throttle them for most of every period.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
"""File with lines of ``number:controllers:path``; see cgroups(7)."""


def cores() -> int:
    """Count the whole cores that this process may use, at least one.

    The smallest of the CPU affinity and the CPU limits of its control groups, of both versions.
    """
    allowed = len(os.sched_getaffinity(0))
    limit = cpu_limit()
    return allowed if limit is None else max(1, min(allowed, int(limit)))


def cpu_limit(cgroups: Path = CGROUPS, own: Path = OWN) -> float | None:
    """Return the CPU limit of this process's control groups in cores, or None without a limit.

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
    """Yield the folder of a group and of all its parents."""
    number, controllers, name = (*line.split(":", 2), "", "")[:3]
    if not number or (controllers and "cpu" not in controllers.split(",")):
        return
    parts = [part for part in name.split("/") if part not in ("", "..")]
    # Version 2 is mounted directly, version 1 with a folder per controller. In a container its
    # own group is mounted as the root while the name may be the host's: folders may be missing.
    roots = (cgroups / controllers, cgroups / "cpu") if controllers else (cgroups,)
    for root in roots:
        for depth in range(len(parts), -1, -1):
            yield root.joinpath(*parts[:depth])


def _limits(folder: Path) -> Iterator[float]:
    """Yield quota over period, in cores, of each version that the folder has."""
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
