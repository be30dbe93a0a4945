"""Test failed releases, rollback and an unreachable API server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from k8s.rollout.release import Release
from tests.cluster import overlay, relay
from tests.cluster.asking import PREDICT, ask
from tests.cluster.bench import Bench
from tests.cluster.checkout import APPLIED
from tests.cluster.forwarding import Tunnel
from tests.cluster.overlay import Overlay

Say = Callable[[str], None]

AWAY_SECONDS = 20.0


def test_refused_release(bench: Bench, first: Release, measured: Say) -> None:
    """A release that no pod takes ends `make deploy` with status 2 and the pod's own words."""
    bench.ensure(Overlay(), first)

    outcome = bench.deploy(Overlay(), Release(first.storage_uri, "sha256:" + "0" * 64))

    assert outcome.status == 2, outcome.text
    assert "ended with status 12" in outcome.text, outcome.text
    assert "ready: sha256:" not in outcome.text
    with Tunnel(bench.kubectl, bench.namespace, "service/lesionlens-predictor", 80) as tunnel:
        assert ask(tunnel.address, PREDICT).status == 200, "what ran before does not run on"
    measured(f"{outcome.lines[-1][0]:.0f} s; {outcome.lines[-1][1]}")


def test_rollback_of_refused_release(bench: Bench, first: Release, measured: Say) -> None:
    """`make rollback` of a release that no pod took returns to the one that runs."""
    bench.ensure(Overlay(), first)
    bench.deploy(Overlay(), Release(first.storage_uri, "sha256:" + "1" * 64))

    outcome = bench.checkout.run("rollback", overlay.NAME)

    assert outcome.status == 0, outcome.text
    assert f"ready: {first.digest}, on every pod" in outcome.text
    assert bench.checkout.named() == first
    measured(f"{outcome.lines[-1][0]:.0f} s")


def test_rollback(bench: Bench, first: Release, second: Release, measured: Say) -> None:
    """`make rollback` of a release that runs returns to the one before it."""
    bench.ensure(Overlay(), first)
    bench.ensure(Overlay(), second)

    bench.disturbed()
    outcome = bench.checkout.run("rollback", overlay.NAME)

    assert outcome.status == 0, outcome.text
    assert f"ready: {first.digest}, on every pod" in outcome.text
    assert bench.checkout.named() == first
    measured(f"{outcome.lines[-1][0]:.0f} s")


def test_api_server_away(bench: Bench, first: Release, second: Release, measured: Say) -> None:
    """`make deploy` waits for an API server that is away for a while, says so, and ends well."""
    bench.ensure(Overlay(), first)
    bench.disturbed()
    bench.checkout.write(Overlay(), bench.route, second)
    applied = threading.Event()

    def heard(line: str) -> None:
        if line.endswith(APPLIED):
            applied.set()

    with relay.through(bench) as (way, config):

        def interrupt() -> None:
            if applied.wait(bench.checkout.settings.deploy_seconds):
                way.cut()
                time.sleep(AWAY_SECONDS)
                way.restore()

        interrupting = threading.Thread(target=interrupt, daemon=True)
        interrupting.start()
        outcome = bench.checkout.run(
            *("deploy", overlay.NAME), variables={"LESIONLENS_KUBECONFIG": config}, heard=heard
        )
        applied.set()
        interrupting.join(AWAY_SECONDS + 5)
    assert outcome.status == 0, outcome.text
    assert "the API server does not answer: waiting for it" in outcome.text
    assert f"ready: {second.digest}, on every pod" in outcome.text
    measured(f"away for {AWAY_SECONDS:.0f} s, ready after {outcome.lines[-1][0]:.0f} s")
