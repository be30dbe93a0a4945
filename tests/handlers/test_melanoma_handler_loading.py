"""Test how TorchServe loads the adapter."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from ts.context import Context
from ts.utils.util import list_classes_from_module

import handlers
from handlers import melanoma_handler, threads
from handlers.card import ArchiveError
from handlers.melanoma_handler import MelanomaHandler

pytestmark = pytest.mark.slow


SOURCE = Path(handlers.__file__).parent


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Restore the number of threads, which the adapter sets for the process."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_module_has_exactly_one_handler_class() -> None:
    assert list_classes_from_module(melanoma_handler) == [MelanomaHandler]


def test_settings_come_from_the_environment(
    model_folder: Path,
    context_for: Callable[[Path], Context],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LESIONLENS_MAX_INSTANCES", "2")
    monkeypatch.setenv("LESIONLENS_BACKEND", "frozen")
    loaded = MelanomaHandler()

    loaded.initialize(context_for(model_folder))

    assert loaded.service is not None
    assert loaded.service.settings.max_instances == 2
    assert loaded.service.classifier.backend.name == "frozen"
    # Otherwise TorchServe would parse JSON itself and write what it cannot parse to its log.
    assert os.environ["TS_DECODE_INPUT_REQUEST"] == "false"


@pytest.mark.parametrize(("variable", "expected"), [("1", 1), ("", threads.cores())])
def test_forward_pass_uses_the_cores_of_the_container_or_the_setting(
    variable: str,
    expected: int,
    model_folder: Path,
    context_for: Callable[[Path], Context],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LESIONLENS_THREADS", variable)
    torch.set_num_threads(3)

    MelanomaHandler().initialize(context_for(model_folder))

    assert torch.get_num_threads() == expected


def test_broken_archive_prevents_start(
    context_for: Callable[[Path], Context], tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="build it again"):
        MelanomaHandler().initialize(context_for(tmp_path))


def test_no_batch_is_answered_before_initialisation() -> None:
    with pytest.raises(RuntimeError, match="before initialize"):
        MelanomaHandler().handle([], None)


WORKER = """
import json, sys
from ts.model_loader import TsModelLoader
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

folder, metrics, image = sys.argv[1:]
cache = MetricsCacheYamlImpl(metrics)
cache.initialize_cache()
loader = TsModelLoader()
service = loader.load("melanoma", folder, "melanoma_handler.py", batch_size=8, metrics_cache=cache)
parameters = [{"name": "body", "value": open(image, "rb").read(), "contentType": b"image/jpeg"}]
request = {"requestId": b"1", "parameters": parameters, "headers": []}
service.set_cl_socket(None)
answer = bytes(service.predict([request]))
print(json.dumps({
    "answer": answer[answer.index(b"{"):answer.rindex(b"}") + 1].decode(),
    "repository": [n for n in sys.modules if n.split(".")[0] in ("training", "serving")],
    "handlers": sys.modules["handlers.service"].__file__,
}))
"""


def test_torchserve_loader_serves_unpacked_archive(
    model_folder: Path, photograph: Callable[[int, int], bytes], tmp_path: Path
) -> None:
    folder = shutil.copytree(model_folder, tmp_path / "archive")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCE, folder / "handlers", ignore=ignored)
    shutil.copy(SOURCE / "melanoma_handler.py", folder)
    metrics = SOURCE.parent / "model_store" / "config" / "metrics.yaml"
    image = tmp_path / "image.jpg"
    image.write_bytes(photograph(1, 0))

    # A process of its own, with nothing of this repository on its path.
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(folder), str(metrics), str(image)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(seen["answer"])["model_version"] == "synthetic-untrained-0123abcd"
    assert seen["repository"] == []
    assert Path(seen["handlers"]).is_relative_to(folder)
