"""An entry of the cache is read back exactly as written, or rejected."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest

from training.cache import Arrays, Cache

NAME = "a3b8c1"
ARRAY = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)


@pytest.fixture
def records(tmp_path: Path) -> Cache:
    """A folder with one record."""
    folder = Cache(tmp_path / "kept", ARRAY.shape, np.float32)
    folder.write(NAME, ARRAY)
    return folder


def sealed(body: bytes) -> bytes:
    """With the checksum that a record ends with."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_entry_is_read_as_it_was_written(records: Cache) -> None:
    read = records.read(NAME)

    assert read is not None
    assert read[0].dtype == np.float32
    assert np.array_equal(read[0], ARRAY)
    assert records.read("a3b8c2") is None, "no other name has it"


def test_a_record_is_kept_in_the_type_of_its_folder(tmp_path: Path) -> None:
    halves = Cache(tmp_path, ARRAY.shape, np.float16)
    halves.write(NAME, ARRAY)
    read = halves.read(NAME)

    assert read is not None
    assert read[0].dtype == np.float16
    np.testing.assert_allclose(read[0], ARRAY, rtol=1e-3)


def test_a_record_is_replaced_and_discarded(records: Cache) -> None:
    records.write(NAME, ARRAY + 1)
    read = records.read(NAME)
    assert read is not None
    assert np.array_equal(read[0], ARRAY + 1)

    for _ in range(2):
        records.discard(NAME)
        assert records.read(NAME) is None
    assert [path for path in records.folder.rglob("*") if path.is_file()] == []


def test_any_changed_byte_is_seen(records: Cache) -> None:
    path = records.place(NAME)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= change
            path.write_bytes(bytes(damaged))
            assert records.read(NAME) is None, (place, change)


def test_any_missing_or_added_end_is_seen(records: Cache) -> None:
    path = records.place(NAME)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert records.read(NAME) is None, length
    path.write_bytes(whole + b"\0")
    assert records.read(NAME) is None


@pytest.mark.parametrize("length", [0, 1, 4, 5, 4096])
def test_zeros_are_no_record(records: Cache, length: int) -> None:
    # What some file systems leave of a file after a power cut; four are the checksum of nothing.
    records.place(NAME).write_bytes(bytes(length))

    assert records.read(NAME) is None


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(ARRAY[:-1], id="fewer rows"),
        pytest.param(ARRAY.ravel(), id="another shape of as many"),
        pytest.param(ARRAY.T.copy(), id="transposed"),
        pytest.param(ARRAY.astype(np.float64), id="double precision"),
        pytest.param(ARRAY.astype(">f4"), id="the other byte order"),
        pytest.param(np.where(np.eye(3, 7), np.nan, ARRAY), id="not a number"),
        pytest.param(np.where(np.eye(3, 7), np.inf, ARRAY), id="infinite"),
        pytest.param(np.full(ARRAY.shape, None), id="pickled"),
    ],
)
def test_another_array_is_no_record_though_its_checksum_is_right(
    records: Cache, array: np.ndarray
) -> None:
    records.place(NAME).write_bytes(sealed(saved(array)))

    assert records.read(NAME) is None


@pytest.mark.parametrize("body", [b"PK\x03\x04 and no archive", b"\x93NUMPY", b"these are notes\n"])
def test_another_file_is_no_record_though_its_checksum_is_right(
    records: Cache, body: bytes
) -> None:
    records.place(NAME).write_bytes(sealed(body))

    assert records.read(NAME) is None


def test_temporary_file_of_a_killed_writer_is_not_read(tmp_path: Path) -> None:
    records = Cache(tmp_path, ARRAY.shape, np.float32)
    path = records.place(NAME)
    path.parent.mkdir(parents=True)
    (path.parent / f".{path.name}.x8_2k").write_bytes(sealed(saved(ARRAY))[:-9])

    assert records.read(NAME) is None
    records.write(NAME, ARRAY)
    assert records.read(NAME) is not None


def test_a_record_that_cannot_be_written_leaves_the_former(records: Cache) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        records.write(NAME, np.full(ARRAY.shape, "a word"))

    read = records.read(NAME)
    assert read is not None
    assert np.array_equal(read[0], ARRAY)


def test_a_folder_holds_few_records(tmp_path: Path) -> None:
    records = Cache(tmp_path, ARRAY.shape, np.float32)
    parents = {records.place(f"{number:02x}rest").parent for number in range(256)}

    assert len(parents) == 256


def refuse() -> Arrays:
    raise AssertionError("it was there already")


def test_a_result_is_read_again_as_it_was(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "kept")
    first = kept.get("curves/a-b", lambda: (np.arange(3.0), np.asarray(2)))
    again = kept.get("curves/a-b", refuse)

    assert np.array_equal(first[0], again[0])
    assert int(again[1]) == 2


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_damaged_result_is_computed_anew(tmp_path: Path, damage: bytes | None) -> None:
    kept = Cache(tmp_path / "kept")
    kept.get("one", lambda: (np.arange(100.0),))
    path = kept.place("one")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data) if damage is None else damage)

    assert np.array_equal(kept.get("one", lambda: (np.ones(2),))[0], np.ones(2))
    assert np.array_equal(kept.get("one", refuse)[0], np.ones(2))


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "kept")

    def interrupt() -> Arrays:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.get("one", interrupt)
    assert not list(kept.folder.rglob("*"))
