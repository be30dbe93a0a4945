"""Settings of outcomes, from ``LESIONLENS_*`` variables; off by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.front.environment import read


@dataclass(frozen=True)
class OutcomeSettings:
    """Settings of outcomes. Each field is ``LESIONLENS_<FIELD>``."""

    outcome_store: str = ""
    """Absolute path of the file in which used receipts and counts are kept (SQLite); made where it
    is not there. If set, ``:outcome`` is answered. Each server needs its own."""

    outcome_ids: int = 1_000_000
    """Used receipts that are kept at most, 100 bytes each, until they expire; with more, outcomes
    are answered with 503."""

    receipt_key: str = ""
    """The file of keys that the workers sign receipts with; each of them verifies. It is read again
    when it changes."""

    groups: str = ""
    """Declared groups, as the workers read them: their counts begin at zero."""

    @property
    def every_group(self) -> list[tuple[str, str]]:
        """Each declared attribute with each of its groups; the workers check the declaration."""
        found = []
        for part in filter(str.strip, self.groups.split(";")):
            attribute, _, listed = part.partition("=")
            found += [(attribute.strip(), group.strip()) for group in listed.split(",")]
        return found

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> OutcomeSettings:
        """Read the settings.

        Args:
            environment: variables of the process.

        Raises:
            ValueError: one that will not do, by name, with what it expects.
        """
        settings = read(cls, environment)
        for name in ("outcome_store", "receipt_key"):
            path = getattr(settings, name)
            if path and not Path(path).is_absolute():
                raise ValueError(
                    f"LESIONLENS_{name.upper()}={path!r} is not an absolute path of a file"
                )
        if settings.outcome_store and not settings.receipt_key:
            raise ValueError(
                "LESIONLENS_OUTCOME_STORE needs LESIONLENS_RECEIPT_KEY, to verify receipts"
            )
        return settings
