"""LitServe: ``python litserve_server.py MODEL PORT``."""

# Annotations are not postponed: LitServe reads those of decode_request and encode_response.
import sys
from pathlib import Path
from typing import Any

import litserve
from classifier import Classifier


class Predict(litserve.LitAPI):  # type: ignore[misc]
    """Batches of predictions."""

    def setup(self, device: str) -> None:
        """Load the model in the worker."""
        self.classifier = Classifier(Path(sys.argv[1]))

    def decode_request(self, request: dict[str, Any]) -> str:
        """The photograph of a V1 body."""
        return str(request["instances"][0]["data"])

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Answer a batch."""
        return self.classifier.predict(texts)

    def encode_response(self, answer: dict[str, Any]) -> dict[str, Any]:
        """One answer of the batch."""
        return {"predictions": [answer]}


class Explain(Predict):
    """The same for explanations."""

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Answer a batch."""
        return self.classifier.explain(texts)


if __name__ == "__main__":
    apis = [
        kind(max_batch_size=8, batch_timeout=0.001, api_path=f"/{kind.__name__.lower()}")
        for kind in (Predict, Explain)
    ]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
    )
