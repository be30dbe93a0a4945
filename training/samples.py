"""``python -m training.samples``: draw synthetic lesions to try the upload page with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageFilter

from training.files import atomic_write
from training.synthetic import BENIGN, MALIGNANT, draw

SIDE: Final = 600
"""Pixels per side."""

DRAWN: Final = ((11, BENIGN, 0.0), (12, MALIGNANT, 0.0), (13, BENIGN, 0.0), (14, MALIGNANT, 9.0))
"""Seed, class, and pixels of blur: one should get the reason ``low_quality``."""


def main() -> int:
    """Draw the samples into a folder."""
    folder = Path(sys.argv[1])
    for number, (seed, label, blur) in enumerate(DRAWN, 1):
        picture = Image.fromarray(draw(seed, label, size=SIDE, artefacts=()).image)
        with atomic_write(folder / f"{number}.jpg") as temporary:
            picture.filter(ImageFilter.GaussianBlur(blur)).save(temporary, "JPEG", quality=85)
    return 0


if __name__ == "__main__":
    sys.exit(main())
