"""Backends of the convolutions, which take nearly all of the time of a prediction.

``model.pt`` can always run as it is; the other backends are faster and round differently. Which of
them keep the predictions was measured in training and is in ``card.json`` (``training.backends``).
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

PLAIN: Final = "fp32"
"""TorchScript as it is in the archive; runs everywhere."""

GPU_GROUP: Final = 8
"""Photographs per batch on a GPU, padded with zeros; eight take hardly longer than one."""

Run = Callable[[torch.Tensor], torch.Tensor]
"""Function from photographs, float32 of shape (n, 3, 224, 224), to activations, float32 of shape
(n, width, 7, 7)."""

logger = logging.getLogger(__name__)


class UnavailableError(RuntimeError):
    """A backend cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Backend:
    """A backend that is ready to run."""

    name: str
    run: Run


@dataclass(frozen=True)
class _Source:
    """The inputs from which a backend is made."""

    folder: Path
    model: Any
    threads: int


def load(name: str, folder: Path, model: Any, threads: int) -> Backend:
    """Prepare a backend.

    Args:
        name: one of ``NAMES``.
        folder: of the archive, which holds the files of some of them.
        model: the loaded TorchScript module; it is not changed.
        threads: of a forward pass, where the backend has separate threads.

    Raises:
        UnavailableError: a package, a file or a device is missing.
    """
    return Backend(name, _LOADERS[name](_Source(folder, model, threads)))


def choose(wanted: str, order: Sequence[str], folder: Path, model: Any, threads: int) -> Backend:
    """Choose the requested backend, or else the first of an ordered list that runs here.

    Every replica on the same kind of machine chooses the same: nothing is timed here.

    Args:
        wanted: a name, or nothing.
        order: of names, fastest first; what is unknown to this version is passed over.
        folder: as for :func:`load`, like the rest.
    """
    for name in [wanted] if wanted else [name for name in order if name in _LOADERS]:
        try:
            return load(name, folder, model, threads)
        except UnavailableError as error:
            logger.warning("backend %s cannot run here, using a slower one: %s", name, error)
    return load(PLAIN, folder, model, threads)


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
    return source.model.features  # type: ignore[no-any-return]


def _frozen(source: _Source) -> Run:
    features = _freeze(source.model.features)
    return lambda inputs: features(inputs.contiguous(memory_format=torch.channels_last))


def _torch_bf16(source: _Source) -> Run:
    # Elsewhere bfloat16 is emulated, many times slower.
    if not torch.cpu.get_capabilities().get("avx512_bf16"):
        raise UnavailableError("this processor has no bfloat16 arithmetic")
    own = copy.deepcopy(source.model.features).to(torch.bfloat16)
    features = _freeze(own.to(memory_format=torch.channels_last))

    def run(inputs: torch.Tensor) -> torch.Tensor:
        photographs = inputs.to(torch.bfloat16, memory_format=torch.channels_last)
        return features(photographs).float()  # type: ignore[no-any-return]

    return run


def _cuda(source: _Source) -> Run:
    if not torch.cuda.is_available():
        raise UnavailableError("there is no CUDA device")
    own = copy.deepcopy(source.model.features).to("cuda", torch.float16)
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


def _freeze(features: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.freeze(features.eval())


FILES: Final[Mapping[str, str]] = {
    "openvino-fp32": "openvino",
    "openvino-bf16": "openvino",
    "openvino-int8": "openvino-int8",
}
"""Of OpenVINO's backends, the files without their suffixes ``.xml`` and ``.bin``."""


def _openvino(name: str, precision: str) -> Callable[[_Source], Run]:
    def loader(source: _Source) -> Run:
        package = openvino()
        core = package.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in capabilities:
            raise UnavailableError("this processor has no bfloat16 arithmetic")
        paths = [source.folder / f"{FILES[name]}{suffix}" for suffix in (".xml", ".bin")]
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
            request = core.compile_model(paths[0], "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise UnavailableError(
                f"OpenVINO cannot run {paths[0].name}: {str(error)[:200]}"
            ) from error

        def run(inputs: torch.Tensor) -> torch.Tensor:
            # One by one: on a CPU, batching gains nothing, and a new batch size must be
            # compiled.
            rows = [
                torch.from_numpy(request.infer({0: row.numpy()}, share_inputs=True)[0])
                for row in inputs.contiguous().split(1)
            ]
            return torch.cat(rows)

        return run

    return loader


_LOADERS: Final[Mapping[str, Callable[[_Source], Run]]] = {
    PLAIN: _plain,
    "frozen": _frozen,
    "torch-bf16": _torch_bf16,
    **{name: _openvino(name, "bf16" if name.endswith("bf16") else "f32") for name in FILES},
    "cuda-fp16": _cuda,
}

NAMES: Final = tuple(_LOADERS)
