"""Write the network as OpenVINO's files, in float32 or quantised to int8."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from handlers import backends
from handlers.backends import Shape, UnavailableError, file_of
from handlers.imaging import PREPROCESSING, centre_view, decode, to_tensor
from handlers.network import stages_of
from handlers.orientations import canonical
from handlers.variants import OPENVINO_SUFFIXES
from training.dataset import Photograph
from training.files import atomic_write

QUANTISED_ON: Final = 150
"""Training photographs on which the ranges of int8 are measured."""


def convert(
    name: str,
    shape: Shape,
    model: Any,
    folder: Path,
    photographs: Sequence[Photograph],
    cache: Path,
) -> None:
    """Write the file of one OpenVINO backend into an archive's folder.

    Quantising takes most of a minute, so its result is cached.

    Args:
        name: ``openvino-fp32``, ``openvino-bf16`` or ``openvino-int8``.
        shape: of input and output.
        model: the loaded ``model.pt``.
        folder: to write into.
        photographs: of the train folder, on which the ranges of int8 are measured.
        cache: folder of all caches.

    Raises:
        UnavailableError: a package is not installed.
    """
    openvino = backends.openvino()
    file = file_of(name, shape)
    if name != "openvino-int8":
        with _quiet():
            _save(openvino, _converted(openvino, model, shape), folder / file)
        return
    some = spread(photographs, QUANTISED_ON)
    kept = cache / "int8" / _key(model, shape, some) / file
    if not all(kept.with_suffix(suffix).is_file() for suffix in OPENVINO_SUFFIXES):
        with _quiet():
            _save(openvino, _quantised(_converted(openvino, model, shape), shape, some), kept)
    for suffix in OPENVINO_SUFFIXES:
        with atomic_write((folder / file).with_suffix(suffix)) as temporary:
            shutil.copyfile(kept.with_suffix(suffix), temporary)


def spread(photographs: Sequence[Photograph], most: int) -> list[Photograph]:
    """Choose a limited number of photographs, evenly over each class, at least one of each."""
    ordered = sorted(photographs, key=lambda photograph: photograph.label)
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def _converted(openvino: Any, model: Any, shape: Shape) -> Any:
    network = stages_of(model, shape.stages)
    return openvino.convert_model(network, input=[1, 3, shape.side, shape.side])


def _quantised(converted: Any, shape: Shape, photographs: Sequence[Photograph]) -> Any:
    try:
        import nncf
    except ImportError as error:
        raise UnavailableError(f"the package nncf is not installed ({error})") from None

    nncf.set_log_level("ERROR")
    inputs = []
    for photograph in photographs:
        picture = to_tensor(centre_view(decode(photograph.path.read_bytes()), shape.side))
        inputs.append(canonical(picture).apply(picture)[None].numpy())
    return nncf.quantize(
        converted,
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            # Weights of seven bits: products of eight overflow on processors without VNNI,
            # and answers would depend on the processor.
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )


def _key(model: Any, shape: Shape, photographs: Sequence[Photograph]) -> str:
    described = hashlib.sha256()
    for name, tensor in sorted(model.features.state_dict().items()):
        described.update(name.encode() + tensor.contiguous().numpy().tobytes())
    versions = [version(package) for package in ("openvino", "nncf")]
    digests = [photograph.digest for photograph in photographs]
    described.update(
        json.dumps([shape.side, shape.stages, versions, digests, PREPROCESSING]).encode()
    )
    return described.hexdigest()[:16]


def _save(openvino: Any, model: Any, path: Path) -> None:
    # OpenVINO insists on the suffixes, so the files are not written directly to temporary
    # names.
    with tempfile.TemporaryDirectory(prefix="lesionlens-") as name:
        scratch = Path(name) / path.name
        # Not compressed to half precision: fp32 must be fp32.
        openvino.serialize(model, f"{scratch}.xml", f"{scratch}.bin")
        for suffix in OPENVINO_SUFFIXES:
            with atomic_write(path.with_suffix(suffix)) as temporary:
                shutil.copyfile(f"{scratch}{suffix}", temporary)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars and warnings of the tools: the report has its own."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # "no CUDA"
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
