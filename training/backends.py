"""Compare the float32 backends with plain TorchScript, and time them on this machine.

The archive contains the files of those that give the same answers, and a worker uses the fastest
that its machine can run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from handlers import backends, threads
from handlers.backends import Backend, Shape, UnavailableError, file_of
from handlers.card import MeasuredBackend
from handlers.imaging import centre_view, decode, to_tensor
from handlers.variants import NUMERICS, OPENVINO_SUFFIXES, PLAIN
from training import conversion
from training.calibration import Calibration
from training.conversion import spread
from training.dataset import Photograph, Progress

LARGEST_DIFFERENCE: Final = 1e-4
"""Of a probability, between plain TorchScript and a backend that gives the same answers. Half
precision on a GPU is allowed ten times as much."""
PHOTOGRAPHS: Final = 30
"""Photographs for comparison and timing, at most."""
WARM: Final = 3


def measure(
    folder: Path,
    model: Any,
    photographs: Sequence[Photograph],
    calibrated: Calibration,
    names: Collection[str],
    cache: Path,
    progress: Progress,
) -> dict[str, MeasuredBackend]:
    """Write OpenVINO's file and compare all float32 backends that run here.

    Args:
        folder: holds ``model.pt``; OpenVINO's file is removed from it where it does not pass.
        model: the loaded ``model.pt``.
        photographs: of the train folder.
        calibrated: of plain TorchScript.
        names: of the backends to try; plain TorchScript always is.
        cache: folder of all caches.
        progress: told of each photograph.
    """
    found: dict[str, MeasuredBackend] = {}
    ready: dict[str, Backend] = {}
    file = folder / file_of("openvino-fp32", Shape())
    _remove(file)
    for name in sorted(NUMERICS["float32"], key=lambda name: name != PLAIN):
        if name != PLAIN and name not in names:
            found[name] = MeasuredBackend(lacking="LESIONLENS_BACKENDS leaves it out")
            continue
        try:
            if name == "openvino-fp32":
                conversion.convert(name, Shape(), model, folder, photographs, cache)
            ready[name] = backends.load(name, folder, model, threads.cores())
        except UnavailableError as error:
            found[name] = MeasuredBackend(lacking=str(error))
    some = spread(photographs, PHOTOGRAPHS)
    runs = {name: backend.run for name, backend in ready.items()}
    seconds, activations = timed(runs, some, progress)
    probabilities = {
        name: _probabilities(model, rows, calibrated) for name, rows in activations.items()
    }
    for name in ready:
        difference = float(np.abs(probabilities[name] - probabilities[PLAIN]).max())
        allowed = LARGEST_DIFFERENCE * (10 if name == "cuda-fp16" else 1)
        found[name] = MeasuredBackend(
            forward_ms=round(1000 * seconds[name], 2),
            largest_difference=float(f"{difference:.2g}"),
            photographs=len(some),
            passes=difference <= allowed,
        )
    if not found["openvino-fp32"].passes:
        _remove(file)
    return found


def order(measured: dict[str, MeasuredBackend]) -> list[str]:
    """Return the names of those that give the same answers, fastest first."""
    passing = [name for name, found in measured.items() if found.passes]
    return sorted(passing, key=lambda name: measured[name].forward_ms or 0.0)


def timed(
    runs: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    photographs: Sequence[Photograph],
    progress: Progress,
) -> tuple[dict[str, float], dict[str, list[torch.Tensor]]]:
    """Run functions of the model's input on photographs, and take the time.

    Every photograph goes through all of them in turn, so the machine's drift hits all alike.

    Args:
        runs: functions of inputs of shape (1, 3, 224, 224), by name.
        photographs: one at least.
        progress: told of each photograph.

    Returns:
        The median seconds of each function, and its results, shape (1, ...), one per photograph.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    results: dict[str, list[torch.Tensor]] = {name: [] for name in runs}
    with torch.inference_mode():
        for number, photograph in enumerate(photographs, 1):
            one = _inputs_of(photograph)
            for name, run in runs.items():
                for _ in range(WARM if number == 1 else 0):
                    run(one)
                start = time.perf_counter()
                result = run(one)
                seconds[name].append(time.perf_counter() - start)
                results[name].append(result)
            progress("times", number, len(photographs))
    return {name: float(np.median(taken)) for name, taken in seconds.items()}, results


def _inputs_of(photograph: Photograph) -> torch.Tensor:
    """Return the model's input of a photograph at 224 px, shape (1, 3, 224, 224)."""
    return to_tensor(centre_view(decode(photograph.path.read_bytes())))[None]


def _remove(file: Path) -> None:
    for suffix in OPENVINO_SUFFIXES:
        file.with_suffix(suffix).unlink(missing_ok=True)


def _probabilities(
    model: Any, activations: Sequence[torch.Tensor], calibrated: Calibration
) -> np.ndarray:
    with torch.inference_mode():
        logits = torch.cat([model.head(one) for one in activations]).double()
    return calibrated.probabilities((logits[:, 1] - logits[:, 0]).numpy())
