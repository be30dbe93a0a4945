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
    """Limits of a request and of concurrency. Each field is ``LESIONLENS_<FIELD>``."""

    verbs: tuple[str, ...] = VERBS
    """Verbs of this server, separated by commas; others are answered with 404."""

    max_body_bytes: int = 20_000_000
    """Bytes of one request body, base64 and JSON included."""

    body_seconds: float = 60.0
    """Seconds until a body must have arrived."""

    body_bytes_per_second: int = 8_000
    """Minimum average rate of a body after its first five seconds."""

    header_seconds: float = 10.0
    """Seconds until the headers of a request must have arrived."""

    max_connections: int = 1_000
    """Maximum open connections."""

    max_in_flight: int = 128
    """Maximum requests in flight; more are rejected with 503 (load shedding)."""

    buffer_bytes: int = 256_000_000
    """Maximum bytes of all bodies in memory."""

    answer_seconds: float = 45.0
    """Seconds until a request must be answered, retries included; then it is answered with 503."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose scripts may call the service from a browser, separated by commas; ``*`` for
    any. Unset, none may."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> FrontSettings:
        """Read the settings; raises ValueError that names the variable and the expected value."""
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
