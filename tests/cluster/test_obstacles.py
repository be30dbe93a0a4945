"""Test that ``make deploy`` quickly names what keeps pods from running."""

from __future__ import annotations

import json
from collections.abc import Callable

from k8s.rollout.release import Release
from tests.cluster.bench import Bench
from tests.cluster.overlay import Overlay, Patch, add, replace

Say = Callable[[str], None]

TARGET = {"kind": "InferenceService", "name": "melanoma"}
MODEL = "/spec/predictor/model"
NAMED_SECONDS = 15.0
DIES_SECONDS = 45.0
"""Half a minute for the pod, and what it takes to be scheduled and seen."""
FIND_TORCH = "import importlib.util as u; print(u.find_spec('torch').origin)"
BROKEN_TORCH = "raise ImportError('libcudart.so.12: cannot open shared object file')\n"


def test_pending(bench: Bench, first: Release, measured: Say) -> None:
    """Pods that no node has room for are named as Pending within 15 s, with what is missing."""
    bench.ensure(Overlay(), first)
    much = [
        replace(f"{MODEL}/resources/requests/cpu", "1000"),
        replace(f"{MODEL}/resources/limits/cpu", "1000"),
    ]

    seconds = _named(bench, first, (TARGET, much), "is Pending", "cpu")

    measured(f"{seconds:.0f} s")
    assert seconds <= NAMED_SECONDS


def test_failed_create(bench: Bench, first: Release, measured: Say) -> None:
    """Pods that admission refuses (`restricted`) are named as FailedCreate within 15 s."""
    bench.ensure(Overlay(), first)
    breaks = [add(f"{MODEL}/securityContext", {"allowPrivilegeEscalation": True})]

    seconds = _named(bench, first, (TARGET, breaks), "FailedCreate", "violates PodSecurity")

    measured(f"{seconds:.0f} s")
    assert seconds <= NAMED_SECONDS


def test_broken_torch(bench: Bench, first: Release, measured: Say) -> None:
    """A torch that cannot be imported ends the pod with status 17, named within 45 s."""
    bench.ensure(Overlay(), first)
    pod = bench.pods()[0]["metadata"]["name"]
    inside = ("exec", pod, "--container", "kserve-container", "--", "python", "-c", FIND_TORCH)
    place = bench.long(*inside, seconds=60).strip().splitlines()[-1]

    outcome = bench.deploy(broken_torch(place), first, seconds=DIES_SECONDS + 75)

    assert outcome.status == 2, outcome.text
    seconds = outcome.seconds_to("ended with status 17")
    assert seconds is not None, outcome.text
    assert "libcudart.so.12" in outcome.text, outcome.text
    measured(f"{seconds:.0f} s; {outcome.lines[-1][1]}")
    assert seconds <= DIES_SECONDS


def broken_torch(place: str) -> Overlay:
    """An overlay whose predictor has a torch that cannot be imported.

    Args:
        place: of the image's ``torch/__init__.py``; TorchServe's worker does not get the pod's
            ``PYTHONPATH``, so the file itself is hidden.
    """
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "broken-torch"},
        "data": {"torch.py": BROKEN_TORCH},
    }
    mount = {"name": "broken-torch", "mountPath": place, "subPath": "torch.py", "readOnly": True}
    breaks = [
        add(
            "/spec/predictor/volumes",
            [{"name": "broken-torch", "configMap": {"name": "broken-torch"}}],
        ),
        add(f"{MODEL}/volumeMounts", [mount]),
    ]
    return Overlay(patches=((TARGET, breaks),), files={"broken-torch.yaml": json.dumps(config)})


def _named(bench: Bench, release: Release, patch: Patch, *words: str) -> float:
    """Deploy with a patch that must fail, and return the seconds until the obstacle is named."""
    outcome = bench.deploy(Overlay(patches=(patch,)), release, seconds=NAMED_SECONDS + 10)
    assert outcome.status == 2, outcome.text
    seconds = outcome.seconds_to(*words)
    assert seconds is not None, outcome.text
    return seconds
