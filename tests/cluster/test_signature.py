"""Test the component ``signature``: a pod runs only releases signed with the key."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from k8s.rollout.release import Release
from tests.cluster.bench import Bench
from tests.cluster.overlay import Overlay

Say = Callable[[str], None]

KEYS = "melanoma-signing-key"


def test_signature(bench: Bench, first: Release, second: Release, measured: Say) -> None:
    """`signature`: an unsigned release ends its pods with status 13, a signed one runs."""
    bench.ensure(Overlay(), first)
    private, public = _keys()
    key = bench.save("signing.key", private)
    bench.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": KEYS},
            "data": {"signing.pub": public},
        }
    )

    outcome = bench.deploy(Overlay(("signature",)), second)
    assert outcome.status == 2, outcome.text
    assert "ended with status 13" in outcome.text, outcome.text

    # A pod that failed is tried again after minutes, and is the first to be seen: have none.
    bench.ensure(Overlay(), first)
    signed = bench.publish("second", key)
    outcome = bench.deploy(Overlay(("signature",)), signed)
    assert outcome.status == 0, outcome.text
    measured(f"signed: ready after {outcome.lines[-1][0]:.0f} s")


def _keys() -> tuple[str, str]:
    """Private and public key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()
