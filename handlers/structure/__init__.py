"""Structure of image files and the cost of decoding them, read before anything is decoded.

Standard library only. A file is reduced to the parts that its pixels need: what cameras, editors
and attackers add besides them reaches no decoder.
"""

from handlers.structure.box import WHOLE, Box
from handlers.structure.costs import LIMITS, Limits
from handlers.structure.inspection import inspect
from handlers.structure.result import BROKEN, NOT_AN_IMAGE, ImageError, Structure

__all__ = [
    "BROKEN",
    "LIMITS",
    "NOT_AN_IMAGE",
    "WHOLE",
    "Box",
    "ImageError",
    "Limits",
    "Structure",
    "inspect",
]
