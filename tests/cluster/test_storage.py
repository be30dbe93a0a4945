"""Test releases in a bucket or a registry, if one is configured."""

from __future__ import annotations

import json
from collections.abc import Callable

import yaml

from tests.cluster.bench import Bench
from tests.cluster.conftest import need
from tests.cluster.overlay import Overlay
from tests.cluster.settings import ClusterSettings

Say = Callable[[str], None]

LEVEL = "pod-security.kubernetes.io/enforce"


def test_bucket(bench: Bench, settings: ClusterSettings, measured: Say) -> None:
    """`storage-s3`: a release in a bucket runs."""
    need("" if settings.s3_releases else "LESIONLENS_CLUSTER_S3_RELEASES names no bucket")
    need("" if settings.s3_secret else "LESIONLENS_CLUSTER_S3_SECRET names no file")
    assert settings.s3_secret is not None
    secret = yaml.safe_load(settings.s3_secret.read_text(encoding="utf-8"))
    secret["metadata"].pop("namespace", None)
    bench("apply", "--filename", "-", given=json.dumps(secret))

    outcome = bench.deploy(
        Overlay(("storage-s3",)), bench.publish("first", place=settings.s3_releases)
    )

    assert outcome.status == 0, outcome.text
    measured(f"{outcome.lines[-1][0]:.0f} s")


def test_registry(bench: Bench, settings: ClusterSettings, measured: Say) -> None:
    """`oci://`: a release as an image runs, in a namespace at `baseline`."""
    need("" if settings.oci_releases else "LESIONLENS_CLUSTER_OCI_RELEASES names no repository")
    released = bench.publish("first", place=settings.oci_releases)
    label = ("label", "namespace", bench.namespace, "--overwrite")
    bench.outside(*label, f"{LEVEL}=baseline")
    try:
        outcome = bench.deploy(Overlay(), released)
        assert outcome.status == 0, outcome.text
        measured(f"{outcome.lines[-1][0]:.0f} s")
    finally:
        bench.outside(*label, f"{LEVEL}=restricted")
        bench.disturbed()
