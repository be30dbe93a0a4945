"""Limits and budgets of the service, set by ``LESIONLENS_*`` variables.

A plain dataclass and not pydantic-settings: the archive must run where only torch, captum, pillow
and torchserve are installed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from handlers import backends
from handlers.groups import DeclaredGroups
from handlers.structure.costs import HEIF_MAX_COST, MAX_COST, MAX_SECONDS, Limits
from handlers.variants import Variant


@dataclass(frozen=True)
class HandlerSettings:
    """Limits of one request and of a worker. Each field is read from ``LESIONLENS_<FIELD>``."""

    max_instances: int = 16
    """Photographs in one V1 request."""

    max_body_bytes: int = 20_000_000
    """Bytes of one request body, base64 and JSON included."""

    max_pixels: int = 25_000_000
    """Pixels of one photograph, read from its header before anything is decoded."""

    min_side: int = 32
    """Pixels on the short side of a photograph."""

    decode_budget: float = MAX_COST
    """Megapixel equivalents that decoding the photographs of one request may cost, estimated from
    their structure: a megapixel of a phone's baseline JPEG is 1."""

    heif_decode_budget: float = HEIF_MAX_COST
    """The same for HEIC and AVIF, where they are switched on: a phone's HEIC of 12 megapixels costs
    four times the other budget."""

    decode_seconds: float = MAX_SECONDS
    """Processor seconds that inflating one PNG may take, whatever its structure says."""

    forward_batch: int = 8
    """Photographs in one forward pass; bounds the memory of a worker."""

    prevalence: float = 0.02
    """Share of cancers, above 0 and below 1, among the lesions that are photographed here; an
    answer's ``risk`` is the probability of cancer at it."""

    groups: str = ""
    """Attributes that a photograph may have and their groups, by which figures are kept apart, such
    as ``site=north,south;skin_type=I,II,III,IV,V,VI``; 64 groups at most."""

    receipt_key: str = ""
    """Absolute path of a file of secret keys, one of 32 characters or more a line: the first signs
    receipts of answers, all verify them. If set, a request may ask for receipts."""

    receipt_days: int = 180
    """Days for which a receipt is valid."""

    decision_log: bool = False
    """``true``: each photograph answered is one JSON line on standard output, without pixels or
    identity."""

    threads: int = 0
    """Threads of a forward pass; unset, the cores of the container, because the archive asks for
    one worker."""

    variant: str = ""
    """Serving variant; unset, the first of the card's order that the machine runs natively."""

    backend: str = ""
    """Backend of the convolutions; unset, the fastest of the variant that the machine can run."""

    batch_seconds: float = 0.75
    """Time budget of one batch in seconds; requests left after it are rejected with 503."""

    progress_seconds: float = 10.0
    """Seconds within which a worker that has a batch makes progress; then it counts as hung."""

    explain_seconds: float = 5.0
    """Seconds that one explanation may take; after that the request is answered with 503."""

    explain_batch_seconds: float = 30.0
    """Seconds that the explanations of one batch may take; later ones are answered with 503."""

    explain_max_concurrency: int = 1
    """Slow explanations that run at a time, over all workers of a server. More are rejected with
    503, so that a worker stays free for quick requests."""

    @property
    def image_limits(self) -> Limits:
        """Limits of one photograph."""
        return Limits(
            self.max_pixels,
            self.min_side,
            self.decode_budget,
            self.heif_decode_budget,
            self.decode_seconds,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> HandlerSettings:
        """Read the settings; raises ValueError that names the variable and the expected value."""
        environment = os.environ if environment is None else environment
        values: dict[str, float | str] = {}
        for field in fields(cls):
            name = f"LESIONLENS_{field.name.upper()}"
            text = environment.get(name, "").strip()
            if not text:
                continue
            if field.name == "variant":
                try:
                    values[field.name] = Variant.named(text).name
                except ValueError as error:
                    raise ValueError(f"{name}={error}") from None
                continue
            if field.name == "groups":
                try:
                    DeclaredGroups.parse(text)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
                values[field.name] = text
                continue
            if field.name == "receipt_key":
                values[field.name] = text
                continue
            if field.name == "backend":
                if text not in backends.NAMES:
                    known = ", ".join(backends.NAMES)
                    raise ValueError(f"{name}={text!r} is not a backend; there are: {known}")
                values[field.name] = text
                continue
            if field.type == "bool":
                if text not in ("true", "false"):
                    raise ValueError(f"{name}={text!r} is neither true nor false")
                values[field.name] = text == "true"
                continue
            kind: type[int] | type[float] = int if field.type == "int" else float
            try:
                value = kind(text)
            except ValueError:
                raise ValueError(f"{name}={text!r} is not a number ({kind.__name__})") from None
            if not 0 < value < float("inf"):
                raise ValueError(f"{name}={text!r} must be above zero and finite")
            if field.name == "prevalence" and value >= 1:
                raise ValueError(f"{name}={text!r} must be below 1, for example 0.02")
            values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]
