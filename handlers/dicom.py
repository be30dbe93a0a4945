"""Take the picture out of a DICOM object; nothing else of it is kept, no name and no identifier.

Objects of cameras and dermatoscopes, uncompressed or JPEG (DICOM PS3.3, VL Photographic and
Dermoscopic Photography Image). The result is an ordinary JPEG or PNG file, so that every check and
every limit of those holds for it.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any, Final

from PIL import Image

from handlers.structure import BROKEN, ImageError

KINDS: Final = {
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image",
    "1.2.840.10008.5.1.4.1.1.77.1.7": "Dermoscopic Photography Image",
}
"""SOP classes that are read, by UID."""
UNCOMPRESSED: Final = {"1.2.840.10008.1.2": True, "1.2.840.10008.1.2.1": False}
"""Transfer syntaxes of plain pixels, and whether they leave out the types of values."""
JPEG: Final = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
"""Transfer syntaxes of 8-bit JPEG, baseline and extended."""
MODES: Final = {"RGB": "RGB", "YBR_FULL": "YCbCr", "MONOCHROME2": "L"}
"""Pillow's modes of plain pixels, by photometric interpretation."""
READS: Final = 100_000
"""Reads of a file that parsing may take; a camera's object takes some hundreds."""
_TAGS: Final = (
    *("SOPClassUID", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"),
    *("PhotometricInterpretation", "PlanarConfiguration", "PixelData", "ICCProfile"),
)
_START: Final = b"\xff\xd8"
_PROFILE: Final = b"ICC_PROFILE\0"
_MOST: Final = 65_000
"""Bytes of a colour profile in one segment of a JPEG file."""

# It logs and warns with the values that it finds odd, and those may be a patient's.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


class _Bounded(io.BytesIO):
    """A file object that can be read so many times: a hostile object has millions of elements."""

    left = READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ImageError(BROKEN)
        return super().read(size)


def picture_of(data: bytes) -> bytes:
    """Return the picture of a DICOM object as a JPEG or PNG file.

    Args:
        data: the object, a file of DICOM PS3.10.

    Raises:
        ImageError: it is broken, of another kind, or stored in a way that is not read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _picture(data)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises many kinds on damaged objects
        raise ImageError(BROKEN) from error


def _picture(data: bytes) -> bytes:
    import pydicom

    syntax = _transfer_syntax(data)
    if syntax not in UNCOMPRESSED and syntax not in JPEG:
        raise _refused("stored with another compression than baseline JPEG")
    found = pydicom.dcmread(_Bounded(data), specific_tags=list(_TAGS))
    if found.get("SOPClassUID") not in KINDS:
        raise _refused(f"none of: {', '.join(KINDS.values())}")
    if int(found.get("NumberOfFrames") or 1) != 1:
        raise _refused("of several frames")
    if found.BitsAllocated != 8:
        raise _refused("of more than 8 bits a sample")
    profile = bytes(found.get("ICCProfile") or b"")
    profile = profile[: int.from_bytes(profile[:4], "big")]  # without its padding
    if syntax in JPEG:
        return _jpeg(found, profile)
    return _png(found, profile)


def _transfer_syntax(data: bytes) -> str:
    """Read the file meta information only: a deflated object is never inflated."""
    from pydicom.filereader import read_dataset, read_preamble

    file = _Bounded(data)
    read_preamble(file, force=False)
    meta = read_dataset(
        file,
        False,
        True,
        stop_when=lambda tag, kind, length: tag.group != 2,
    )
    return str(meta.TransferSyntaxUID)


def _jpeg(found: Any, profile: bytes) -> bytes:
    """Return the frame as a file: with its colours where only the object names them."""
    from pydicom.encaps import get_frame

    frame: bytes = get_frame(found.PixelData, 0, number_of_frames=1)
    if frame[:2] != _START:
        raise ImageError(BROKEN)
    segments = b""
    if found.PhotometricInterpretation == "RGB" and b"Adobe" not in frame[:1000]:
        segments += _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")  # no YCbCr
    if profile and _PROFILE not in frame[:100_000]:
        parts = [profile[at : at + _MOST] for at in range(0, len(profile), _MOST)]
        for number, part in enumerate(parts, 1):
            segments += _segment(0xE2, _PROFILE + bytes((number, len(parts))) + part)
    return _START + segments + frame[2:]


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def _png(found: Any, profile: bytes) -> bytes:
    """Return plain pixels as a PNG file that is not compressed."""
    mode = MODES.get(found.PhotometricInterpretation)
    if mode is None:
        raise _refused(f"of colours that are not one of: {', '.join(MODES)}")
    size = (int(found.Columns), int(found.Rows))
    bands = Image.getmodebands(mode)
    plane = size[0] * size[1]
    pixels = found.PixelData[: plane * bands]
    if not plane or len(pixels) < plane * bands:
        raise ImageError(BROKEN)
    if bands > 1 and found.get("PlanarConfiguration") == 1:
        planes = [pixels[at : at + plane] for at in range(0, len(pixels), plane)]
        picture = Image.merge(mode, [Image.frombytes("L", size, one) for one in planes])
    else:
        picture = Image.frombytes(mode, size, pixels)
    stream = io.BytesIO()
    rgb = picture.convert("RGB") if mode == "YCbCr" else picture
    rgb.save(stream, "PNG", compress_level=0, icc_profile=profile or None)
    return stream.getvalue()


def _refused(what: str) -> ImageError:
    return ImageError(
        f"the DICOM object is {what}: export the picture as JPEG or PNG from the program that "
        "shows it",
        "dicom",
    )
