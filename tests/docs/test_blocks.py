"""Run every block of the README, the tutorial and some how-to guides, in a clean directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from handlers.variants import PORTABLE
from serving.settings import free_ports
from tests.conftest import program
from tests.docs.blocks import Reader, blocks
from tests.e2e.environment import without_settings
from tests.k8s.rollout import api_double
from tests.k8s.rollout.simulated import Cluster, forwarding_kubectl

SMALL = {
    "LESIONLENS_SYNTHETIC_TRAIN": "6",
    "LESIONLENS_SYNTHETIC_TEST": "2",
    "LESIONLENS_VIEWS": "1",
    "LESIONLENS_BACKENDS": "fp32",
    "LESIONLENS_VARIANTS": PORTABLE.name,
    "LESIONLENS_REPORT_SEEDS": "1",
    "LESIONLENS_REPORT_RECIPES": "head",
    "LESIONLENS_TRACKING": "",
    "LESIONLENS_WORKERS": "1",
    "LESIONLENS_EXPLAIN_SECONDS": "60",
    "PROCESSES": "1",
}
"""Fewer drawings, and fewer of everything that is measured on them; one worker; no record by
MLflow, which has separate tests and takes as long as so small a training; more time, as other
tests run; one process of `make test`, for one file."""

DRAWN = "build/cache/synthetic-6-2-0"
"""Folder of the synthetic lesions that are drawn where no photographs can be had."""


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """Clean directory with the files of git and the installed packages.

    Installing them is what `.ci/run` begins with.
    """
    folder = tmp_path / "lesionlens"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


@pytest.fixture
def reader(checkout: Path, tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """Create readers in the clean directory, and stop what they started."""
    ports = free_ports() | {"page_port": free_ports()["inference_port"]}
    ports["prometheus_port"] = free_ports()["metrics_port"]
    host = "http://127.0.0.1"
    inference, page = (f"{host}:{ports[name]}" for name in ("inference_port", "page_port"))
    # Not below tmp_path, which is too deep for the sockets of a server.
    temporary = tempfile.mkdtemp(prefix="ll-")
    variables = {
        **without_settings(os.environ),
        **SMALL,
        **{f"LESIONLENS_{name.upper()}": str(port) for name, port in ports.items()},
        # Nobody listens there: every download fails at once, as on a machine without a network.
        **dict.fromkeys(("https_proxy", "http_proxy"), f"{host}:9"),
        "no_proxy": "127.0.0.1",
        "HOME": str(tmp_path),
        "COLUMNS": "200",  # a table's cells stay on one line
        "TMPDIR": temporary,
        "LESIONLENS_PREDICTOR_URL": inference,
        "PYTEST_ADDOPTS": "tests/web/test_settings.py",
    }
    made: list[Reader] = []

    def make(replaced: dict[str, str] | None = None, **more: str) -> Reader:
        own = Reader(
            checkout,
            variables | more,
            {
                f"{host}:8080": inference,
                f"{host}:8000": page,
                "127.0.0.1:7070": f"127.0.0.1:{ports['grpc_inference_port']}",
                **(replaced or {}),
            },
            {
                "make serve": ("\nready\n", f"{inference}/ping"),
                "make page": ("page  ", page),
                "make monitor": ("Ctrl-C", f"{host}:{ports['prometheus_port']}/-/ready"),
            },
        )
        made.append(own)
        return own

    yield make
    for one in made:
        one.close()
    shutil.rmtree(temporary)


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_finds_blocks_with_line_numbers() -> None:
    page = "a\n```sh\nmake\n```\n```json\n{}\n```\n```python\nx = 1\n```\n"

    found = blocks(page)

    assert [(one.language, one.text, one.line) for one in found] == [
        ("sh", "make\n", 2),
        ("python", "x = 1\n", 8),
    ]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("```sh\ntrue\n```\n```sh\nls /nowhere | cat\n```\n", "/nowhere"),
        ("```python\nx = 1\n```\n```python\nprint(y)\n```\n", "NameError"),
        ("```sh\nmake serve\n```\n", "No rule to make target"),
    ],
)
def test_failing_block_fails_the_page(page: str, words: str, tmp_path: Path) -> None:
    own = Reader(tmp_path, dict(os.environ), {}, {"make serve": ("", "http://127.0.0.1:9")})
    with pytest.raises(AssertionError, match=words):
        own.read(page)


AFTER_THE_TUTORIAL = (
    "docs/how-to/send-requests.md",
    "docs/how-to/second-runtime.md",
    "docs/how-to/own-data.md",
    "CONTRIBUTING.md",
)
"""Pages whose blocks work where the tutorial has ended."""


def test_the_tutorial_ends_with_an_explained_prediction(
    root: Path, checkout: Path, reader: Callable[..., Reader], weights: Path
) -> None:
    page = (root / "docs/tutorial/first-prediction.md").read_text(encoding="utf-8")
    own = reader({"/path/to/folder": str(checkout / DRAWN), "/path/to/resnet18.pth": str(weights)})

    own.read(page)

    assert len(own.said) == len(blocks(page)) > 8
    answered = [json.loads(text) for text in own.said if text.startswith("{")]
    assert set(answered[0]) > {"label", "probability", "review"}
    assert "not a JPEG, PNG or WebP" in answered[1]["error"]
    assert size(checkout / "overlay.png") == (224, 224)
    assert "Integrated Gradients [28, 28]" in "".join(own.said)

    for name in AFTER_THE_TUTORIAL:
        own.read((root / name).read_text(encoding="utf-8"))
    said = "".join(own.said)
    assert "'label'" in said  # KServe's client
    assert '"name":"label","shape":[1]' in said  # V2 from a terminal
    assert "(1, 7, 7)" in said  # its binary extension
    assert re.search(r"\[0\.\d+\]", said)  # gRPC
    assert "layer4" in said
    assert "passed" in said  # `make test`
    assert len(list(checkout.glob("reports/*/report.html"))) == 1


def test_the_commands_of_the_readme_work(
    root: Path,
    checkout: Path,
    reader: Callable[..., Reader],
    prometheus: str,
    tmp_path: Path,
    weights: Path,
) -> None:
    page = (root / "README.md").read_text(encoding="utf-8")
    for name in ("buildah", "podman", "mmdebstrap"):
        program(name, "buildah podman mmdebstrap")
    drawn = checkout / DRAWN
    with ExitStack() as stack:
        config = stack.enter_context(api_double.serving(Cluster().api(), tmp_path, "kind-test"))
        own = reader(
            {
                "/path/to/folder": str(drawn),
                "/path/to/resnet18.pth": str(weights),
                "kind-lesionlens": "kind-test",
            },
            LESIONLENS_KUBECONFIG=str(config),
            KUBECACHEDIR=str(tmp_path / "kubectl"),
            LESIONLENS_IMAGE_BUILDER="buildah",
            LESIONLENS_IMAGE_BASE="debian",
            LESIONLENS_IMAGE_TORCH=os.environ.get("LESIONLENS_IMAGE_TORCH", "auto"),
            LESIONLENS_IMAGE_PREFIX="localhost",
            LESIONLENS_IMAGE_STORAGE=str(root / "build" / "containers"),
        )
        # A cluster's service is asked where it is said to be.
        service = own.replaced["http://127.0.0.1:8080"]
        kubectl = forwarding_kubectl(tmp_path, httpx.URL(service).port or 80)
        own.variables = {
            **own.variables,
            "LESIONLENS_URL": service,
            "LESIONLENS_KUBECTL": str(kubectl),
        }
        first, rest = page.split("## I have a picture")
        own.read(first)
        _demonstrated("".join(own.said), checkout)
        photo = next((drawn / "test" / "malignant").glob("*"))
        shutil.copy(photo, checkout / "photo.jpg")
        own.read(rest)
        assert len(own.said) == len(blocks(page)) > 5
        own.read((root / "docs/how-to/monitoring.md").read_text(encoding="utf-8"))
        assert httpx.get(own.answers["make monitor"][1]).status_code == 200
        said = "".join(own.said)
    assert len(list(checkout.glob("reports/*/report.html"))) == 1
    assert '"heatmap"' in said
    assert "kind-test" in said


def _demonstrated(said: str, checkout: Path) -> None:
    """Result of the demo without settings and without a network."""
    assert "EMBEDDED SYNTHETIC SET" in said
    assert "UNTRAINED" in said
    assert re.search(r"model version +│ synthetic-untrained-", said)
    for step in ("data", "features", "fit", "archive", "serve", "predict", "explain", "stop"):
        assert f"│ {step} " in said
    with Image.open(checkout / "reports/demo/explanation.png") as picture:
        assert picture.size == (968, 580)
        # Two photographs on white: neither half is blank.
        for left in (24, 496):
            half = picture.crop((left, 24, left + 448, 472)).convert("L")
            assert len(half.getcolors(256)) > 50
