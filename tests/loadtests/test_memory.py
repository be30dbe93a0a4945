"""Test the detection of memory growth."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests.memory import memory_in, slope_per_hour

PAGE = """\
# HELP lesionlens_worker_memory_bytes x
# TYPE lesionlens_worker_memory_bytes gauge
lesionlens_worker_memory_bytes{model_version="v1",Hostname="vm",} 7.0E8
lesionlens_worker_memory_bytes{model_version="v2",Hostname="vm",} 7.5E8
"""


def samples(megabytes_an_hour: float, jump: float = 0.0) -> list[tuple[float, float]]:
    noise = np.random.default_rng(0).normal(0, 0.2, 120)
    megabytes = 700 + megabytes_an_hour * np.arange(120) / 3600 + noise
    megabytes[90] += jump
    return [(float(second), 1e6 * float(size)) for second, size in enumerate(megabytes)]


@pytest.mark.parametrize("grows", [0.0, 50.0, -20.0])
def test_finds_the_slope(grows: float) -> None:
    found = slope_per_hour(samples(grows))

    assert found is not None
    assert found.low <= grows <= found.high
    assert found.slope_mb_per_hour == pytest.approx(grows, abs=8)


def test_single_jump_is_not_a_leak() -> None:
    found = slope_per_hour(samples(0, jump=500))

    assert found is not None
    assert found.slope_mb_per_hour == pytest.approx(0, abs=8)


def test_too_few_samples_give_no_result() -> None:
    assert slope_per_hour(samples(0)[:8]) is None


def test_reads_the_largest_worker() -> None:
    assert memory_in(PAGE) == 7.5e8
    assert memory_in("") is None
    assert memory_in("\n".join(PAGE.splitlines()[:2])) is None, "declared, and no worker yet"
