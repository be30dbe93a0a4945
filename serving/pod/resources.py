"""Check the container's resources: memory, ports, a writable folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from serving.front import sockets
from serving.pod.errors import ExitCode, PodError
from serving.pod.settings import PodSettings

CGROUPS: Final = Path("/sys/fs/cgroup")
LIMITS: Final = ("memory.max", "memory/memory.limit_in_bytes")
"""Files of the container's memory limit, in control groups of version 2 and 1."""
EVENTS: Final = ("memory.events", "memory/memory.oom_control")
"""Files that count the processes killed for lack of memory."""
NO_LIMIT: Final = 2**60
"""Version 1 writes some number above this if there is no limit."""
WORKER_BYTES: Final = 1_000_000_000
"""Memory that the worker may use, with twelve-megapixel photographs in its batch."""
JVM_LARGEST: Final = 2_000_000_000
JVM_SMALLEST: Final = 192_000_000


def memory_limit(cgroups: Path = CGROUPS) -> int | None:
    """Return the memory limit of the container in bytes, or None without a limit."""
    for name in LIMITS:
        try:
            text = (cgroups / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(text) if text.isdigit() and int(text) < NO_LIMIT else None
    return None


def memory_kills(cgroups: Path = CGROUPS) -> int:
    """Return how many processes of the container the kernel has killed for lack of memory."""
    for name in EVENTS:
        try:
            lines = (cgroups / name).read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        counts = dict(line.split(maxsplit=1) for line in lines if " " in line)
        return int(counts.get("oom_kill", "0"))
    return 0


def check_memory(settings: PodSettings, limit: int | None) -> None:
    """Reject a memory limit in which the service would be killed again and again.

    Args:
        settings: name the least that will do.
        limit: bytes, or None where there is no limit.

    Raises:
        PodError: the limit is lower.
    """
    if limit is not None and limit < settings.min_memory:
        raise PodError(
            ExitCode.MEMORY,
            f"the memory limit is {limit / 1e6:.0f} MB and {settings.min_memory / 1e6:.0f} MB are "
            "the least that worker and frontend fit in: raise resources.limits.memory",
        )


def jvm_memory(limit: int | None) -> list[str]:
    """Return JVM options that keep the frontend within the container's memory.

    Under a flood of the largest bodies the frontend takes two gigabytes each of heap and buffers
    (``config.properties``); with a lower memory limit, less is better than being killed.

    Args:
        limit: bytes that the container may use, or None.
    """
    if limit is None or limit >= WORKER_BYTES + JVM_LARGEST + JVM_LARGEST // 2:
        return []
    each = max(JVM_SMALLEST, min(JVM_LARGEST, (limit - WORKER_BYTES) // 2)) // 1_000_000
    return [f"-Xmx{each}m", f"-XX:MaxDirectMemorySize={each}m"]


def check_scratch(settings: PodSettings) -> None:
    """Check that there is a writable folder; raises PodError."""
    try:
        with tempfile.TemporaryFile(dir=settings.scratch) as file:
            file.write(b"x")
    except OSError as error:
        raise PodError(
            ExitCode.SCRATCH,
            f"cannot write to {settings.scratch} ({error.strerror}): mount an emptyDir there",
        ) from None


def check_ports(settings: PodSettings) -> None:
    """Check that our ports are free; raises PodError that names the occupied one."""
    ports = {
        "LESIONLENS_INFERENCE_PORT": ("::", settings.inference_port),
        "LESIONLENS_METRICS_PORT": ("::", settings.metrics_port),
        "LESIONLENS_HEALTH_PORT": ("::", settings.health_port),
    }
    if settings.runtime == "kserve":
        ports["LESIONLENS_GRPC_INFERENCE_PORT"] = ("::", settings.grpc_inference_port)
    else:
        ports["LESIONLENS_MANAGEMENT_PORT"] = ("127.0.0.1", settings.management_port)
    try:
        sockets.check_ports(ports)
    except sockets.PortError as error:
        raise PodError(ExitCode.PORT, f"{error}, and the manifest's ports with it") from None
