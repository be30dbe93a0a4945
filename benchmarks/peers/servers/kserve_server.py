"""KServe's own Python server: ``python kserve_server.py MODEL PORT``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import kserve
from classifier import Classifier


class Melanoma(kserve.Model):  # type: ignore[misc]
    """V1 predict and explain."""

    def __init__(self, model: Path) -> None:
        """Load the model."""
        super().__init__("melanoma")
        self.classifier = Classifier(model)
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Answer ``:predict``."""
        texts = [instance["data"] for instance in payload["instances"]]
        return {"predictions": self.classifier.predict(texts)}

    def explain(self, payload: Any, headers: Any = None) -> Any:
        """Answer ``:explain``."""
        texts = [instance["data"] for instance in payload["instances"]]
        return {"explanations": self.classifier.explain(texts)}


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False, workers=1).start(
        [Melanoma(Path(sys.argv[1]))]
    )
