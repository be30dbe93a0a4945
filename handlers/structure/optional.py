"""HEIC and AVIF are read where an operator has installed the package that decodes HEIC.

One switch for both: either costs several times what a JPEG does, and brings large decoders of video
within the reach of clients.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGE: Final = "pillow_heif"

HOW: Final = "the server's operator can switch it on: make setup HEIF=yes"


def is_installed() -> bool:
    """Whether HEIC and AVIF are read; the package is looked for, not imported."""
    return find_spec(PACKAGE) is not None
