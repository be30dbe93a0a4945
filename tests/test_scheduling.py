"""Test that scheduling groups name existing tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import scheduling

TESTS = Path(__file__).parent


def exists(name: str) -> bool:
    """Whether a group's name is the beginning of a test's file, folder or function."""
    path, _, function = name.partition("::")
    found = sorted(TESTS.glob(f"{path}*"))
    return any(not function or f"\ndef {function}" in one.read_text("utf-8") for one in found)


@pytest.mark.parametrize("name", sorted({*scheduling.ALONE, *scheduling.LONGEST}))
def test_every_group_has_tests(name: str) -> None:
    assert exists(name)


def test_detects_group_without_tests() -> None:
    assert not exists("docs/test_gone.py")
    assert not exists("docs/test_blocks.py::test_gone")
