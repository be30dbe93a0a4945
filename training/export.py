"""The model's files: TorchScript and a ``torch.export`` program.

Both are split so that the activations before pooling can be reached, and checked against the eager
model at every export; a difference ends the run.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from handlers.imaging import centre_view, decode, to_tensor
from handlers.network import head_of
from handlers.variants import PROGRAM
from training.backbone import Backbone
from training.dataset import Photograph
from training.errors import TrainingError
from training.files import atomic_write
from training.head import Head

TOLERANCE: Final = 1e-5
"""Largest difference of a probability between an exported model and eager."""


class ParityError(TrainingError):
    """The exported model gives other predictions than the original one."""


class SplitResNet(nn.Module):
    """``features``: (n, 3, 224, 224) to (n, width, 7, 7); ``head``: that to logits (n, 2)."""

    def __init__(self, features: nn.Module, layer: nn.Linear) -> None:
        """Take the convolutions and the final layer."""
        super().__init__()
        self.features = features
        self.head = head_of(layer)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n, 2) of normalised photographs of shape (n, 3, 224, 224)."""
        return self.head(self.features(inputs))  # type: ignore[no-any-return]


def export(backbone: Backbone, head: Head, folder: Path, check: Sequence[Photograph]) -> float:
    """Write ``model.pt`` and ``model.pt2``, and check that they predict as the eager model does.

    Args:
        backbone: the frozen network.
        head: the fitted final layer.
        folder: of the files.
        check: photographs to compare the answers on.

    Returns:
        The largest difference of a probability over the photographs.

    Raises:
        ParityError: it is above 1e-5; nothing is written then.
    """
    eager = split(backbone, head)
    with (
        warnings.catch_warnings(),
        atomic_write(folder / "model.pt") as script,
        atomic_write(folder / PROGRAM) as program,
    ):
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        scripted(eager).save(str(script))
        with program.open("wb+") as file:
            torch.export.save(traced(eager), file)
            file.seek(0)
            loaded = {
                "TorchScript": torch.jit.load(str(script)),
                "torch.export": torch.export.load(file).module(),
            }
        differences = parity(eager, loaded, check)
        for name, difference in differences.items():
            if not difference <= TOLERANCE:
                raise ParityError(
                    f"{name} and eager differ by {difference:.1e} in a probability (at most "
                    f"{TOLERANCE:.0e} is accepted, over {len(check)} photographs): not exported"
                )
    return max(differences.values())


def split(backbone: Backbone, head: Head) -> SplitResNet:
    """Return a fitted model in two parts, the form of the archive."""
    model = SplitResNet(backbone.convolutions(), head.layer()).eval()
    # Those of a fit may be parts of one tensor, or have channels last, which torch.export warns of.
    for parameter in model.parameters():
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    return model


def scripted(model: SplitResNet) -> Any:
    """Return a model as TorchScript, in which it is served and converted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        return torch.jit.script(model)


def traced(model: SplitResNet) -> torch.export.ExportedProgram:
    """Trace a model for any number of photographs of any side that is a multiple of 32 pixels."""
    count, cells = torch.export.Dim("photographs"), torch.export.Dim("cells", min=1)
    stages = [f"features.{name}" for name, _ in model.features.named_children()]
    return torch.export.export(
        model,
        (torch.zeros(2, 3, 224, 224),),
        dynamic_shapes={"inputs": {0: count, 2: 32 * cells, 3: 32 * cells}},
        # Of the parts that are also called separately.
        preserve_module_call_signature=("features", "head", *stages),
    )


def parity(
    eager: nn.Module, others: Mapping[str, Any], photographs: Sequence[Photograph]
) -> dict[str, float]:
    """Return each model's largest difference of P(cancer) from the eager model over photographs."""
    inputs = torch.stack(
        [to_tensor(centre_view(decode(photo.path.read_bytes()))) for photo in photographs]
    )
    with torch.inference_mode():
        expected, *found = (
            torch.cat([torch.softmax(model(part), dim=1)[:, 1] for part in inputs.split(8)])
            for model in (eager, *others.values())
        )
    return {
        name: float((own - expected).abs().max()) for name, own in zip(others, found, strict=True)
    }
