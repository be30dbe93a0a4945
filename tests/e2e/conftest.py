"""A real TorchServe with a real archive: of ../shared where it is, else of drawn lesions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.settings import ServingSettings, free_ports
from serving.torchserve import TorchServe

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
REAL = (SHARED / "lesions").is_dir() and (SHARED / "weights").is_dir()


@dataclass(frozen=True)
class Trained:
    """What the training left behind."""

    build: Path
    store: Path
    summary: dict[str, Any]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The main job, once: photographs to archive, by the command a user runs."""
    build, store = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("store")
    variables = {
        "LESIONLENS_BUILD": str(build),
        "LESIONLENS_ARCHIVE": str(store),
        "LESIONLENS_CACHE": str(ROOT / "build" / "cache"),
    }
    if REAL:
        variables["LESIONLENS_DATA"] = str(SHARED / "lesions")
        variables["LESIONLENS_WEIGHTS"] = str(SHARED / "weights" / "resnet18-imagenet.pth")
    else:
        variables |= {"LESIONLENS_SYNTHETIC_TRAIN": "60", "LESIONLENS_SYNTHETIC_TEST": "50"}
    done = subprocess.run(
        [sys.executable, "-m", "training"],
        cwd=ROOT,
        env=without_settings(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Trained(build, store, json.loads((build / "summary.json").read_text()))


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TorchServe]:
    """Makes servers on free ports, with logs of their own; not yet started."""

    def make(**changes: Any) -> TorchServe:
        settings = ServingSettings(
            config=ROOT / "model_store" / "config",
            logs=tmp_path_factory.mktemp("logs"),
            **free_ports(),
        )
        return TorchServe(settings.model_copy(update=changes))

    return make


@pytest.fixture(scope="session")
def start(trained: Trained, serving: Callable[..., TorchServe]) -> Callable[..., TorchServe]:
    """Makes servers of the trained archive, or of another."""

    def make(**changes: Any) -> TorchServe:
        return serving(**{"archive": trained.store, **changes})

    return make


@pytest.fixture(scope="session")
def server(start: Callable[..., TorchServe]) -> Iterator[TorchServe]:
    """One server for the tests that leave it as it was."""
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def client(server: TorchServe) -> Iterator[httpx.Client]:
    """A client of the inference address."""
    with httpx.Client(base_url=server.inference, timeout=120) as connected:
        yield connected


@pytest.fixture(scope="session")
def photographs(trained: Trained) -> list[bytes]:
    """A hundred photographs that the model was not trained on."""
    folder = Path(trained.summary["example"]).parents[1]
    paths = sorted(folder.glob("*/*.jpg"), key=lambda path: (path.name, path.parent.name))
    assert len(paths) >= 100
    return [path.read_bytes() for path in paths[:100]]


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without a user's settings."""
    return {name: text for name, text in environment.items() if not name.startswith("LESIONLENS_")}
