"""Test memory limits of a container, in control groups of both versions."""

from pathlib import Path

import pytest

from serving.pod import resources
from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "limit", "kills"),
    [
        ({"memory.max": "4294967296\n", "memory.events": "oom 3\noom_kill 2\n"}, 2**32, 2),
        ({"memory.max": "max\n", "memory.events": "oom 0\noom_kill 0\n"}, None, 0),
        (
            {
                "memory/memory.limit_in_bytes": "1073741824\n",
                "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            },
            2**30,
            1,
        ),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None, 0),
        ({}, None, 0),
    ],
)
def test_reads_memory_limit_and_kills(
    files: dict[str, str], limit: int | None, kills: int, tmp_path: Path
) -> None:
    groups = lay(tmp_path, files)

    assert resources.memory_limit(groups) == limit
    assert resources.memory_kills(groups) == kills


def test_rejects_too_low_memory_limit() -> None:
    resources.check_memory(PodSettings(), None)
    resources.check_memory(PodSettings(), 1_000_000_000)
    with pytest.raises(PodError, match=r"raise resources\.limits\.memory") as caught:
        resources.check_memory(PodSettings(), 999_999_999)

    assert caught.value.code == ExitCode.MEMORY


@pytest.mark.parametrize("limit", [None, 2**32 + 2**30])
def test_frontend_keeps_its_limits_with_enough_memory(limit: int | None) -> None:
    assert resources.jvm_memory(limit) == []


@pytest.mark.parametrize("gigabytes", [1, 1.5, 2, 3, 3.9])
def test_worker_and_frontend_fit_a_lower_limit(gigabytes: float) -> None:
    heap, direct = resources.jvm_memory(int(gigabytes * 1e9))
    each = int(heap.removeprefix("-Xmx").removesuffix("m"))

    assert direct == f"-XX:MaxDirectMemorySize={each}m"
    assert each >= 192  # less, and TorchServe does not start
    assert each == 192 or resources.WORKER_BYTES / 1e6 + 2 * each <= gigabytes * 1000


def test_rejects_unwritable_folder(tmp_path: Path) -> None:
    resources.check_scratch(PodSettings(scratch=tmp_path))
    with pytest.raises(PodError, match="mount an emptyDir there") as caught:
        resources.check_scratch(PodSettings(scratch=tmp_path / "missing"))

    assert caught.value.code == ExitCode.SCRATCH
    assert list(tmp_path.iterdir()) == []
