"""Decode a file into an upright RGB picture: the one decoder of service, page and training.

Needs Pillow only, so that the page's image holds neither NumPy nor torch.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageFile

from handlers.colours import PROFILE, to_srgb
from handlers.structure import (
    BROKEN,
    LIMITS,
    NOT_AN_IMAGE,
    WHOLE,
    Box,
    ImageError,
    Limits,
    Structure,
    formats,
    inspect,
)

SIDE: Final = 224
"""Pixels per side of the square that the model sees."""

BAND: Final = 1_000_000
"""Pixels that are composited on white at a time."""

COARSE: Final = 16
"""Pixels per side of the copy that tells in which order a picture is scaled."""

_TRANSPOSED: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own guard only warns up to twice its limit; ours reads the header and is exact.
Image.MAX_IMAGE_PIXELS = None


class _Metered(io.BytesIO):
    """A file object with limited processor time; Pillow reads it in blocks of 64 KiB."""

    def __init__(self, data: bytes, seconds: float, clock: Callable[[], float]) -> None:
        super().__init__(data)
        self._clock = clock
        self._end = clock() + seconds
        self._seconds = seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if self._clock() > self._end:
            raise ImageError(
                f"the image is not decoded after {self._seconds:g} s of processor time: "
                "scale the photograph down, or save it as a baseline JPEG",
                "too_complex",
                seen=f"{self._seconds:g} s",
                limit=f"{self._seconds:g} s",
            )
        return super().read(size)


def decode(
    data: bytes,
    limits: Limits = LIMITS,
    clock: Callable[[], float] = time.thread_time,
    box: Box = WHOLE,
) -> Image.Image:
    """Decode a JPEG, PNG or WebP file into an upright RGB picture; others if switched on.

    The file's structure is walked and checked before a pixel is decoded, so that no file costs more
    than it may; only what the pixels need is decoded. Of an animated file the first frame is taken.
    A large JPEG is decoded at a half, a quarter or an eighth of its size. Its square keeps three
    times what the model sees, except where that of a small box would exceed the limits.

    Args:
        data: the bytes of the file.
        limits: of the file.
        clock: processor time, in seconds.
        box: the part that the model is to see. The result is the whole picture all the same.

    Returns:
        A picture of mode RGB in the orientation in which its camera was held, perhaps smaller
        than the file's. Where the file names a colour space, ``info["icc_profile"]`` has it:
        :func:`handlers.colours.to_srgb` converts, and :func:`framed_view` does it by itself.

    Raises:
        ImageError: not an image, an unsupported format, too large, too small, too complex or
            broken.
    """
    data = contained(data)
    structure = inspect(data, limits, box)
    # A package that cannot be imported is the server's fault, not the file's.
    opener = _heif_opener(structure) if structure.is_heif else None
    try:
        picture = _load(structure, opener, limits.max_seconds, clock)
        transposition = _TRANSPOSED.get(structure.orientation)
        if transposition is not None:
            picture = picture.transpose(transposition)
        rgb = _rgb(picture)
        rgb.info.clear()
        if structure.profile:
            rgb.info[PROFILE] = structure.profile
        return rgb
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds on damaged files
        raise ImageError(BROKEN) from error


def contained(data: bytes) -> bytes:
    """Return the picture of a DICOM object as a file of its own, and any other file as it is.

    Raises:
        ImageError: the object is broken or not read; DICOM that is not switched on is returned.
    """
    if not formats.is_dicom(data) or not formats.dicom_enabled():
        return data
    from handlers import dicom

    return dicom.picture_of(data)


def centre_view(picture: Image.Image, side: int = SIDE) -> Image.Image:
    """Crop the model's input: the centre square of a picture, in sRGB.

    Args:
        picture: of mode RGB, from :func:`decode`.
        side: pixels per side of the result.
    """
    return framed_view(picture, WHOLE, side)


def framed_view(picture: Image.Image, box: Box, side: int = SIDE) -> Image.Image:
    """Crop the model's input: the square of a box of a picture, in sRGB.

    Converted to sRGB last: of so few pixels that takes a millisecond, of twelve million 300.

    Args:
        picture: of mode RGB, from :func:`decode`.
        box: whose square is wanted.
        side: pixels per side of the result.
    """
    return to_srgb(_scaled(picture, box.square(picture.size), side))


def _scaled(
    picture: Image.Image, square: tuple[float, float, float, float], side: int
) -> Image.Image:
    """Scale a square part so that a transposed picture gives the transposed result.

    Pillow scales along the rows, rounds, and then scales along the columns. The picture itself
    tells which of its sides count as rows, so that the order does not depend on the camera.
    """
    shape, method = (side, side), Image.Resampling.BILINEAR
    if picture.size == shape or not _varies_down(picture, square):
        return picture.resize(shape, method, box=square)
    left, top, right, bottom = square
    width = picture.width
    rows = picture.resize((width, side), method, box=(0, top, width, bottom))
    return rows.resize(shape, method, box=(left, 0, right, side))


def _varies_down(picture: Image.Image, square: tuple[float, float, float, float]) -> bool:
    """Whether brightness changes more from top to bottom than from left to right."""
    shape, method = (COARSE, COARSE), Image.Resampling.BOX
    # The gap lets Pillow skip most of the work on a large picture.
    small = picture.resize(shape, method, box=square, reducing_gap=COARSE).convert("L")
    places = range(1 - COARSE, COARSE, 2)
    values = small.tobytes()
    across = sum(place * sum(values[i::COARSE]) for i, place in enumerate(places))
    down = sum(place * sum(values[i * COARSE : (i + 1) * COARSE]) for i, place in enumerate(places))
    return abs(down) > abs(across)


def _load(
    structure: Structure,
    opener: type[ImageFile.ImageFile] | None,
    max_seconds: float,
    clock: Callable[[], float],
) -> Image.Image:
    """Load the visible part of the picture in the file's orientation, in Pillow's mode."""
    seconds = max_seconds if structure.format == "PNG" else float("inf")
    file = _Metered(structure.file(), seconds, clock)
    picture: Image.Image = (
        Image.open(file, formats=[structure.format]) if opener is None else opener(file)
    )
    if picture.size != (structure.width, structure.height):
        raise ImageError(BROKEN)  # the decoder sees another file than the one that was checked
    reduction = structure.reduction
    picture.draft(None, (structure.width // reduction, structure.height // reduction))
    picture.load()
    return picture if structure.crop is None else picture.crop(structure.crop)


def _heif_opener(structure: Structure) -> type[ImageFile.ImageFile]:
    """Return the class that opens a file, set to decode in one thread, which bounds its cost.

    The decoder is imported when the first file of its type arrives.
    """
    if structure.format == "AVIF":
        from PIL import AvifImagePlugin

        if not AvifImagePlugin.SUPPORTED:
            raise ImageError(f"{NOT_AN_IMAGE}: this server's Pillow has no AVIF", "avif")
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        return AvifImagePlugin.AvifImageFile
    import pillow_heif

    # libheif's own limits of memory and items stay on (DISABLE_SECURITY_LIMITS).
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    opener: type[ImageFile.ImageFile] = pillow_heif.HeifImageFile
    return opener


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        # Keep the high byte. Pillow's own conversion clips at 255 and would turn the
        # picture white.
        picture = Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    if "A" in picture.getbands() or "transparency" in picture.info:
        return _on_white(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    """Composite a picture with transparency on white, band by band to bound the memory."""
    width, height = picture.size
    result = Image.new("RGB", picture.size)
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        box = (0, top, width, min(height, top + rows))
        band = picture.crop(box).convert("RGBA")
        if band.getchannel("A").getextrema() != (255, 255):
            white = Image.new("RGBA", band.size, "white")
            band = Image.alpha_composite(white, band)
        result.paste(band.convert("RGB"), box)
    return result
