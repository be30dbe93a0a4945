"""Structure of image files and the cost of decoding them, read before anything is decoded.

Standard library only. A file is reduced to the parts that its pixels need: what cameras, editors
and attackers add besides them reaches no decoder.
"""

from handlers.structure.errors import BROKEN, NOT_AN_IMAGE, ImageError
from handlers.structure.inspection import inspect
from handlers.structure.layout import Structure

__all__ = ["BROKEN", "NOT_AN_IMAGE", "ImageError", "Structure", "inspect"]
