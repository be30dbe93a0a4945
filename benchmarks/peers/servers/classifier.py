"""The same TorchScript model, frozen, with the usual preprocessing of an ImageNet network."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision import transforms


class Classifier:
    """Predicts and explains (Grad-CAM) photographs given as base64 text."""

    def __init__(self, path: Path) -> None:
        """Load ``model.pt``."""
        warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
        self.prepare = transforms.Compose(
            [
                transforms.Resize(224),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )
        model = torch.jit.load(path).eval()
        self.features = torch.jit.freeze(model.features.eval())
        self.head = model.head
        for _ in range(3):
            self._activations(torch.zeros(1, 3, 224, 224))

    def inputs(self, text: str | bytes) -> torch.Tensor:
        """Preprocess one photograph to a tensor of shape (3, 224, 224)."""
        picture = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
        prepared: torch.Tensor = self.prepare(picture)
        return prepared

    def _activations(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            activations: torch.Tensor = self.features(inputs)
        return activations.clone()

    def predict(self, texts: Sequence[str | bytes]) -> list[dict[str, Any]]:
        """Probabilities of cancer."""
        activations = self._activations(torch.stack([self.inputs(text) for text in texts]))
        with torch.inference_mode():
            shares = torch.softmax(self.head(activations), dim=1)[:, 1].tolist()
        return [{"probability": share} for share in shares]

    def explain(self, texts: Sequence[str | bytes]) -> list[dict[str, Any]]:
        """Grad-CAM of cancer, 7 x 7 numbers and no picture."""
        activations = self._activations(torch.stack([self.inputs(text) for text in texts]))
        activations = activations.detach().clone().requires_grad_()
        logits = self.head(activations)
        (gradients,) = torch.autograd.grad(logits[:, 1].sum(), activations)
        maps = torch.relu((gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1))
        return [{"attribution": one} for one in maps.detach().tolist()]
