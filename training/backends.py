"""Compare backends: which keep the predictions, and how fast each is on this machine.

Measured on photographs of the train folder and written into ``card.json``; the archive contains the
files of those that pass, and a worker uses the fastest that its machine can run.
"""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from handlers import backends, threads
from handlers.backends import FILES, PLAIN, Backend, UnavailableError
from handlers.card import MeasuredBackend
from handlers.imaging import SIDE, centre_view, decode, to_tensor
from training import calibration
from training.calibration import Calibration
from training.dataset import Photograph, Progress
from training.files import atomic_write
from training.parallel import map_ordered

AUROC_LOSS: Final = 0.002
LABELS_CHANGED: Final = 0.005
"""Maximum number and share of labels that a backend may change."""
PHOTOGRAPHS: Final = 300
"""Maximum number of photographs for the comparison."""
TIMED: Final = 60
"""Maximum number of photographs for the timing."""
CALIBRATION: Final = 100
"""Training photographs that calibrate the ranges of int8."""
WARM: Final = 3


@dataclass
class _Seen:
    """Outputs of one backend for the photographs."""

    backend: Backend
    lock: Lock = field(default_factory=Lock)
    """A worker runs one forward pass at a time, and some backends support no more."""
    log_odds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def measure(
    folder: Path,
    model: Any,
    photographs: Sequence[Photograph],
    calibrated: Calibration,
    names: Collection[str],
    progress: Progress,
) -> dict[str, MeasuredBackend]:
    """Write the files of OpenVINO's backends and compare all that run here.

    Every photograph that is timed goes through all of them in turn, so the machine's drift hits all
    alike.

    Args:
        folder: holds ``model.pt``; the files of backends that do not pass are removed from it.
        model: the loaded ``model.pt``.
        photographs: of the train folder, to fix the ranges of int8 and to compare on. The model has
            learned from them: what is compared is how the same weights are rounded.
        calibrated: of plain TorchScript.
        names: of the backends to try; plain TorchScript, which all are held against, always is.
        progress: told of each photograph.
    """
    convert(folder, model, _spread(photographs, CALIBRATION), names)
    found: dict[str, MeasuredBackend] = {}
    seen: dict[str, _Seen] = {}
    for name in backends.NAMES:
        if name != PLAIN and name not in names:
            found[name] = MeasuredBackend(lacking="LESIONLENS_BACKENDS leaves it out")
            continue
        try:
            seen[name] = _Seen(backends.load(name, folder, model, threads.cores()))
        except UnavailableError as error:
            found[name] = MeasuredBackend(lacking=str(error))
    compared_on = _spread(photographs, PHOTOGRAPHS)
    every = list(seen.values())
    _time_all(every, _spread(photographs, TIMED), progress)
    with closing(map_ordered(lambda photo: _log_odds(model, every, photo), compared_on)) as answers:
        for number, row in enumerate(answers, 1):
            for own, one in zip(every, row, strict=True):
                own.log_odds.append(one)
            progress("backends", number, len(compared_on))
    labels = np.asarray([photograph.label for photograph in compared_on])
    reference = np.asarray(seen[PLAIN].log_odds)
    for name, own in seen.items():
        log_odds = np.asarray(own.log_odds)
        found[name] = compared(log_odds, reference, labels, calibrated)
        found[name].forward_ms = round(1000 * float(np.median(own.seconds)), 2)
    for file in set(FILES.values()):
        if not any(found[name].passes for name in FILES if FILES[name] == file):
            _remove(folder, file)
    return {name: found[name] for name in backends.NAMES}


def order(measured: dict[str, MeasuredBackend]) -> list[str]:
    """Return the names of those that keep the predictions, fastest first."""
    passing = [name for name, found in measured.items() if found.passes]
    return sorted(passing, key=lambda name: measured[name].forward_ms or 0.0)


def _time_all(seen: Sequence[_Seen], photographs: Sequence[Photograph], progress: Progress) -> None:
    with torch.inference_mode():
        for number, photograph in enumerate(photographs, 1):
            inputs = _inputs(photograph)
            for own in seen:
                for _ in range(WARM if number == 1 else 0):
                    own.backend.run(inputs)
                start = time.perf_counter()
                own.backend.run(inputs)
                own.seconds.append(time.perf_counter() - start)
            progress("times", number, len(photographs))


def _log_odds(model: Any, seen: Sequence[_Seen], photograph: Photograph) -> list[float]:
    """Return each backend's log-odds of one photograph."""
    inputs, found = _inputs(photograph), []
    with torch.inference_mode():
        for own in seen:
            with own.lock:
                activations = own.backend.run(inputs)
            logits = model.head(activations)[0]
            found.append(float(logits[1] - logits[0]))
    return found


def compared(
    log_odds: np.ndarray,
    reference: np.ndarray,
    labels: np.ndarray,
    calibrated: Calibration,
) -> MeasuredBackend:
    """Compare a backend, with a new calibration, to plain TorchScript.

    Args:
        log_odds: of the backend, shape (n,).
        reference: of plain TorchScript, shape (n,).
        labels: 0 or 1, shape (n,).
        calibrated: of plain TorchScript.
    """
    probabilities = calibrated.probabilities(reference)
    before = probabilities >= calibrated.threshold
    refitted = calibrated
    if not np.array_equal(log_odds, reference):
        refitted = calibration.recalibrate(log_odds, labels, calibrated, before)
    after = refitted.probabilities(log_odds)
    loss = float(roc_auc_score(labels, reference) - roc_auc_score(labels, log_odds))
    changed = int(np.sum((after >= refitted.threshold) != before))
    return MeasuredBackend(
        auroc_loss=round(loss, 5),
        labels_changed=changed,
        largest_difference=round(float(np.abs(after - probabilities).max()), 5),
        photographs=len(labels),
        passes=loss <= AUROC_LOSS and changed <= LABELS_CHANGED * len(labels),
        calibration=refitted,
    )


def convert(
    folder: Path, model: Any, photographs: Sequence[Photograph], names: Collection[str]
) -> None:
    """Write OpenVINO's files, converted from the same TorchScript, if OpenVINO is installed.

    Args:
        folder: to write into.
        model: the loaded TorchScript module.
        photographs: that fix the ranges of int8.
        names: of the backends that the files are for.
    """
    for file in set(FILES.values()):
        _remove(folder, file)
    try:
        openvino = backends.openvino()
    except UnavailableError:
        return
    with _quiet():
        for file in sorted({FILES[name] for name in names if name in FILES}):
            converted = openvino.convert_model(model.features, input=[1, 3, SIDE, SIDE])
            if file == FILES["openvino-int8"]:
                converted = _int8(converted, photographs)
            _save(openvino, converted, folder / file)


def _int8(converted: Any, photographs: Sequence[Photograph]) -> Any:
    import nncf

    nncf.set_log_level("ERROR")
    return nncf.quantize(
        converted,
        nncf.Dataset([_inputs(photograph).numpy() for photograph in photographs]),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=len(photographs),
    )


def _save(openvino: Any, model: Any, path: Path) -> None:
    # OpenVINO insists on the suffixes, so the files are not written directly to temporary
    # names.
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as name:
        scratch = Path(name) / path.name
        # Not compressed to half precision: fp32 must be fp32.
        openvino.serialize(model, f"{scratch}.xml", f"{scratch}.bin")
        for suffix in (".bin", ".xml"):
            with atomic_write(path.with_suffix(suffix)) as temporary:
                shutil.copyfile(f"{scratch}{suffix}", temporary)


def _remove(folder: Path, file: str) -> None:
    for suffix in (".xml", ".bin"):
        (folder / f"{file}{suffix}").unlink(missing_ok=True)


def _inputs(photograph: Photograph) -> torch.Tensor:
    return to_tensor(centre_view(decode(photograph.path.read_bytes())))[None]


def _spread(photographs: Sequence[Photograph], most: int) -> list[Photograph]:
    """Choose a limited number of photographs, evenly over each class, at least one of each."""
    ordered = sorted(photographs, key=lambda photograph: photograph.label)
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and warnings of the tools: the report has its own."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA"
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
