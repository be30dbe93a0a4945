"""Every way to run the convolutions gives the same answers, and one that cannot run costs none."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handlers import backends
from handlers.backends import NAMES, Shape, UnavailableError
from handlers.classifier import Classifier
from handlers.imaging import centre_view, to_tensor
from handlers.network import load_torchscript
from handlers.variants import NUMERICS, PLAIN, PROGRAM
from tests.conftest import ROOT
from training.conversion import convert
from training.dataset import Photograph
from training.export import SplitResNet, traced

pytestmark = pytest.mark.slow


OLDER_PROCESSOR = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # of OpenVINO as well
    "ATEN_CPU_CAPABILITY": "avx2",
}
"""Variables by which a process uses no instruction that is younger than 2013."""


@pytest.fixture(scope="module")
def folder(
    model_folder: Path,
    eager: SplitResNet,
    photograph: Callable[[int, int], bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An archive with the files of every backend, which the fixture ``eager`` is the model of."""
    scratch = tmp_path_factory.mktemp("backends")
    folder = shutil.copytree(model_folder, scratch / "archive")
    lesions = []
    for seed in range(8):
        path = scratch / f"{seed}.jpg"
        path.write_bytes(photograph(seed, seed % 2))
        lesions.append(Photograph(path, seed % 2, str(seed)))
    torch.export.save(traced(eager), folder / PROGRAM)
    for name in NAMES:
        if name.startswith("openvino"):
            convert(name, Shape(), load_torchscript(folder), folder, lesions, scratch / "cache")
    return folder


@pytest.fixture(scope="module")
def inputs(drawn: Callable[..., Image.Image]) -> torch.Tensor:
    return torch.stack([to_tensor(centre_view(drawn(300 + seed, seed % 2))) for seed in range(5)])


def with_card(folder: Path, target: Path, **entries: Any) -> Path:
    """A copy of an archive, with entries of its card replaced."""
    copy = shutil.copytree(folder, target)
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | entries))
    return copy


def classifier_with(name: str, folder: Path) -> Classifier:
    plain = Classifier.load(folder)
    try:
        backend = backends.load(name, folder, plain.model, threads=2)
    except UnavailableError as error:
        pytest.skip(f"{name} cannot run on this machine: {error}")
    return Classifier(plain.model, plain.card, plain.baseline, backend)


def is_close(name: str, activations: torch.Tensor, plain: torch.Tensor) -> bool:
    """Whether a backend's activations are the plain model's, as far as its numbers can hold them.

    By shares of the spread: float32 in another order, eleven and eight bits of mantissa, 256 steps.
    """
    share = {"fp16": 0.02, "bf16": 0.2, "int8": 0.5}.get(name.rpartition("-")[2], 1e-5)
    return float((activations - plain).abs().mean()) < share * float(plain.std())


@pytest.mark.parametrize("name", NAMES)
def test_each_backend_is_the_plain_model(
    name: str, folder: Path, inputs: torch.Tensor, classifier: Classifier
) -> None:
    plain, other = classifier.forward(inputs), classifier_with(name, folder).forward(inputs)

    assert other.activations.shape == (5, 512, 7, 7)
    assert other.activations.dtype == torch.float32
    assert is_close(name, other.activations, plain.activations)


def test_each_backend_is_the_plain_model_on_a_processor_of_fewer_instructions(
    folder: Path, inputs: torch.Tensor, classifier: Classifier, tmp_path: Path
) -> None:
    torch.save(inputs, tmp_path / "inputs.pt")
    command = ["-m", "tests.handlers.other_processor", folder, "inputs.pt", "outputs.pt"]
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=tmp_path,
        env=os.environ | OLDER_PROCESSOR | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seen = torch.load(tmp_path / "outputs.pt")

    assert seen["capability"] == "AVX2"
    assert {PLAIN, "exported", "frozen", "openvino-fp32", "openvino-int8"} <= set(
        seen["activations"]
    )
    plain = classifier.forward(inputs).activations
    far = [name for name, own in seen["activations"].items() if not is_close(name, own, plain)]
    assert far == []
    # int8 is compared with itself: it rounds to steps, and a sum at their border may go either
    # way, but weights of seven bits do not overflow.
    own = classifier_with("openvino-int8", folder).forward(inputs).activations
    other = seen["activations"]["openvino-int8"]
    assert float((other - own).abs().mean()) < 0.01 * float(plain.std())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 4])
def test_pooled_activations_are_means_over_the_picture(
    batch: int, name: str, folder: Path, inputs: torch.Tensor, classifier: Classifier
) -> None:
    whole = classifier_with(name, folder).backend.run(inputs)
    shape = Shape(batch=batch, pooled=True)

    pooled = backends.load(name, folder, classifier.model, 2, shape).run(inputs)

    assert pooled.shape == (5, 512, 1, 1)
    torch.testing.assert_close(pooled[..., 0, 0], whole.mean(dim=(2, 3)), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_does_not_depend_on_who_else_is_in_the_batch(
    name: str, folder: Path, inputs: torch.Tensor
) -> None:
    classifier = classifier_with(name, folder)

    together = classifier.forward(inputs)
    alone = torch.cat([classifier.forward(one).logits for one in inputs.split(1)])
    backwards = classifier.forward(inputs.flip(0)).logits.flip(0)

    assert torch.equal(together.logits, alone)
    assert torch.equal(together.logits, backwards)


@pytest.mark.parametrize("name", NAMES)
def test_output_of_a_forward_pass_is_not_changed_by_the_next(
    name: str, folder: Path, inputs: torch.Tensor
) -> None:
    classifier = classifier_with(name, folder)

    first = classifier.forward(inputs[:1])
    kept, photograph = first.activations.clone(), inputs[:1].clone()
    classifier.forward(inputs[1:])

    assert torch.equal(first.activations, kept)
    assert torch.equal(inputs[:1], photograph)


def test_the_fastest_that_runs_here_is_taken(folder: Path, tmp_path: Path) -> None:
    order = ["a-later-version", "openvino-fp32", "frozen", PLAIN]
    archive = with_card(folder, tmp_path / "archive", backends={"order": order, "measured": {}})

    assert Classifier.load(archive, "", threads=1).backend.name == "openvino-fp32"


def test_a_file_that_is_missing_costs_speed_and_not_the_service(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    order = ["openvino-fp32", "frozen", PLAIN]
    archive = with_card(folder, tmp_path / "archive", backends={"order": order, "measured": {}})
    (archive / "openvino.bin").unlink()

    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(archive, "", threads=1)

    assert classifier.backend.name == "frozen"
    assert "openvino-fp32 cannot run here" in caplog.text
    assert "openvino.bin is not in the archive" in caplog.text


def test_the_exported_program_runs_only_where_it_is_asked_for(
    folder: Path, tmp_path: Path, inputs: torch.Tensor
) -> None:
    archive = with_card(folder, tmp_path / "archive")
    model = load_torchscript(archive)
    stages = Shape(stages=2)
    plain = backends.load(PLAIN, archive, model, 1, stages).run(inputs[:2])

    assert Classifier.load(archive, "", threads=1).backend.name == PLAIN
    assert Classifier.load(archive, "exported", threads=1).backend.name == "exported"
    other = backends.load("exported", archive, model, 1, stages).run(inputs[:2])
    torch.testing.assert_close(other, plain)
    (archive / PROGRAM).unlink()
    assert Classifier.load(archive, "exported", threads=1).backend.name == PLAIN


def test_a_damaged_file_costs_speed_and_not_the_service(folder: Path, tmp_path: Path) -> None:
    archive = with_card(folder, tmp_path / "archive")
    (archive / "openvino.xml").write_text("<net")
    (archive / PROGRAM).write_bytes((archive / PROGRAM).read_bytes()[:1000])

    for name in ("openvino-fp32", "exported"):
        assert Classifier.load(archive, name, threads=1).backend.name == PLAIN


def test_without_the_package_the_plain_model_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)

    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(folder, "openvino-fp32", threads=1)

    assert classifier.backend.name == PLAIN
    assert "openvino is not installed" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it can run")
def test_a_gpu_that_is_not_there_is_said(folder: Path, classifier: Classifier) -> None:
    with pytest.raises(UnavailableError, match="no CUDA device"):
        backends.load("cuda-fp16", folder, classifier.model, 1)


def test_an_archive_from_before_backends_runs_plain(model_folder: Path) -> None:
    assert Classifier.load(model_folder, "", threads=1).backend.name == PLAIN


def test_a_backend_without_a_fitted_variant_is_not_served(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(folder, "openvino-int8", threads=1)

    assert classifier.backend.name == PLAIN
    assert "no variant of this archive runs on openvino-int8" in caplog.text


def test_every_backend_has_one_numerics() -> None:
    named = [name for names in NUMERICS.values() for name in names]

    assert sorted(named) == sorted(NAMES)


def test_openvino_telemetry_is_switched_off(folder: Path, tmp_path: Path) -> None:
    """Importing OpenVINO writes an identifier to the home folder and counts its use by it."""
    code = (
        "import sys; from pathlib import Path; from handlers.classifier import Classifier\n"
        f"classifier = Classifier.load(Path({str(folder)!r}), 'openvino-fp32', 1)\n"
        "assert classifier.backend.name == 'openvino-fp32'\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"HOME": str(tmp_path)}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []
