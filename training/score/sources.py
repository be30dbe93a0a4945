"""List the photographs of an input: folder, pattern, zip, tar, table, here or in a bucket.

Listing is lazy and in a fixed order; no photograph is read.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec
from fsspec.core import has_magic

from handlers import photograph_files
from training.score import tables
from training.score.errors import ScoreError
from training.score.items import Item

EXPECTED: Final = (
    "a folder, a pattern in quotes, a .zip, a .tar, or a .csv or .parquet file with a column "
    "'path', perhaps 'id' and 'box'; s3:// and gs:// addresses likewise"
)
LeftOut = Callable[[str, str], None]
"""Callback for a file that is no photograph: its path and the reason."""


def items(source: str, left_out: LeftOut) -> Iterator[Item]:
    """Yield the photographs of an input.

    Args:
        source: path, pattern or address.
        left_out: told of every other file.

    Raises:
        ScoreError: there is no such input, or it is not of a known kind.
    """
    try:
        here = "://" not in source and Path(source).exists()
        if has_magic(source) and not here:
            yield from _pattern(source, left_out)
        elif here and Path(source).is_dir():
            yield from _folder(Path(source), left_out)
        else:
            yield from _one(source, left_out)
    except (ImportError, ValueError) as error:  # of fsspec: no driver for this address
        raise ScoreError(f"{source}: {error}") from error
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ScoreError(
            f"{source} cannot be read ({error or type(error).__name__}); expected {EXPECTED}"
        ) from error


def _one(source: str, left_out: LeftOut) -> Iterator[Item]:
    """Yield the photographs of a file, or of a folder of a bucket."""
    suffix = PurePosixPath(source).suffix.lower()
    files, path = fsspec.url_to_fs(source)
    if suffix in _ARCHIVES:
        yield from _ARCHIVES[suffix](source, "", left_out)
    elif suffix in tables.SUFFIXES:
        yield from tables.items(source)
    elif files.isdir(path):
        yield from _bucket(files, path, left_out)
    elif suffix in photograph_files.suffixes() and files.exists(path):
        yield Item(PurePosixPath(source).name, source)
    elif files.exists(path):
        packed = " (a compressed tar cannot be read in parallel: unpack it to .tar)"
        hint = packed if suffix in (".gz", ".tgz", ".xz", ".bz2", ".zst") else ""
        raise ScoreError(f"{source} is none of the inputs{hint}; expected {EXPECTED}")
    else:
        raise ScoreError(f"there is no {source}; expected {EXPECTED}")


def _folder(folder: Path, left_out: LeftOut) -> Iterator[Item]:
    for path, reason in photograph_files.walk(folder):
        name = path.relative_to(folder).as_posix()
        if not reason:
            yield Item(name, str(path))
        elif _is_expected(path):
            yield Item(name, str(path), error=reason)
        else:
            left_out(name, reason)


def _is_expected(path: Path) -> bool:
    """Whether a file that is left out, or a folder that cannot be read, is worth a row."""
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return not path.is_symlink()
    suffix = path.suffix.lower()
    return suffix in photograph_files.SUFFIXES or suffix in photograph_files.OPTIONAL


def _bucket(files: Any, root: str, left_out: LeftOut) -> Iterator[Item]:
    """Yield the objects below an address, sorted by name."""
    root = root.rstrip("/")
    for path in sorted(files.find(root)):
        name = path.removeprefix(f"{root}/")
        if _is_photograph(name, left_out):
            yield Item(name, files.unstrip_protocol(path))


def _pattern(source: str, left_out: LeftOut) -> Iterator[Item]:
    """Yield the photographs that match, and those of every archive file that matches."""
    files, path = fsspec.url_to_fs(source)
    found = sorted(name for name in files.glob(path) if not files.isdir(name))
    if not found:
        raise ScoreError(f"nothing matches {source}")
    remote = "://" in source
    root = _constant_part(path)
    for name in found:
        url = files.unstrip_protocol(name) if remote else name
        short = name.removeprefix(root)
        archive = _ARCHIVES.get(PurePosixPath(name).suffix.lower())
        if archive is not None:
            yield from archive(url, f"{short}/", left_out)
        elif _is_photograph(short, left_out):
            yield Item(short, url)


def _constant_part(pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard, with the last slash."""
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if has_magic(part))
    return "".join(f"{part}/" for part in parts[:first])


def _zip(url: str, prefix: str, left_out: LeftOut) -> Iterator[Item]:
    files, path = fsspec.url_to_fs(url)
    with files.open(path, "rb") as stream, zipfile.ZipFile(stream) as packed:
        for name in packed.namelist():
            if not name.endswith("/") and _is_photograph(name, left_out):
                yield Item(prefix + name, url, member=name)


def _tar(url: str, prefix: str, left_out: LeftOut) -> Iterator[Item]:
    """Yield the photographs of a tar file, as WebDataset writes them; the key is their id."""
    files, path = fsspec.url_to_fs(url)
    with files.open(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        for member in packed:
            vars(packed)["members"] = []  # it would keep every header
            if member.isfile() and _is_photograph(member.name, left_out):
                folder, _, name = member.name.rpartition("/")
                key = f"{folder}/{name.partition('.')[0]}".removeprefix("/")
                yield Item(
                    prefix + member.name, url, start=member.offset_data, size=member.size, id=key
                )


def _is_photograph(name: str, left_out: LeftOut) -> bool:
    """Whether the name of a file that lies in no folder of this machine is a photograph's."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    if hidden or path.suffix.lower() not in photograph_files.suffixes():
        left_out(name, "hidden" if hidden else f"not a photograph: {path.suffix or 'no'} suffix")
        return False
    return True


_ARCHIVES: Final = {".zip": _zip, ".tar": _tar}
