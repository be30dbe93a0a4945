"""Test the CPU count of a container by control groups."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from handlers import threads
from handlers.threads import cores, cpu_limit

V1 = "9:name=systemd:/x\n4:cpu,cpuacct:{0}\n3:cpuset:/elsewhere\n"
V2 = "0::{0}\n"


def limit(folder: Path, own: str, files: Mapping[str, str]) -> float | None:
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="ascii")
    (folder / "own").write_text(own, encoding="ascii")
    return cpu_limit(folder / "cgroup", folder / "own")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        (V2.format("/"), {"cpu.max": "150000 100000"}, 1.5),
        (V2.format("/"), {"cpu.max": "max 100000"}, None),
        (V2.format("/pod/box"), {"pod/box/cpu.max": "max 100000", "pod/cpu.max": "4 2"}, 2.0),
        (V2.format("/pod/box"), {"pod/box/cpu.max": "300 100", "pod/cpu.max": "2 1"}, 2.0),
        # In a container: the host's name, and the own group as the root.
        (V2.format("/kubepods/pod1/abc"), {"cpu.max": "50000 100000"}, 0.5),
        (V2.format("/../abc"), {"cpu.max": "100000 100000"}, 1.0),
        (
            V1.format("/"),
            {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"},
            2.0,
        ),
        (
            V1.format("/kubepods/abc"),
            {"cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        (
            V1.format("/"),
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            None,
        ),
        (V1.format("/"), {"cpuset/cpu.cfs_quota_us": "1"}, None),
        (V2.format("/"), {"cpu.max": "nonsense"}, None),
        ("", {}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_reads_cpu_limit_of_a_container(
    own: str, files: Mapping[str, str], expected: float | None, tmp_path: Path
) -> None:
    assert limit(tmp_path, own, files) == expected


def test_no_control_groups_means_no_limit(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path, tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("limited", "affinity", "expected"),
    [(None, 2, 2), (1.5, 8, 1), (0.25, 8, 1), (16.0, 2, 2), (3.0, 8, 3)],
)
def test_cores_are_rounded_and_bounded(
    limited: float | None, affinity: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cpu_limit", lambda: limited)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(affinity)))

    assert cores() == expected


def test_counts_cores_of_this_machine() -> None:
    assert 1 <= cores() <= len(os.sched_getaffinity(0))
