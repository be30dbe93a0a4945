"""Test that a release is verified on the private copy that is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from serving import release
from tests.serving.pod.releases import add_property, write_release


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_release(tmp_path / "mounted")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "scratch/release"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in release.FILES}


def test_digest_can_be_computed_with_sha256sum(source: Path) -> None:
    command = f"sha256sum {' '.join(release.FILES)} | sha256sum"
    printed = subprocess.run(
        command, shell=True, cwd=source, capture_output=True, text=True, check=True
    ).stdout

    assert list(release.FILES) == sorted(release.FILES)
    assert release.digest_of(source) == f"sha256:{printed.split()[0]}"


@pytest.mark.parametrize("name", release.FILES)
def test_digest_covers_every_file(source: Path, target: Path, name: str) -> None:
    digest = release.digest_of(source)
    with (source / name).open("ab") as file:
        file.write(b"\n")

    assert release.digest_of(source) != digest
    with pytest.raises(release.DigestMismatchError) as caught:
        release.copy_verified(source, target, digest)
    assert (caught.value.actual, caught.value.expected) == (release.digest_of(source), digest)
    assert not target.exists()


def test_digest_covers_file_names(source: Path) -> None:
    digests = dict.fromkeys(release.FILES, "0" * 64)

    swapped = digests | {release.FILES[0]: "1" * 64}, digests | {release.FILES[1]: "1" * 64}

    assert len({release.combined_digest(one) for one in (digests, *swapped)}) == 3
    with pytest.raises(ValueError, match="a release has"):
        release.combined_digest({"model-store/melanoma.mar": "0" * 64})


def test_copy_is_private_and_complete(source: Path, target: Path) -> None:
    (source / "elsewhere.jar").write_text("not of the release")
    digest = release.digest_of(source)

    assert release.copy_verified(source, target, digest) == digest

    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    assert files == list(release.FILES)
    assert {path.stat().st_mode & 0o077 for path in (target, *target.rglob("*"))} == {0}
    assert target.stat().st_mode & 0o777 == 0o700
    assert contents(target) == contents(source)


def test_copies_any_release_without_a_digest(source: Path, target: Path) -> None:
    assert release.copy_verified(source, target, None) == release.digest_of(source)


def test_signature_is_copied_and_not_part_of_the_digest(source: Path, target: Path) -> None:
    digest = release.digest_of(source)
    (source / release.SIGNATURE).write_text("{}")

    assert release.copy_verified(source, target, digest) == digest
    assert (target / release.SIGNATURE).read_text() == "{}"


def test_source_swapped_after_copying_has_no_effect(source: Path, target: Path) -> None:
    before = contents(source)
    release.copy_verified(source, target, release.digest_of(source))

    write_release(source, "swapped")
    add_property(source, "vmargs=-XX:OnOutOfMemoryError=/bin/true")

    assert contents(target) == before != contents(source)


Transfer = Callable[[BinaryIO, BinaryIO, int | None], None]


def swapping(source: Path, moment: str, transfer: Transfer) -> Transfer:
    """Swap the archive when its copy begins or has ended, in place or by renaming."""

    def swap(original: BinaryIO, copy: BinaryIO, limit: int | None) -> None:
        if limit is None and moment == "begins":
            write_release(source, "swapped")
        transfer(original, copy, limit)
        if limit is None and moment == "has ended":
            write_release(source, "swapped")

    return swap


def test_rejects_source_swapped_before_reading(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = release.digest_of(source)
    monkeypatch.setattr(release, "_transfer", swapping(source, "begins", release._transfer))

    with pytest.raises(release.DigestMismatchError):
        release.copy_verified(source, target, digest)
    assert not target.exists()


def test_source_swapped_after_reading_has_no_effect(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, before = release.digest_of(source), contents(source)
    monkeypatch.setattr(release, "_transfer", swapping(source, "has ended", release._transfer))

    # Hashed is the copy: the source, now another, would not have this digest.
    assert release.copy_verified(source, target, digest) == digest
    assert contents(target) == before != contents(source)


def test_rejects_source_that_differs_between_reads(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Volume that returns the released bytes for hashing and other bytes for copying."""
    digest = release.digest_of(source)

    def transfer(original: BinaryIO, copy: BinaryIO, limit: int | None) -> None:
        copy.write(original.read() + b"#")

    monkeypatch.setattr(release, "_transfer", transfer)

    with pytest.raises(release.DigestMismatchError):
        release.copy_verified(source, target, digest)


def test_removes_copy_of_an_earlier_start(source: Path, target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    target.mkdir(parents=True, mode=0o777)
    (target / "plugin.jar").write_text("planted")

    release.copy_verified(source, target, None)
    assert not (target / "plugin.jar").exists()

    release.copy_verified(source, target, None)  # its own files may be read only
    release_folder = target.rename(tmp_path / "moved")
    target.symlink_to(elsewhere)
    release.copy_verified(source, target, None)
    assert not target.is_symlink()
    assert (elsewhere / "kept").read_text() == "kept"
    assert contents(release_folder) == contents(target)


def test_names_what_cannot_be_copied(source: Path, target: Path) -> None:
    config = source / "config/metrics.yaml"
    config.write_bytes(b"#" * (release.MAX_SMALL_BYTES + 1))
    with pytest.raises(release.UnreadableReleaseError, match="more than 1000000 bytes"):
        release.copy_verified(source, target, None)

    config.unlink()
    with pytest.raises(release.UnreadableReleaseError, match=r"metrics\.yaml cannot be copied"):
        release.copy_verified(source, target, None)
    with pytest.raises(release.UnreadableReleaseError, match=r"metrics\.yaml cannot be read"):
        release.digest_of(source)

    os.mkfifo(config)
    with pytest.raises(release.UnreadableReleaseError, match=r"metrics\.yaml is not a file"):
        release.copy_verified(source, target, None)


def test_names_unwritable_scratch_folder(source: Path) -> None:
    with pytest.raises(release.UnreadableReleaseError, match="/proc/nowhere/x cannot be made"):
        release.copy_verified(source, Path("/proc/nowhere/x"), None)
