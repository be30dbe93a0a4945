"""Groups of photographs, such as site or skin type, that figures are kept apart by.

Only what the operator declares is taken, so that clients can neither add series to the metrics nor
put anything about a person into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Groups = tuple[tuple[str, str], ...]
"""Attributes of a photograph, each with the group that it falls into."""

MOST: Final = 64
"""Groups that may be declared, over all attributes: each has four series a version and replica."""
EXAMPLE: Final = "site=north,south;skin_type=I,II,III,IV,V,VI"
STATED: Final = "site=north;skin_type=II"
"""Example of the groups of a photograph, as text."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}")


def stated(text: str) -> dict[str, str]:
    """Read the groups of a photograph that are no JSON, such as ``site=north;skin_type=II``.

    Raises:
        ValueError: it is written in another way; the message does not repeat it.
    """
    parts = _parts(text)
    if not parts or not all(name and group and "=" not in group for _, name, group in parts):
        raise ValueError(f"the groups are not written as in {STATED}")
    found = {name: group for _, name, group in parts}
    if len(found) < len(parts):
        raise ValueError("the groups have an attribute twice")
    return found


def _parts(text: str) -> list[tuple[str, str, str]]:
    """Split ``site=north;skin_type=II``: each part, its attribute, and what follows the ``=``."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    pieces = [part.partition("=") for part in parts]
    return [
        (part, name.strip(), rest.strip())
        for part, (name, _, rest) in zip(parts, pieces, strict=True)
    ]


@dataclass(frozen=True)
class DeclaredGroups:
    """The attributes that a photograph may have, each with its groups."""

    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> DeclaredGroups:
        """Read a declaration, such as ``site=north,south;skin_type=I,II``.

        Raises:
            ValueError: it says what is wrong with it.
        """
        found: dict[str, tuple[str, ...]] = {}
        for part, name, listed in _parts(text):
            groups = tuple(group.strip() for group in listed.split(","))
            for word in (name, *groups):
                if not _NAME.fullmatch(word):
                    raise ValueError(
                        f"{word!r} in {part!r} is no name of 1 to 32 letters, digits, and _ . + -; "
                        f"an example is {EXAMPLE}"
                    )
            if name in found or len(set(groups)) < len(groups):
                raise ValueError(f"{part!r} names something twice")
            found[name] = groups
        count = sum(map(len, found.values()))
        if count > MOST:
            raise ValueError(f"{count} groups; at most {MOST} may be declared, over all attributes")
        return cls(found)

    @property
    def every(self) -> Groups:
        """Each attribute with each of its groups."""
        return tuple((name, group) for name, groups in self.attributes.items() for group in groups)

    def read(self, value: Any) -> Groups:
        """Check the groups of one photograph.

        Args:
            value: as it stands in the request; None for no groups.

        Raises:
            ValueError: it is no object, or names what was not declared.
        """
        if value is None:
            return ()
        if not isinstance(value, dict):
            raise ValueError('"groups" is not an object such as {"site": "north"}')
        for name, group in value.items():
            if name not in self.attributes:
                raise ValueError(
                    f'"groups" has an attribute that this service does not take; {self._known}'
                )
            if group not in self.attributes[name]:
                raise ValueError(
                    f'"groups" has a {name} that this service does not know; there are: '
                    f"{', '.join(self.attributes[name])}"
                )
        return tuple(value.items())

    @property
    def _known(self) -> str:
        if not self.attributes:
            return "it takes none (its operator declares them as LESIONLENS_GROUPS)"
        return f"there are: {', '.join(self.attributes)}"
