"""Test reading and writing of ``release.yaml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8s.rollout import release
from k8s.rollout.errors import RolloutError
from k8s.rollout.release import Release

OTHER = Release("s3://bucket/melanoma/sha256-00", "sha256:" + "00" * 32)


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_writing_a_release_keeps_the_rest_of_the_file(overlay: str, overlays: Path) -> None:
    path = release.path_of(overlay)
    before = path.read_text().splitlines()

    release.write(path, OTHER)

    after = path.read_text().splitlines()
    changed = [line for line, was in zip(after, before, strict=True) if line != was]
    assert path == overlays / overlay / "release.yaml"
    assert release.read(path) == OTHER
    assert [line.split(":")[0] for line in changed] == ["  storageUri", "  digest"]
    assert [one.name for one in path.parent.glob(".*")] == []


def test_backslash_is_written_literally(overlays: Path) -> None:
    path = release.path_of("local")

    release.write(path, Release(r"pvc://a/\\1", ""))

    assert r"\1" in path.read_text()


def test_missing_overlay_is_an_error(overlays: Path) -> None:
    with pytest.raises(RolloutError, match="no overlay 'prod'; there are local, production"):
        release.path_of("prod")


@pytest.mark.parametrize("text", ["", "data: {}", "data:\n  storageUri: x", "{", "- a"])
def test_invalid_release_file_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "release.yaml"
    path.write_text(text)

    with pytest.raises(RolloutError, match=r"release\.yaml is not a release"):
        release.read(path)
    with pytest.raises(RolloutError, match="no line `  "):
        release.write(path, OTHER)
    assert path.read_text() == text
