"""Photographs are listed lazily, in a fixed order, from every kind of input."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from handlers.structure.box import WHOLE, Box
from training.score import sources
from training.score.errors import ScoreError, UnreadableError
from training.score.items import Item, Reader

NAMES = ("a.jpg", "b/c.png", "b/d.JPG")
OTHERS = (".hidden.jpg", "b/notes.txt")


@pytest.fixture
def photographs(picture: Callable[[int], bytes]) -> dict[str, bytes]:
    """Content by name; nothing is decoded here."""
    return {name: picture(place) for place, name in enumerate((*NAMES, *OTHERS))}


@pytest.fixture
def folder(tmp_path: Path, photographs: dict[str, bytes]) -> Path:
    for name, data in photographs.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "in"


@pytest.fixture
def packed(tmp_path: Path, photographs: dict[str, bytes]) -> dict[str, Path]:
    """The same files as a zip and a tar."""
    found = {kind: tmp_path / f"packed.{kind}" for kind in ("zip", "tar")}
    with zipfile.ZipFile(found["zip"], "w") as zipped, tarfile.open(found["tar"], "w") as tarred:
        for name, data in photographs.items():
            zipped.writestr(name, data)
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tarred.addfile(header, io.BytesIO(data))
    return found


@pytest.fixture
def bucket(photographs: dict[str, bytes]) -> Iterator[str]:
    """The same files in fsspec's object store in memory."""
    files = fsspec.filesystem("memory")
    for name, data in photographs.items():
        files.pipe_file(f"/bucket/in/{name}", data)
    yield "memory://bucket/in"
    files.rm("/bucket", recursive=True)


def listed(source: Path | str) -> tuple[list[Item], dict[str, str]]:
    left_out: dict[str, str] = {}
    return list(sources.items(str(source), left_out.__setitem__)), left_out


def contents(items: list[Item]) -> dict[str, bytes]:
    reader = Reader(1_000_000)
    try:
        return {item.path: reader.read(item) for item in items}
    finally:
        reader.close()


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "bucket", "zip in a bucket", "glob"])
def test_every_kind_of_input_gives_the_same_photographs(
    kind: str,
    folder: Path,
    packed: dict[str, Path],
    bucket: str,
    photographs: dict[str, bytes],
) -> None:
    fsspec.filesystem("memory").pipe_file("/bucket/in.zip", packed["zip"].read_bytes())
    source = {
        "folder": folder,
        "bucket": bucket,
        "zip in a bucket": "memory://bucket/in.zip",
        "glob": f"{folder}/**/*",
        **packed,
    }[kind]

    items, left_out = listed(source)

    assert [item.path for item in items] == list(NAMES)
    assert contents(items) == {name: photographs[name] for name in NAMES}
    assert left_out["b/notes.txt"] == "not a photograph: .txt suffix"
    if kind == "tar":
        assert [item.id for item in items] == ["a", "b/c", "b/d"]


def test_a_folder_with_brackets_in_its_name_is_no_pattern(folder: Path) -> None:
    other = folder.rename(folder.with_name("ward [3]"))

    assert [item.path for item in listed(other)[0]] == list(NAMES)


def test_a_pattern_of_archive_files_names_each_of_them(packed: dict[str, Path]) -> None:
    items, _ = listed(packed["zip"].parent / "packed.*")

    assert [item.path for item in items] == [
        *(f"packed.tar/{name}" for name in NAMES),
        *(f"packed.zip/{name}" for name in NAMES),
    ]
    assert len(contents(items)) == 6


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_lists_paths_with_ids_and_boxes(suffix: str, folder: Path) -> None:
    other = str(folder / "b/c.png")
    columns = {"id": ["007", None], "path": ["a.jpg", other], "box": [[0.25, 0.5, 0.25, 0.5], None]}
    path = folder / f"table{suffix}"
    if suffix == ".csv":
        path.write_text(f'id,path,box\n007,a.jpg,"0.25,0.5,0.25,0.5"\n,"{other}",\n')
    else:
        parquet.write_table(pa.table(columns), path)

    items, _ = listed(path)

    assert [(item.path, item.id, item.box) for item in items] == [
        ("a.jpg", "007", Box(0.25, 0.5, 0.25, 0.5)),
        (other, "", WHOLE),
    ]
    assert len(contents(items)) == 2


def test_a_box_outside_of_its_photograph_is_an_error_of_that_row(folder: Path) -> None:
    path = folder / "table.csv"
    path.write_text('path,box\na.jpg,"0.5,0.5,0.6,0.5"\nb/c.png,left\nb/d.JPG,\n')

    first, second, third = listed(path)[0]

    assert "reaches beyond the photograph" in first.error
    assert "not four numbers" in second.error
    assert not third.error


def test_unreadable_photograph_is_named(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "nowhere")

    items, left_out = listed(folder)

    assert {item.path: item.error for item in items if item.error} == {
        "link.jpg": "a link to a file that is not there"
    }
    assert set(left_out) == set(OTHERS)
    with pytest.raises(UnreadableError, match="a link to a file"):
        contents(items)


def test_a_file_larger_than_the_service_takes_is_not_read_whole(folder: Path) -> None:
    (item, *_), _ = listed(folder)

    with pytest.raises(UnreadableError, match="LESIONLENS_MAX_BODY_BYTES"):
        Reader(100).read(item)


def test_a_damaged_member_of_a_zip_is_named(packed: dict[str, Path]) -> None:
    data = bytearray(packed["zip"].read_bytes())
    data[60] ^= 0xFF
    packed["zip"].write_bytes(bytes(data))
    items, _ = listed(packed["zip"])

    with pytest.raises(UnreadableError, match="from the zip file: Bad CRC-32"):
        contents(items)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("missing", None, "there is no "),
        ("missing*.jpg", None, "nothing matches "),
        ("in.zip", "no zip", "in.zip cannot be read (File is not a zip file); expected a folder"),
        ("in.tar", "no tar" * 200, "in.tar cannot be read (invalid header); expected a folder"),
        ("in.tar.gz", "", "a compressed tar cannot be read in parallel: unpack it to .tar"),
        ("in.csv", "file,id\na,b\n", "has no column 'path'; it has: file, id"),
        ("in.csv", "path,id\na\n", "is not a table that can be read: CSV parse error"),
        ("in.parquet", "no table", "is not a table that can be read"),
        ("nothing://in/", None, "Protocol not known: nothing"),
    ],
)
def test_an_input_that_is_none_is_rejected_with_a_fix(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    source = name if "://" in name else str(tmp_path / name)
    if text is not None:
        Path(source).write_text(text)

    with pytest.raises(ScoreError) as caught:
        listed(source)

    assert says in str(caught.value)
