"""Files are written atomically."""

import json
import stat
from pathlib import Path

import pytest

from training.files import atomic_write, write_json


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "model.pt"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"weights")
        assert not path.exists()
        assert temporary.parent == path.parent  # renamed within one file system

    assert path.read_bytes() == b"weights"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_the_former_file_and_no_rubbish(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "card.json"
    path.write_text("former")

    def interrupted() -> None:
        with atomic_write(path) as temporary:
            temporary.write_text("hal")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_can_be_read_by_others(tmp_path: Path) -> None:
    # A temporary file is private; a server under another account reads the archive.
    with atomic_write(tmp_path / "file") as temporary:
        temporary.write_text("x")

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_json_keeps_the_order_of_its_keys_and_ends_with_a_newline(tmp_path: Path) -> None:
    document = {"z": 1, "a": [0.1, None, True], "naevus": "naïve"}
    write_json(tmp_path / "card.json", document)

    text = (tmp_path / "card.json").read_text(encoding="utf-8")
    assert json.loads(text) == document
    assert list(json.loads(text)) == list(document)
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_value_without_a_json_form_is_refused_and_no_file_is_written(
    tmp_path: Path, value: object
) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "summary.json", {"auroc": value})
    assert list(tmp_path.iterdir()) == []
