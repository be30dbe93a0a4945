"""Test parts of ``make cluster-test``: forwarding, relay, load, archives, waits."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path

import pytest

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.settings import RolloutSettings
from loadtests.attack.clients import Tally, clients
from tests.cluster import waiting
from tests.cluster.asking import BODY, PREDICT, Load, ask, sigmas, wait_for_answer
from tests.cluster.checkout import Outcome, renamed
from tests.cluster.forwarding import Tunnel
from tests.cluster.relay import Relay
from tests.cluster.waiting import until

FLAKY = """#!/bin/sh
echo "Forwarding from 127.0.0.1:{port} -> 80"
echo started >> {log}
if [ "$(wc -l < {log})" = 1 ]; then exit 1; fi
exec sleep 60
"""
REFUSED = """#!/bin/sh
echo "error: timed out waiting for the condition"
exit 1
"""


def kubectl(folder: Path, script: str) -> Kubectl:
    program = folder / "kubectl"
    program.write_text(script)
    program.chmod(0o755)
    return Kubectl(RolloutSettings(kubectl=str(program), context="x"))


def test_port_forward_is_restarted_and_counted(server: int, tmp_path: Path) -> None:
    script = FLAKY.format(port=server, log=tmp_path / "log")
    with Tunnel(kubectl(tmp_path, script), "space", "service/x", 80) as tunnel:
        until(lambda: tunnel.breaks == 1, 10, "the first kubectl ends")
        assert wait_for_answer(tunnel.address, PREDICT, "", 10, "it").status == 200
        assert ask(tunnel.address, "/v1/models/melanoma", body=None).document == {"ready": True}
    assert tunnel.breaks == 1


def test_failed_port_forward_states_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match="service/x: error: timed out waiting"):
        Tunnel(kubectl(tmp_path, REFUSED), "space", "service/x", 80).__enter__()


def test_relay_can_be_cut_and_restored(server: int) -> None:
    relay = Relay("127.0.0.1", server)
    address = f"127.0.0.1:{relay.port}"
    assert ask(address, PREDICT).status == 200

    relay.cut()
    with pytest.raises(OSError, match="refused"):
        ask(address, PREDICT)

    relay.restore()
    assert ask(address, PREDICT).status == 200
    relay.cut()


def test_load_sends_the_host_header_and_counts_responses(server: int) -> None:
    with clients(f"127.0.0.1:{server}", PREDICT, [BODY], 2, "application/json", "x") as tally:
        load = Load(tally, None)
        load.progress(4, 20)

    load.assert_unharmed()
    assert load.summary.startswith(f"{tally.answered:,} requests, 0 failed, p95 ")


def test_connections_broken_by_kubectl_are_not_blamed_on_the_service(tmp_path: Path) -> None:
    tunnel = Tunnel(kubectl(tmp_path, REFUSED), "space", "service/x", 80)
    tally = Tally(answered=10, failures=["ConnectionResetError", "502"])
    load = Load(tally, tunnel)
    assert sum(load.failures.values()) == 2

    tunnel.breaks = 1
    assert load.failures == {"502": 1}
    assert "1 failed (1 x 502), kubectl's port-forward broke 1 times" in load.summary
    with pytest.raises(AssertionError, match="502"):
        load.assert_unharmed()


def test_output_is_timed_from_the_end_of_apply() -> None:
    outcome = Outcome(
        2,
        [
            (1.0, "  melanoma is Pending of before"),
            (3.0, "  service/x configured"),
            (4.0, "  service/y unchanged"),
            (11.0, "  pod a is Pending: 0/1 nodes, Insufficient cpu"),
        ],
    )

    assert outcome.seconds_to("is Pending", "cpu") == 7.0
    assert outcome.seconds_to("FailedCreate") is None


def test_second_archive_differs_only_in_its_version(tmp_path: Path) -> None:
    first, second = tmp_path / "1.mar", tmp_path / "2.mar"
    with zipfile.ZipFile(first, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps({"model_version": "v", "threshold": 0.2}))
        archive.writestr("model.pt", b"weights")

    renamed(first, second)

    with zipfile.ZipFile(second) as archive:
        card = json.loads(archive.read("card.json"))
        assert card == {"model_version": "v-second", "threshold": 0.2}
        assert archive.read("model.pt") == b"weights"
        assert archive.testzip() is None
    assert first.read_bytes() != second.read_bytes()


def test_timeout_reports_the_last_observation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)
    start = time.monotonic()

    with pytest.raises(AssertionError, match=r"not within 0\.05 s: a pod is ready \(Pending\)"):
        until(lambda: None, 0.05, "a pod is ready", lambda: "Pending")

    assert time.monotonic() - start < 5
    assert until(lambda: "found", 0.05, "it") == "found"


@pytest.mark.parametrize(("hits", "within"), [(40, True), (63, True), (65, False), (0, False)])
def test_canary_share_tolerance_is_four_sigma(hits: int, within: bool) -> None:
    assert (sigmas(hits, 400, 0.1) <= 4) is within
