"""Publish releases to a folder, a bucket or a registry; complete ones are not written again."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import fsspec

from k8s.images import build
from k8s.images.settings import ImageSettings
from k8s.rollout import bundle
from k8s.rollout.errors import RolloutError
from k8s.rollout.release import Release
from k8s.rollout.settings import RolloutSettings
from serving.release import ARCHIVE, FILES, combined_digest

LAST: Final = ARCHIVE
"""File that is written last: a release that has it is complete."""
HERE: Final = "localhost/"
"""Prefix of images that are not pushed: `kind load` takes them from this machine."""
MODEL_CAR: Final = Path(__file__).with_name("model_car") / "Dockerfile"
"""Dockerfile of a release as an image; a file, so that dependency updates find its base image."""


def publish(settings: RolloutSettings) -> tuple[Release, bool]:
    """Publish a release to where the cluster finds it; returns whether it is new there.

    Raises:
        RolloutError: nothing to publish, or the place cannot be written to.
    """
    place = settings.releases.rstrip("/")
    with tempfile.TemporaryDirectory(prefix="lesionlens-release-") as scratch:
        folder = Path(scratch) / "release"
        digest = bundle.make(settings, folder)
        name = bundle.name_of(digest)
        if place.startswith("oci://"):
            return Release(f"{place}:{name}", digest), _to_registry(folder, f"{place}:{name}")
        if "://" in place:
            return Release(f"{place}/{name}", digest), _to_bucket(folder, f"{place}/{name}", digest)
        uri = f"{settings.releases_uri.rstrip('/')}/{name}"
        return Release(uri, digest), _to_folder(folder, Path(place) / name, digest)


def _to_folder(folder: Path, target: Path, digest: str) -> bool:
    names = _names(folder)
    try:
        files, root = fsspec.url_to_fs(str(target))
        if _is_whole(files, root, names, digest):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(folder, temporary)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except OSError as error:
        raise RolloutError(f"cannot write to {target}: {error.strerror}") from None
    return True


def _to_bucket(folder: Path, target: str, digest: str) -> bool:
    """Upload to any object store with an fsspec driver; objects appear atomically."""
    names = _names(folder)
    try:
        files, root = fsspec.url_to_fs(target)
        if _is_whole(files, root, names, digest):
            return False
        for name in sorted(names, key=lambda name: name == LAST):
            files.put_file(str(folder / name), f"{root}/{name}")
    except (ImportError, ValueError) as error:  # no driver for this address
        raise RolloutError(f"{target}: {error}") from None
    except OSError as error:
        raise RolloutError(f"cannot write to {target}: {error}") from None
    return True


def _to_registry(folder: Path, address: str) -> bool:
    """Build an image of the files, pushed unless it is for this machine only."""
    tag = address.removeprefix("oci://")
    settings = ImageSettings()
    dockerfile = folder.with_name("Dockerfile")
    shutil.copyfile(MODEL_CAR, dockerfile)
    try:
        build.run_build(dockerfile, folder, tag, {"BASE": build.base_of(settings)}, settings)
        program = settings.program(build.builder_of(settings))
    except build.ImageError as error:
        raise RolloutError(str(error)) from None
    if not tag.startswith(HERE):
        done = subprocess.run([*program, "push", *settings.push_options.split(), tag], check=False)
        if done.returncode != 0:
            raise RolloutError(f"{program[0]} could not push {tag}; see above")
    return True


def _is_whole(files: Any, root: str, names: list[str], digest: str) -> bool:
    """Whether every file of a release exists there with the right content."""
    if not all(files.exists(f"{root}/{name}") for name in names):
        return False
    digests = {}
    for name in FILES:
        with files.open(f"{root}/{name}", "rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return combined_digest(digests) == digest


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)
