"""Limits of the front, from ``LESIONLENS_*`` variables.

A plain dataclass and not pydantic-settings: the serving image does without pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from serving.front.environment import parsed

VERBS: Final = ("predict", "explain")


@dataclass(frozen=True)
class FrontSettings:
    """What a client may send, and how much at once. Each field is ``LESIONLENS_<FIELD>``."""

    verbs: tuple[str, ...] = VERBS
    """That this server answers, separated by commas; others are answered with 404."""

    max_body_bytes: int = 20_000_000
    """Bytes of one request body, base64 and JSON included."""

    body_seconds: float = 60.0
    """Until a body must have arrived."""

    body_bytes_per_second: int = 8_000
    """That a body must arrive at, on average, after its first five seconds."""

    header_seconds: float = 10.0
    """Until the headers of a request must have arrived."""

    max_connections: int = 1_000
    """Open at once."""

    max_in_flight: int = 128
    """Requests that are being answered at once; others are rejected with 503 (load shedding)."""

    buffer_bytes: int = 256_000_000
    """Of bodies, all requests together, that are held in memory at once."""

    answer_seconds: float = 45.0
    """Until a request must be answered, repeats included; then it is answered with 503."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose scripts may call the service from a browser, separated by commas; ``*`` for
    any. Unset, none may."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> FrontSettings:
        """Read the settings; raises ValueError that names the variable and what it expects."""
        values: dict[str, object] = {}
        for field in fields(cls):
            name = f"LESIONLENS_{field.name.upper()}"
            if text := environment.get(name, "").strip():
                values[field.name] = parsed(name, str(field.type), text)
        settings = cls(**values)  # type: ignore[arg-type]
        if unknown := set(settings.verbs) - set(VERBS):
            raise ValueError(
                f"LESIONLENS_VERBS={','.join(sorted(unknown))!r} is not a verb; there are: "
                f"{', '.join(VERBS)}"
            )
        return settings
