"""Test error messages of image builds and rollouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8s.images import build
from k8s.images.__main__ import main as images
from k8s.rollout import release
from k8s.rollout.__main__ import main as rollout


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def test_missing_image_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        images(["server"])

    assert f"no image server; there are {', '.join(build.NAMES)}" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_installed")
def test_missing_builder_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert images(["serving"]) == 2
    assert capsys.readouterr().err == (
        "error: none of docker, podman, buildah works here: install one\n"
    )


@pytest.mark.usefixtures("nothing_installed")
def test_failed_base_image_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLENS_IMAGE_BASE", "debian")
    monkeypatch.setenv("LESIONLENS_IMAGE_BUILDER", "buildah")

    assert images(["serving"]) == 2
    assert "error: mmdebstrap, buildah missing: apt-get install" in capsys.readouterr().err


def test_unknown_builder_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLENS_IMAGE_BUILDER", "kaniko")

    assert images(["serving"]) == 2
    assert "'docker', 'podman', 'buildah'" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["deploy", "rollback"])
def test_rollout_needs_an_overlay(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        rollout([what])

    assert f"make {what} OVERLAY=local" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["publish", "deploy", "rollback"])
def test_missing_overlay_is_an_error(
    what: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LESIONLENS_RELEASES", str(tmp_path / "releases"))

    assert rollout([what, "prod"]) == 2
    assert capsys.readouterr().err == "error: no overlay 'prod'; there are local, production\n"
    assert not (tmp_path / "releases").exists()


def test_publish_prints_the_release_and_writes_it_to_the_overlay(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    overlays: Path,
    store: Path,
    root: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LESIONLENS_ARCHIVE", str(store))
    monkeypatch.setenv("LESIONLENS_CONFIG", str(root / "model_store/config"))
    monkeypatch.setenv("LESIONLENS_RELEASES", str(tmp_path / "releases"))

    assert rollout(["publish", "local"]) == 0
    said = capsys.readouterr().out.splitlines()

    named = release.read(overlays / "local/release.yaml")
    assert said[0] == f"published, not signed: {named.storage_uri}"
    assert said[1] == f"digest: {named.digest}"
    assert said[2].endswith("release.yaml names it: commit it, then `make deploy OVERLAY=local`")
    assert rollout(["publish"]) == 0
    assert capsys.readouterr().out.startswith("already there, not signed: ")
