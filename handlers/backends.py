"""Backends of the convolutions, which take nearly all of the time of a prediction.

``model.pt`` can always run as it is; the other backends are faster. Those of one numerics give the
same answers; another numerics is another serving variant with its own fit (``handlers.variants``).
"""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import torch

from handlers.network import last_stages, load_program, stages_of
from handlers.variants import EXPORTED, OPENVINO_SUFFIXES, PLAIN, PROGRAM

GPU_GROUP: Final = 8
"""Photographs per batch on a GPU, padded with zeros; eight take hardly longer than one."""

Run = Callable[[torch.Tensor], torch.Tensor]
"""Function from photographs, float32 of shape (n, 3, side, side), to activations, float32 of shape
(n, width, h, w). Two stages are side by side: the last one, repeated to the grid of the other, and
the one before it."""

logger = logging.getLogger(__name__)


class UnavailableError(RuntimeError):
    """A backend cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Backend:
    """A backend that is ready to run."""

    name: str
    run: Run


@dataclass(frozen=True)
class Shape:
    """Shape of what a backend computes."""

    side: int = 224
    """Pixels per side of the input."""
    stages: int = 1
    """Stages at the end of the network whose activations are returned, 1 or 2."""
    batch: int = 1
    """Photographs that OpenVINO computes at a time."""
    pooled: bool = False
    """Whether the activations are averaged over the picture: shape (n, width, 1, 1)."""


@dataclass(frozen=True)
class _Source:
    """The inputs from which a backend is made."""

    folder: Path
    model: Any
    threads: int
    shape: Shape

    @property
    def network(self) -> Any:
        """The convolutions as TorchScript."""
        return stages_of(self.model, self.shape.stages)


def load(name: str, folder: Path, model: Any, threads: int, shape: Shape | None = None) -> Backend:
    """Prepare a backend.

    Args:
        name: one of ``NAMES``.
        folder: of the archive, which holds the files of some of them.
        model: the loaded TorchScript module; it is not changed.
        threads: of a forward pass, where the backend has separate threads.
        shape: of input and output.

    Raises:
        UnavailableError: a package, a file or a device is missing.
    """
    shape = shape or Shape()
    run = _LOADERS[name](_Source(folder, model, threads, shape))
    if shape.pooled and not name.startswith("openvino"):
        return Backend(name, lambda inputs: run(inputs).mean(dim=(2, 3), keepdim=True))
    return Backend(name, run)


def has_native_int8() -> bool:
    """Whether this processor multiplies 8-bit integers in one instruction (VNNI or AMX)."""
    capable = torch.cpu.get_capabilities()
    return any(capable.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


def choose(wanted: str, order: Sequence[str], folder: Path, model: Any, threads: int) -> Backend:
    """Choose the requested backend, or else the first of an ordered list that runs here.

    Every replica on the same kind of machine chooses the same: nothing is timed here.

    Args:
        wanted: a name, or nothing.
        order: of names, fastest first; what is unknown to this version is passed over.
        folder: as for :func:`load`, like the rest.
    """
    names = [wanted] if wanted else [name for name in order if name in _LOADERS]
    return first([*names, PLAIN], folder, model, threads)


def first(
    names: Sequence[str], folder: Path, model: Any, threads: int, shape: Shape | None = None
) -> Backend:
    """Prepare the first backend of a list that runs here.

    Args:
        names: most preferred first.
        folder: as for :func:`load`, like the rest.

    Raises:
        UnavailableError: none of them runs; the message is that of the last.
    """
    for name in names[:-1]:
        try:
            return load(name, folder, model, threads, shape)
        except UnavailableError as error:
            logger.warning("backend %s cannot run here, using a slower one: %s", name, error)
    return load(names[-1], folder, model, threads, shape)


def openvino() -> ModuleType:
    """Import OpenVINO with its telemetry switched off.

    Merely importing it would write an identifier to the home folder and use it.

    Raises:
        UnavailableError: it is not installed.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino as package
    except ImportError as error:
        raise UnavailableError(f"the package openvino is not installed ({error})") from None
    return package  # type: ignore[no-any-return]


def _plain(source: _Source) -> Run:
    return source.network  # type: ignore[no-any-return]


def _frozen(source: _Source) -> Run:
    features = _freeze(source.network)
    return lambda inputs: features(inputs.contiguous(memory_format=torch.channels_last))


def _cuda(source: _Source) -> Run:
    if not torch.cuda.is_available():
        raise UnavailableError("there is no CUDA device")
    own = copy.deepcopy(source.network).to("cuda", torch.float16)
    features = _freeze(own.to(memory_format=torch.channels_last))

    def run(inputs: torch.Tensor) -> torch.Tensor:
        rows = []
        for group in inputs.split(GPU_GROUP):
            # Another batch size would be computed in another order, and rounded
            # differently.
            filled = torch.zeros(GPU_GROUP, *group.shape[1:])
            filled[: len(group)] = group
            given = filled.to("cuda", torch.float16, memory_format=torch.channels_last)
            rows.append(features(given)[: len(group)].float().cpu())
        return torch.cat(rows)

    return run


def _exported(source: _Source) -> Run:
    try:
        model = load_program(source.folder / PROGRAM)
    except FileNotFoundError:
        raise UnavailableError(f"{PROGRAM} is not in the archive") from None
    except Exception as error:  # torch.export.load raises many kinds on a damaged file
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise UnavailableError(f"{PROGRAM} cannot be loaded ({why})") from error
    return last_stages(model.features, source.shape.stages)  # type: ignore[no-any-return]


def _freeze(features: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.freeze(features.eval())


def file_of(name: str, shape: Shape) -> str:
    """Return the file of an OpenVINO backend, without its suffixes ``.xml`` and ``.bin``.

    The ranges of int8 were measured at one input side; the others take any.
    """
    numerics = f"-int8-{shape.side}px" if name == "openvino-int8" else ""
    return f"openvino{numerics}" + ("-2stages" if shape.stages == 2 else "")


def _openvino(name: str, precision: str) -> Callable[[_Source], Run]:
    def loader(source: _Source) -> Run:
        package = openvino()
        core = package.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in capabilities:
            raise UnavailableError("this processor has no bfloat16 arithmetic")
        shape = source.shape
        file = file_of(name, shape)
        paths = [source.folder / f"{file}{suffix}" for suffix in OPENVINO_SUFFIXES]
        for path in paths:
            if not path.is_file():
                raise UnavailableError(f"{path.name} is not in the archive")
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": source.threads,
            # Pinned to cores, the threads of two workers would share one core and leave
            # the other idle.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": precision,
        }
        try:
            network = core.read_model(paths[0])
            network.reshape([shape.batch, 3, shape.side, shape.side])
            if shape.pooled:
                whole = network.output(0).get_node().input_value(0)
                mean = package.opset8.reduce_mean(whole, [2, 3], keep_dims=True)
                network = package.Model([mean], network.get_parameters())
            request = core.compile_model(network, "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise UnavailableError(
                f"OpenVINO cannot run {paths[0].name}: {str(error)[:200]}"
            ) from error

        def run(inputs: torch.Tensor) -> torch.Tensor:
            # Always the batch that was compiled: another one would have to be compiled first.
            rows = []
            for part in inputs.contiguous().split(shape.batch):
                full = part
                if len(part) < shape.batch:
                    full = torch.zeros(shape.batch, *part.shape[1:])
                    full[: len(part)] = part
                found = request.infer({0: full.numpy()}, share_inputs=True)[0]
                rows.append(torch.from_numpy(found[: len(part)]))
            return torch.cat(rows)

        return run

    return loader


_LOADERS: Final[Mapping[str, Callable[[_Source], Run]]] = {
    PLAIN: _plain,
    "frozen": _frozen,
    "openvino-fp32": _openvino("openvino-fp32", "f32"),
    "cuda-fp16": _cuda,
    "openvino-bf16": _openvino("openvino-bf16", "bf16"),
    "openvino-int8": _openvino("openvino-int8", "f32"),
    EXPORTED: _exported,
}

NAMES: Final = tuple(_LOADERS)
