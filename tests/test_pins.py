"""Test that everything fetched is pinned by hash, digest or commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS: dict[str, str] = {}
"""Base images without a digest, each with the reason."""
NOT_LOCKED = dict.fromkeys(
    ("k8s/images/serving/left_out.txt", "k8s/images/serving/cuda_left_out.txt"),
    "names what is left out, and is not installed",
)
LOCKED_BY_PIP = re.compile(r"pip install\b[^\n&|]*")
PINNED = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==[^ ;\\]+( ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def tracked(*patterns: str) -> list[str]:
    """Files of the repository, and new ones that git does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


LOCKS = [
    *(name for name in tracked("requirements*.txt", "k8s/images/*.txt") if name not in NOT_LOCKED),
    ".github/audit.txt",
]
DOCKERFILES = tracked("*Dockerfile", "*Containerfile")
WORKFLOWS = tracked(".github/*.yml", ".github/*.yaml")


def unpinned(text: str) -> list[str]:
    """Requirements of a list without a version or a hash."""
    joined = re.sub(r" *\\\n *", " ", text)
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    return [
        line
        for line in lines
        if not PINNED.match(line) or not HASH.search(line) or HASH.sub("", line).count("--")
    ]


def bases(text: str) -> list[str]:
    """Images that a Dockerfile starts from, arguments by their defaults."""
    defaults = dict(re.findall(r"(?m)^ARG (\w+)=\"?([^\"\s]+)", text))
    stages = set(re.findall(r"(?im)^FROM .* AS (\w+)", text))
    names = re.findall(r"(?im)^FROM (?:--\S+ )?(\S+)", text)
    names += re.findall(r"(?im)^COPY .*--from=(\S+)", text)
    resolved = [re.sub(r"\$\{?(\w+)\}?", lambda m: defaults.get(m[1], ""), one) for one in names]
    return [name for name in resolved if name not in stages]


def actions(text: str) -> list[str]:
    """Actions of a workflow with the comment of their line."""
    return re.findall(r"(?m)^\s*(?:- )?uses:\s*(.+)$", text)


def test_requirement_lists_exist() -> None:
    assert {"requirements.txt", "k8s/images/serving/requirements.txt"} <= set(LOCKS)
    assert len(LOCKS) == 10
    assert len(DOCKERFILES) == 4
    assert WORKFLOWS


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    text = text_of(name)

    assert unpinned(text) == []
    assert "://" not in text, "an address of an index"
    assert (ROOT / name).stat().st_size < 1_000_000


@pytest.mark.parametrize("name", DOCKERFILES)
def test_every_base_image_has_a_digest(name: str) -> None:
    found = bases(text_of(name))

    assert found
    for base in found:
        assert base in EXCEPTIONS or re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", base), base


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_to_a_commit_with_its_version(name: str) -> None:
    for action in actions(text_of(name)):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", action), action


@pytest.mark.parametrize("name", [*DOCKERFILES, "Makefile", *WORKFLOWS])
def test_pip_verifies_what_it_installs(name: str) -> None:
    # `uv` of `make lock` and torch of the serving image: docs/how-to/kubernetes.md says so.
    joined = re.sub(r"\\\n\s*", " ", text_of(name))
    for command in LOCKED_BY_PIP.findall(joined):
        assert (
            "--require-hashes" in command
            or re.search(r"install --quiet uv==[0-9.]+$", command)
            or "--requirement /tmp/torch.txt" in command
        ), command


def test_default_torch_has_hashes_and_the_version_of_the_checkout() -> None:
    text = text_of("k8s/images/serving/Dockerfile")
    (argument,) = re.findall(r'(?s)^ARG TORCH="(.*?)"$', text, re.MULTILINE)
    (version,) = re.findall(r"(?m)^torch==(\S+)", text_of("requirements.txt"))

    assert argument.startswith(f"torch=={version}+cpu ")
    assert len(HASH.findall(argument)) == 2


def test_dependabot_covers_every_folder_with_pins() -> None:
    updates = yaml.safe_load(text_of(".github/dependabot.yml"))["updates"]
    folders = {
        one["package-ecosystem"]: set(one.get("directories", [one.get("directory")]))
        for one in updates
    }

    def parents(names: list[str]) -> set[str]:
        return {f"/{Path(name).parent}".removesuffix(".") for name in names}

    assert folders["docker"] == parents(DOCKERFILES)
    assert folders["pip"] == parents(LOCKS)
    assert folders["github-actions"] == {"/"}


def test_check_detects_unpinned_entries() -> None:
    good = f"a==1 ; python_version < '3' \\\n    --hash=sha256:{'0' * 64}\n    # via b\n"
    assert unpinned(good) == []
    assert unpinned("a==1\n    # via b\n") == ["a==1"]
    assert unpinned(good.replace("==", ">=")) != []
    assert unpinned(good.replace("sha256", "md5")) != []
    assert unpinned(f"--index-url x\n{good}") == ["--index-url x"]
    assert bases("ARG B=x:1\nFROM ${B} AS one\nFROM one\nCOPY --from=y:2 a b") == ["x:1", "y:2"]
    assert actions("steps:\n  - uses: a/b@v1\n  - name: x\n    uses: c/d@v2 # v2\n") == [
        "a/b@v1",
        "c/d@v2 # v2",
    ]
