"""MLServer's runtimes, one model each; ``mlserver start FOLDER`` finds them by their settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from classifier import Classifier
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Predict(MLModel):  # type: ignore[misc]
    """V2 inference of one BYTES tensor of base64 text."""

    async def load(self) -> bool:
        """Load the model."""
        self.classifier = Classifier(Path(self.settings.parameters.uri))
        return True

    def _answers(self, texts: list[str]) -> list[dict[str, Any]]:
        return self.classifier.predict(texts)

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request, or several that MLServer has batched."""
        texts = list(payload.inputs[0].data)
        answers = [json.dumps(answer) for answer in self._answers(texts)]
        output = ResponseOutput(name="answer", shape=[len(answers)], datatype="BYTES", data=answers)
        return InferenceResponse(model_name=self.name, outputs=[output])


class Explain(Predict):
    """The same for explanations."""

    def _answers(self, texts: list[str]) -> list[dict[str, Any]]:
        return self.classifier.explain(texts)
