"""Write thumbnails of the training photographs into the archive, where its owner chose so."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from PIL import Image

from handlers.card import Cases
from handlers.decoding import decode, framed_view
from handlers.documents import to_json
from handlers.reference import kept
from handlers.similar_cases import FILE, Thumbnails
from handlers.structure import WHOLE
from training.dataset import Photograph, Progress
from training.files import write_json
from training.parallel import map_ordered

SIDE: Final = 96
"""Pixels per side: enough to recognise a lesion. Two thousand of them take about 6 MB."""
QUALITY: Final = 70
"""Of the JPEG."""


def write(folder: Path, train: Sequence[Photograph], shown: str, progress: Progress) -> Cases:
    """Write ``thumbnails.json``, or make sure that there is none.

    Args:
        folder: of the trained model.
        train: the train folder, in the order in which features are fitted.
        shown: ``labels`` or ``thumbnails``, from the settings.
        progress: told of each photograph.

    Returns:
        What the card says of it.
    """
    path = folder / FILE
    path.unlink(missing_ok=True)
    if shown != "thumbnails":
        return Cases(shown)
    chosen = [train[place] for place in kept(len(train))]
    jpeg: list[str] = []
    with closing(map_ordered(thumbnail, chosen)) as made:
        for number, data in enumerate(made, 1):
            jpeg.append(base64.b64encode(data).decode("ascii"))
            progress("thumbnails", number, len(chosen))
    write_json(path, to_json(Thumbnails(SIDE, jpeg)))
    return Cases(shown, hashlib.sha256(path.read_bytes()).hexdigest())


def thumbnail(photograph: Photograph) -> bytes:
    """Make a JPEG of the square that the model sees, without anything else of the file."""
    view = framed_view(decode(photograph.path.read_bytes()), WHOLE, SIDE)
    # A new picture: comments and colour profiles of the file would go with the old one.
    bare = Image.frombytes("RGB", view.size, view.tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
