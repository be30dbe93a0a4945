"""Decode and forward without a server: ``python in_process.py ARCHIVE`` (an unpacked .mar).

The modules are those of the archive, as in the server. Each line on standard input holds
photographs as base64; each answer is a line of seconds, of decoding and of the forward pass of each
backend, and of ``eager``: torchvision's own network with the same weights.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

WARM = 5


def main() -> None:
    """Answer until standard input ends."""
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder))
    import torch

    from handlers import backends, imaging, threads
    from handlers.classifier import Classifier
    from handlers.network import load_torchscript

    logging.disable(logging.WARNING)  # backends that cannot run here are left out
    cores = threads.cores()
    torch.set_num_threads(cores)
    chosen = Classifier.load(folder, "", cores)
    ready: dict[str, Any] = {"eager": eager(load_torchscript(folder))}
    for name in backends.NAMES:
        classifier = Classifier.load(folder, name, cores)
        if classifier.backend.name == name:
            ready[name] = classifier.forward
    print(json.dumps({"chosen": chosen.backend.name, "names": list(ready)}), flush=True)
    for line in sys.stdin:
        decoding: list[float] = []
        forward: dict[str, list[float]] = {name: [] for name in ready}
        for number, text in enumerate(json.loads(line)):
            photograph = base64.b64decode(text)
            start = time.perf_counter()
            inputs = imaging.preprocess(imaging.decode(photograph)).inputs[None]
            decoding.append(time.perf_counter() - start)
            for name, run in ready.items():
                for _ in range(1 if number else WARM):
                    start = time.perf_counter()
                    run(inputs)
                    took = time.perf_counter() - start
                forward[name].append(took)
        print(json.dumps({"decode": decoding, "forward": forward}), flush=True)


def eager(model: Any) -> Any:
    """The forward pass of torchvision's ResNet-18, float32, in its usual form."""
    import torch
    from torchvision.models import resnet18

    network = torch.nn.Sequential(*list(resnet18().children())[:-2]).eval()
    network.load_state_dict(model.features.state_dict())
    head = model.head

    def run(inputs: Any) -> Any:
        with torch.inference_mode():
            return head(network(inputs))

    return run


if __name__ == "__main__":
    main()
