"""State of a request on its way through the stages of the service."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from PIL import Image

from handlers import explanation, protocol
from handlers.classifier import Decision, Forward
from handlers.protocol import Request, RequestError


@dataclass(frozen=True)
class RawRequest:
    """One request as the server received it."""

    body: bytes
    verb: protocol.Verb
    content_type: str = ""
    method: str | None = None
    target: str | None = None
    probe: bool = False
    """Whether it is a health probe of the server itself, which metrics do not count."""


@dataclass(frozen=True)
class PreprocessedImage:
    """One photograph, preprocessed for the model."""

    view: Image.Image
    inputs: torch.Tensor
    """Shape (3, 224, 224)."""
    statistics: dict[str, float]


@dataclass(frozen=True)
class ClassifiedImage:
    """One photograph with its prediction."""

    prepared: PreprocessedImage
    forward: Forward
    decision: Decision


@dataclass
class RequestState:
    """One request on its way through the stages; ``error`` ends it early."""

    place: int
    """Index of the request in the batch."""
    row: RawRequest
    request: Request | None = None
    prepared: list[PreprocessedImage] = field(default_factory=list)
    photographs: list[ClassifiedImage] = field(default_factory=list)
    seen: list[tuple[Decision, dict[str, float]]] = field(default_factory=list)
    """Statistics of each photograph for the metrics, kept when the photograph is released."""
    answer: str = ""
    error: RequestError | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it has not failed and its explanation takes longer than some predictions."""
        request = self.request
        if self.error is not None or request is None or request.verb != "explain":
            return False
        return any(map(explanation.is_slow, request.instances))
