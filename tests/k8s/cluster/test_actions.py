"""Test the actions of the cluster tests with a scripted kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8s.rollout.errors import RolloutError
from k8s.rollout.kubectl import Kubectl
from k8s.rollout.settings import RolloutSettings
from tests.cluster import bench as benches
from tests.cluster import probes, test_load
from tests.cluster.bench import Bench
from tests.cluster.checkout import Checkout
from tests.cluster.settings import ClusterSettings
from tests.cluster.test_load import KILL_POD, KILL_WORKER

REFUSAL = (
    "Error from server (TooManyRequests): Cannot evict pod as it would violate the pod's "
    "disruption budget."
)


def bench(folder: Path, script: str) -> Bench:
    """Bench whose kubectl is a script; ``$*`` holds its arguments."""
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\n{script}\n')
    program.chmod(0o755)
    kubectl = Kubectl(RolloutSettings(kubectl=str(program), context="x"))
    return Bench(kubectl, Checkout(folder, ClusterSettings(), "space"))


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


def test_eviction_is_retried_until_the_budget_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_load.time, "sleep", lambda seconds: None)
    script = f'[ $(wc -l < {tmp_path}/asked) -gt 2 ] && exit 0\necho "{REFUSAL}" >&2\nexit 1'

    assert test_load._evict(bench(tmp_path, script), "one") == 2
    path = "/api/v1/namespaces/space/pods/one/eviction"
    assert all(f"create --raw {path} --filename -" in line for line in asked(tmp_path))


def test_other_eviction_error_is_not_retried(tmp_path: Path) -> None:
    made = bench(tmp_path, 'echo "Error from server (NotFound): no pod" >&2; exit 1')

    with pytest.raises(RolloutError, match="NotFound"):
        test_load._evict(made, "one")
    assert len(asked(tmp_path)) == 1


def test_reads_reachability_from_probe_output(tmp_path: Path) -> None:
    made = bench(tmp_path, 'echo "10.0.0.1:8080 open"; echo "[fd00::1]:8082 closed"')

    found = probes.reaches(made, "client", "probe", ["10.0.0.1:8080", "[fd00::1]:8082"])

    assert found == {"10.0.0.1:8080": True, "[fd00::1]:8082": False}
    (line,) = (line for line in asked(tmp_path) if " exec client " in line)
    assert "--namespace space exec client --container probe -- python -c" in line


def test_detects_unenforced_policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ENFORCED_SECONDS", 0.5)
    made = bench(tmp_path, 'echo "10.0.0.1:8000 open"')

    why = probes.lacks_policies(made, "stranger", "control", "10.0.0.1")

    assert why == "the cluster does not enforce NetworkPolicies"
    assert any(" apply " in line for line in asked(tmp_path))


def test_detects_enforced_policies(tmp_path: Path) -> None:
    script = f'grep -q " apply " {tmp_path}/asked && echo "10.0.0.1:8000 closed" && exit'
    made = bench(tmp_path, f'{script}\necho "10.0.0.1:8000 open"')

    assert probes.lacks_policies(made, "stranger", "control", "10.0.0.1") == ""


def test_kills_command_that_does_not_end(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"kubectl cp did not end within 0\.2 s"):
        bench(tmp_path, "exec sleep 60").long("cp", "a", "b", seconds=0.2)


def test_stuck_namespace_error_names_what_blocks_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benches, "REMOVE_SECONDS", 0.0)
    status = '{"status": {"conditions": [{"message": "finalizers of inferenceservices"}]}}'
    made = bench(tmp_path, f"case \"$*\" in *' get '*) echo '{status}' ;; esac")

    with pytest.raises(RolloutError, match=r"space is not gone .*: finalizers of"):
        made.remove_namespace()


@pytest.mark.parametrize("script", [KILL_WORKER, KILL_POD, probes.CONNECT, probes.SERVER])
def test_code_for_pods_is_valid_python(script: str) -> None:
    compile(script, "<pod>", "exec")
