"""Test the tables of the peer benchmark: ratios are those of this project."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.comparison import cells
from benchmarks.peers.contenders import OURS
from docs.tables import table
from loadtests.closed_loop import Burst


def cell(p50: float, per_second: float) -> dict[str, Any]:
    figures = {"p50_ms": p50, "p95_ms": 2 * p50, "p99_ms": 3 * p50, "per_second": per_second}
    return {"answers": 100, "failures": 0, **figures}


def server(title: str, p50: float, per_second: float) -> dict[str, Any]:
    found = {
        f"{verb} {kind}": {clients: cell(p50, per_second) for clients in ("1", "8", "32")}
        for verb in ("predict", "explain")
        for kind in ("small", "phone")
    }
    memory = {"process 1": 400.0, "frontend 1": 100.0}
    return {"title": title, "start_seconds": 4.0, "memory_mb": memory, "cells": found}


def document() -> dict[str, Any]:
    limit = {
        "decode_ms": 2.0,
        "forward_ms": {"eager": 20.0, "quick": 8.0},
        "both_ms": {"eager": 22.0, "quick": 10.0},
    }
    slow = server("Slow", 24.0, 20.0)
    slow["cells"]["explain small"]["1"] = {"answers": 0, "failures": 3, "per_second": 0.0}
    return {
        "machine": {"cores": 2, "architecture": "x86_64", "vector_units": ["avx2"]},
        "backend": "quick",
        "in_process": {"small": limit, "phone": limit},
        "servers": {OURS: server("Ours", 12.0, 60.0), "slow": slow},
    }


def test_compares_each_peer_with_this_project() -> None:
    ours, slow = table("peers-servers", document()).splitlines()[2:]

    assert ours.split(" | ")[1] == "12.0"
    assert slow.split(" | ")[1] == "24.0 (2.00)"
    assert slow.split(" | ")[4] == "20.0 (0.33)"
    assert "no answer" in slow


def test_summary_and_throughput_tables_show_ratios() -> None:
    text = table("peers", document())

    assert "| Slow | 20.0 |  | 3.00 |" in table("peers-throughput", document())
    assert "12.0 ms, 1.20 times decode + forward" in text
    assert "12.0 ms, 1.00 times a 300 x 300 one" in text
    assert "quick, 2.50 times as fast as eager float32" in text


def test_throughput_is_compared_with_the_faster_network_of_a_peer() -> None:
    found = document()
    found["servers"]["slow-openvino"] = server("Slow, OpenVINO", 12.0, 40.0)
    assert "| Slow | 20.0 | 40.0 | 1.50 |" in table("peers-throughput", found)

    for name in ("slow", "slow-openvino"):
        found["servers"][name]["cells"]["predict small"]["8"]["per_second"] = 0.0
    assert "| Slow |  |  | no answer |" in table("peers-throughput", found)


def test_one_orientation_has_its_own_row_and_ratio() -> None:
    found = document()
    assert "orientation" not in table("peers-throughput", found)
    found["servers"][f"{OURS}-1orientation"] = server("Ours, one orientation", 6.0, 120.0)

    text = table("peers-throughput", found)

    assert len({line.count("|") for line in text.splitlines()}) == 1
    assert "| this project / the faster | one orientation / the faster |" in text
    assert "| Ours, one orientation |  | 120.0 | 0.50 | 1.00 |" in text
    assert "| Slow | 20.0 |  | 3.00 | 6.00 |" in text
    assert "| Ours, one orientation | 6.0 (0.50) |" in table("peers-servers", found)


def test_other_tables_have_every_row() -> None:
    assert "| quick (chosen) | 8.0 | 2.50 times | 10.0 | 10.0 |" in table("peers-limit", document())
    resources = table("peers-resources", document()).replace(" 1 ", " ")
    assert "| Slow | 4.0 | 500 (process 400, frontend 100) |" in resources


def test_pools_latencies_and_takes_median_throughput_of_rounds() -> None:
    bursts = [
        Burst(seconds=[0.01] * 10, failures=0, wall=1.0),
        Burst(seconds=[0.03] * 30, failures=2, wall=1.0),
        Burst(seconds=[0.02] * 20, failures=0, wall=1.0),
    ]

    found = cells({("predict", "small", 8): bursts})["predict small"]["8"]

    assert found["answers"] == 60
    assert found["failures"] == 2
    assert found["per_second"] == 20.0
    assert found["p50_ms"] == 25.0
    none = cells({("predict", "small", 8): [Burst(failures=8, wall=1.0)]})["predict small"]["8"]
    assert none == {"answers": 0, "failures": 8, "per_second": 0.0}
