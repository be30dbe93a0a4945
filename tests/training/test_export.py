"""The exported model predicts as the eager one, or is not exported."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handlers.imaging import centre_view, decode, to_tensor
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
    path = tmp_path_factory.mktemp("exported") / "model" / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nor is a user told that TorchScript is deprecated
        return path, export.export(network, head, path, check)


def probabilities(model: Any, inputs: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(torch.softmax(model(inputs), dim=1)[:, 1].numpy())


def test_the_script_answers_as_backbone_and_head_do(
    exported: tuple[Path, float], network: Backbone, head: Head, inputs: torch.Tensor
) -> None:
    path, difference = exported
    script = torch.jit.load(path)
    with torch.inference_mode():
        pooled = network.convolutions()(inputs).mean(dim=(2, 3)).numpy()
    expected = 1 / (1 + np.exp(-head.log_odds(pooled)))

    np.testing.assert_allclose(probabilities(script, inputs), expected, atol=1e-5)
    assert 0 <= difference <= export.TOLERANCE
    assert list(path.parent.iterdir()) == [path]
    assert np.ptp(expected) > 1e-3  # an answer that never varies would agree by chance


def test_the_activations_can_be_reached_in_the_loaded_script(
    exported: tuple[Path, float], network: Backbone, inputs: torch.Tensor
) -> None:
    script = torch.jit.load(exported[0])
    with torch.inference_mode():
        activations = script.features(inputs[:2])
        logits = script.head(activations)
        torch.testing.assert_close(logits, script(inputs[:2]))
        torch.testing.assert_close(activations, network.convolutions()(inputs[:2]))

    assert activations.shape == (2, 512, 7, 7)
    assert logits.shape == (2, 2)
    assert not script.training


def test_a_model_that_answers_otherwise_is_not_exported(
    tmp_path: Path,
    network: Backbone,
    head: Head,
    check: list[Photograph],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = torch.jit.load

    def tampered(file: str) -> Any:
        script = whole(file)
        with torch.no_grad():
            dict(script.named_parameters())["head.2.bias"] += torch.tensor([0.0, 1e-2])
        return script

    monkeypatch.setattr(torch.jit, "load", tampered)
    path = tmp_path / "model.pt"
    path.write_bytes(b"former")

    with pytest.raises(ParityError, match=r"over 9 photographs.*not exported"):
        export.export(network, head, path, check)
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("difference", [1.1e-5, float("nan"), float("inf")])
def test_a_difference_above_the_tolerance_or_none_at_all_ends_the_run(
    tmp_path: Path,
    network: Backbone,
    head: Head,
    monkeypatch: pytest.MonkeyPatch,
    difference: float,
) -> None:
    monkeypatch.setattr(export, "parity", lambda *_: difference)

    with pytest.raises(ParityError):
        export.export(network, head, tmp_path / "model.pt", [])
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

    assert export.parity(Shifted(99), Shifted(row), check) == pytest.approx(expected, abs=1e-6)
    assert export.parity(Shifted(99), Shifted(99), check) == 0


def test_the_head_is_pooling_and_one_layer(head: Head) -> None:
    model = SplitResNet(nn.Identity(), head.layer())
    activations = torch.randn(2, 512, 7, 7, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = model(activations)

    log_odds = head.log_odds(activations.mean(dim=(2, 3)).numpy())
    np.testing.assert_allclose((logits[:, 1] - logits[:, 0]).numpy(), log_odds, atol=1e-4)
