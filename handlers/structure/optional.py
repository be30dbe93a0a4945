"""Switch for HEIC and AVIF: they are read if the package that decodes HEIC is installed.

One switch for both: either costs several times as much as a JPEG, and exposes large video decoders
to clients.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGE: Final = "pillow_heif"

HOW: Final = "the server's operator can switch it on: make setup HEIF=yes"


def is_installed() -> bool:
    """Whether HEIC and AVIF are read; the package is located, not imported."""
    return find_spec(PACKAGE) is not None
