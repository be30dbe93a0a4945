"""Test that the base image needs only mmdebstrap and the chosen builder."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8s.images.build import BASE, ImageError, base_of
from k8s.images.settings import ImageSettings

PROGRAM = """\
#!/bin/sh
echo "${0##*/} $*" >>"%(log)s"
case "$*" in *inspect*) exit %(there)d ;; esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Log of the calls of stub programs, which are the only ones on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "calls"


def put(calls: Path, *names: str, there: bool = False) -> None:
    """Put stub programs on the PATH that log their calls."""
    for name in names:
        program = calls.parent / name
        program.write_text(PROGRAM % {"log": calls, "there": 0 if there else 1})
        program.chmod(0o755)


def settings(builder: str, storage: Path | None = None) -> ImageSettings:
    return ImageSettings(builder=builder, base="debian", storage=storage)  # type: ignore[arg-type]


def test_buildah_needs_no_podman(calls: Path, tmp_path: Path) -> None:
    put(calls, "mmdebstrap", "buildah")

    assert base_of(settings("buildah", tmp_path / "images")) == BASE

    made, *lines = [line for line in calls.read_text().splitlines() if "inspect" not in line]
    archive = made.split()[-1]
    store = f"buildah --root {tmp_path}/images/storage --runroot {tmp_path}/images/run"
    assert made.startswith("mmdebstrap ")
    assert lines == [
        f"{store} from --name lesionlens-base scratch",
        f"{store} add --quiet lesionlens-base {archive} /",
        f"{store} commit --quiet --format docker lesionlens-base {BASE}",
        f"{store} rm lesionlens-base",
    ]


@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_other_builders_import_the_base_image(calls: Path, builder: str) -> None:
    put(calls, "mmdebstrap", builder)

    base_of(settings(builder))

    last = calls.read_text().splitlines()[-1].split()
    assert last[:2] == [builder, "import"]
    assert last[-1] == BASE


@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_base_image_is_built_once(calls: Path, builder: str) -> None:
    put(calls, "mmdebstrap", builder, there=True)

    base_of(settings(builder))

    assert len(calls.read_text().splitlines()) == 1


def test_names_what_is_missing(calls: Path) -> None:
    put(calls, "buildah")
    with pytest.raises(ImageError, match="mmdebstrap missing: apt-get install mmdebstrap"):
        base_of(settings("buildah"))
