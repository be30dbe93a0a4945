"""The same network with the usual preprocessing of an ImageNet network: TorchScript or OpenVINO."""

from __future__ import annotations

import base64
import io
import json
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
        """Load ``model.pt``, or the OpenVINO network that a JSON document names."""
        self.side = 224
        if path.suffix == ".json":
            self.features, self.head = self._openvino(path)
        else:
            warnings.filterwarnings("ignore", message=".*torch.jit", category=FutureWarning)
            model = torch.jit.load(path).eval()
            self.features, self.head = torch.jit.freeze(model.features.eval()), model.head
        self.prepare = transforms.Compose(
            [
                transforms.Resize(self.side),
                transforms.CenterCrop(self.side),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )
        for _ in range(3):
            self._activations(torch.zeros(1, 3, self.side, self.side))

    def _openvino(self, path: Path) -> tuple[Any, Any]:
        """Compile the network for any number of photographs; make its final layer."""
        import openvino

        described = json.loads(path.read_text(encoding="utf-8"))
        self.side = described["side"]
        core = openvino.Core()
        network = core.read_model(path.with_name(described["file"]))
        network.reshape([-1, 3, self.side, self.side])
        compiled = core.compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        layer = torch.nn.Linear(len(described["weights"]), 2)
        with torch.no_grad():
            weights = torch.tensor(described["weights"])
            layer.weight.copy_(torch.stack([torch.zeros_like(weights), weights]))
            layer.bias.copy_(torch.tensor([0.0, described["bias"]]))
        head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(1), layer)
        return lambda inputs: torch.from_numpy(compiled(inputs.numpy())[0]), head

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
