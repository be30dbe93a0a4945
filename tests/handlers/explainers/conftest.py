"""One synthetic lesion and its question, put to the model of the session, scripted or eager."""

from collections.abc import Callable

import pytest
import torch
from PIL import Image

from handlers.classifier import Classifier
from handlers.explainers.task import AttributionTask
from handlers.imaging import centre_view, to_tensor
from tests.handlers.explainers.known import noise


@pytest.fixture(scope="package")
def inputs(drawn: Callable[..., Image.Image]) -> torch.Tensor:
    return to_tensor(centre_view(drawn(11, 1))).unsqueeze(0)


@pytest.fixture(scope="package")
def activations(classifier: Classifier, inputs: torch.Tensor) -> torch.Tensor:
    return classifier.forward(inputs).activations


@pytest.fixture(scope="package")
def why_cancer(
    classifier: Classifier, inputs: torch.Tensor, activations: torch.Tensor
) -> AttributionTask:
    """The question that the service asks: a scripted model, a photograph, the class cancer."""
    return AttributionTask(classifier.model, inputs, activations, 1)


@pytest.fixture(scope="package")
def picture() -> torch.Tensor:
    return noise(0)
