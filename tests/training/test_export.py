"""The exported model predicts as the eager one, or is not exported."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handlers.explainers.grad_cam import grad_cam
from handlers.explainers.gradients import saliency
from handlers.explainers.task import AttributionTask
from handlers.imaging import centre_view, decode, to_tensor
from handlers.network import load_program
from handlers.variants import PROGRAM
from training import export
from training.backbone import Backbone
from training.dataset import Dataset, Photograph
from training.export import ParityError, SplitResNet
from training.head import Head


@pytest.fixture(scope="module")
def head() -> Head:
    """A head that is sure of itself, so that a difference would show."""
    weights = np.random.default_rng(0).normal(size=512)
    return Head(weights, -float(weights.mean()))


@pytest.fixture(scope="module")
def check(found: Dataset) -> list[Photograph]:
    return list(found.test[:9])


@pytest.fixture(scope="module")
def inputs(check: list[Photograph]) -> torch.Tensor:
    views = [centre_view(decode(photo.path.read_bytes())) for photo in check]
    return torch.stack([to_tensor(view) for view in views])


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory,
    network: Backbone,
    head: Head,
    check: list[Photograph],
) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("exported") / "model"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nor is a user told that TorchScript is deprecated
        return folder, export.export(network, head, folder, check)


@pytest.fixture(scope="module")
def script(exported: tuple[Path, float]) -> Any:
    return torch.jit.load(exported[0] / "model.pt")


@pytest.fixture(scope="module")
def program(exported: tuple[Path, float]) -> Any:
    return torch.export.load(exported[0] / PROGRAM)


def probabilities(model: Any, inputs: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(torch.softmax(model(inputs), dim=1)[:, 1].numpy())


@pytest.mark.slow
def test_torchscript_and_exported_program_equal_backbone_and_head(
    exported: tuple[Path, float],
    script: Any,
    program: Any,
    network: Backbone,
    head: Head,
    inputs: torch.Tensor,
) -> None:
    folder, difference = exported
    with torch.inference_mode():
        pooled = network.convolutions()(inputs).mean(dim=(2, 3)).numpy()
    expected = 1 / (1 + np.exp(-head.log_odds(pooled)))

    np.testing.assert_allclose(probabilities(script, inputs), expected, atol=1e-5)
    np.testing.assert_allclose(probabilities(program.module(), inputs), expected, atol=1e-5)
    assert 0 <= difference <= export.TOLERANCE
    assert {path.name for path in folder.iterdir()} == {"model.pt", PROGRAM}
    assert np.ptp(expected) > 1e-3  # an answer that never varies would agree by chance


@pytest.mark.slow
def test_the_activations_can_be_reached_in_the_loaded_script(
    script: Any, network: Backbone, inputs: torch.Tensor
) -> None:
    with torch.inference_mode():
        activations = script.features(inputs[:2])
        logits = script.head(activations)
        torch.testing.assert_close(logits, script(inputs[:2]))
        torch.testing.assert_close(activations, network.convolutions()(inputs[:2]))

    assert activations.shape == (2, 512, 7, 7)
    assert logits.shape == (2, 2)
    assert not script.training


@pytest.mark.slow
def test_the_program_takes_any_number_of_photographs_and_any_side(
    script: Any, program: Any, inputs: torch.Tensor
) -> None:
    module = program.module()
    with torch.inference_mode():
        for batch in (inputs[:1], inputs, inputs[:2, :, :192, :192]):
            torch.testing.assert_close(module(batch), script(batch))


@pytest.mark.slow
def test_attributions_of_the_program_equal_those_of_the_script(
    exported: tuple[Path, float], script: Any, program: Any, inputs: torch.Tensor
) -> None:
    def task(model: Any) -> AttributionTask:
        with torch.inference_mode():
            return AttributionTask(model, inputs[:1], script.features(inputs[:1]), 1)

    for method, model in (
        (saliency, program.module()),
        (grad_cam, load_program(exported[0] / PROGRAM)),
    ):
        expected, found = method(task(script)).values, method(task(model)).values
        assert np.ptp(expected) > 0
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_", "shift"), [("TorchScript", 1e-2), ("torch.export", float("nan"))]
)
def test_a_model_that_answers_otherwise_is_not_exported(
    tmp_path: Path,
    network: Backbone,
    head: Head,
    check: list[Photograph],
    monkeypatch: pytest.MonkeyPatch,
    format_: str,
    shift: float,
) -> None:
    loader = {"TorchScript": torch.jit, "torch.export": torch.export}[format_]
    load = loader.load

    def tampered(file: Any) -> Any:
        model = load(file)
        state = model.state_dict if format_ == "torch.export" else model.state_dict()
        with torch.no_grad():
            state["head.2.bias"] += torch.tensor([0.0, shift])
        return model

    monkeypatch.setattr(loader, "load", tampered)
    for name in ("model.pt", PROGRAM):
        (tmp_path / name).write_bytes(b"former")

    with pytest.raises(ParityError, match=rf"^{format_} and .*over 9 photographs.*not exported"):
        export.export(network, head, tmp_path, check)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "model.pt": b"former",
        PROGRAM: b"former",
    }


@pytest.mark.slow
def test_a_difference_just_above_the_tolerance_ends_the_run(
    tmp_path: Path, network: Backbone, head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "parity", lambda *_: {"TorchScript": 0.0, "torch.export": 1.1e-5})

    with pytest.raises(ParityError):
        export.export(network, head, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


class Shifted(nn.Module):
    """Adds to the log-odds of one photograph of a batch."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row, self.seen = row, 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(inputs), 2)
        if self.seen <= self.row < self.seen + len(inputs):
            logits[self.row - self.seen, 1] = 1.0
        self.seen += len(inputs)
        return logits


@pytest.mark.parametrize("row", [0, 7, 8])
def test_parity_is_the_largest_difference_over_all_photographs(
    check: list[Photograph], row: int
) -> None:
    expected = 1 / (1 + np.exp(-1)) - 0.5

    found = export.parity(Shifted(99), {"other": Shifted(row), "same": Shifted(99)}, check)

    assert found == {"other": pytest.approx(expected, abs=1e-6), "same": 0}


def test_the_head_is_pooling_and_one_layer(head: Head) -> None:
    model = SplitResNet(nn.Identity(), head.layer())
    activations = torch.randn(2, 512, 7, 7, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = model(activations)

    log_odds = head.log_odds(activations.mean(dim=(2, 3)).numpy())
    np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).numpy(), log_odds, atol=1e-4)
