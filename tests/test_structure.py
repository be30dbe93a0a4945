"""Test imports, file lengths and settings."""

from __future__ import annotations

import ast
import graphlib
import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_architecture import SOURCES, modules

OURS = {path: source for path, source in SOURCES.items() if path.parts[0] != "tests"}
MEDIAN = range(60, 141)
"""Lines of the median file."""
IN_THE_ARCHIVE_TOO = {
    *("LESIONLENS_GROUPS", "LESIONLENS_MAX_BODY_BYTES", "LESIONLENS_RECEIPT_KEY"),
}
"""Variables that the archive reads by itself: it must run without the front."""


def dotted(path: Path) -> str:
    """Name under which a file is imported."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def import_graph() -> dict[str, set[str]]:
    """Modules of this repository that each module imports."""
    known = {dotted(path) for path in OURS}
    graph: dict[str, set[str]] = {}
    for path, source in OURS.items():
        found = set()
        for name in modules(source):
            while name and name not in known:
                name = name.rpartition(".")[0]
            found.add(name)
        graph[dotted(path)] = found - {"", dotted(path)}
    return graph


PACKAGES = sorted({dotted(path).rpartition(".")[0] for path in OURS})
"""The top level, which is an empty name, and every package."""


def within(package: str) -> dict[str, set[str]]:
    """Imports among the direct children of a package, whatever is below a child counted to it."""
    prefix = f"{package}." if package else ""
    graph: dict[str, set[str]] = defaultdict(set)
    for module, imports in import_graph().items():
        if not module.startswith(prefix):
            continue
        child = module.removeprefix(prefix).partition(".")[0]
        children = {
            name.removeprefix(prefix).partition(".")[0]
            for name in imports
            if name.startswith(prefix)
        }
        graph[child] |= children - {child}
    return graph


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle of the graph; empty without one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_check_detects_a_cycle() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not cycle({"a": {"b", "c"}, "b": {"c"}})
    assert "handlers.classifier" in import_graph()["handlers.service"]
    assert {"handlers", "serving", "training", "web"} <= set(within(""))
    assert "handlers" in within("")["serving"]


def test_imports_have_no_cycle() -> None:
    assert not cycle(import_graph())


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_do_not_import_each_other_both_ways(package: str) -> None:
    assert not cycle(within(package))


def test_median_file_length_is_within_limits() -> None:
    lengths = [len(source.splitlines()) for source in OURS.values()]

    assert int(statistics.median(lengths)) in MEDIAN


def settings_classes() -> Iterator[tuple[str, set[str], set[str]]]:
    """Name, base classes and declared variables of each settings class."""
    for source in OURS.values():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ClassDef) or not node.name.endswith("Settings"):
                continue
            prefix = next(
                (
                    str(ast.literal_eval(keyword.value))
                    for keyword in ast.walk(node)
                    if isinstance(keyword, ast.keyword) and keyword.arg == "env_prefix"
                ),
                "LESIONLENS_",
            )
            declared = {
                f"{prefix}{field.target.id.upper()}"
                for field in node.body
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            }
            yield node.name, {ast.unparse(base) for base in node.bases}, declared


def test_each_setting_is_declared_in_one_class() -> None:
    """Check that each setting has one class; a subclass may change an inherited default."""
    classes = {name: (bases, declared) for name, bases, declared in settings_classes()}

    def inherited(name: str) -> set[str]:
        bases, declared = classes.get(name, (set(), set()))
        return declared.union(*map(inherited, bases))

    declaring: dict[str, list[str]] = defaultdict(list)
    for name, (bases, declared) in classes.items():
        for variable in declared - set().union(*map(inherited, bases)):
            declaring[variable].append(name)
    twice = {variable: names for variable, names in declaring.items() if len(names) > 1}

    assert len(classes) > 10
    assert twice.keys() == IN_THE_ARCHIVE_TOO, twice
