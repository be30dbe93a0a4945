"""Test that the page about Kubernetes matches the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving.pod.errors import ExitCode
from serving.pod.settings import PodSettings


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/how-to/kubernetes.md").read_text(encoding="utf-8")


def test_every_exit_status_is_explained(page: str) -> None:
    rows = page.partition("<!-- serving/pod/errors.py -->")[2].partition("<!-- end -->")[0]

    assert [int(status) for status in re.findall(r"^\| (\d+) \|", rows, re.MULTILINE)] == [
        int(code) for code in ExitCode
    ]


def test_every_component_is_listed(page: str, root: Path) -> None:
    table = page.partition("| component | gives |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)

    assert sorted(told) == sorted(path.name for path in (root / "k8s/components").iterdir())


def test_seconds_equal_those_of_the_settings(page: str) -> None:
    for name in ("drain_seconds", "finish_seconds"):
        assert f"`LESIONLENS_{name.upper()}` ({getattr(PodSettings(), name):g})" in page


def test_folders_named_on_the_page_exist(page: str, root: Path) -> None:
    named = set(re.findall(r"\bk8s/[a-z0-9_./-]+", page))

    assert len(named) > 10
    assert [name for name in named if not (root / name.rstrip("./")).exists()] == []
