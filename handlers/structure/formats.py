"""Recognise files of other formats by their first bytes, and say how to convert them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from handlers.structure.result import NOT_AN_IMAGE, ImageError, Kind

HEIF_PACKAGE: Final = "pillow_heif"
DICOM_PACKAGE: Final = "pydicom"
_HEIF_SWITCH: Final = "the server's operator can switch it on: make setup HEIF=yes"

HEAD: Final = 512
"""Bytes at the start of a file that are inspected."""

_BOX: Final = b"\0\0\0\x0c"
_FAMILY: Final = (b"avi", b"hei", b"hev", b"mif", b"msf")
"""First letters of brands."""
_AS_JPEG: Final = "save a copy as JPEG and send that"


@dataclass(frozen=True)
class _Other:
    """A format that is not decoded."""

    name: str
    matches: Callable[[bytes], bool]
    kind: Kind = "not_an_image"
    fix: str = ""


def heif_enabled() -> bool:
    """Whether HEIC and AVIF are read: where the package that decodes HEIC is installed.

    One switch for both: either costs several times as much as a JPEG, and exposes large video
    decoders to clients. The package is located, not imported.
    """
    return find_spec(HEIF_PACKAGE) is not None


def dicom_enabled() -> bool:
    """Whether DICOM objects are read: where the package that parses them is installed."""
    return find_spec(DICOM_PACKAGE) is not None


def is_dicom(data: bytes) -> bool:
    """Whether a file declares itself as a DICOM object.

    Args:
        data: its bytes, or the first of them.
    """
    return data[128:132] == b"DICM"


def is_heif(data: bytes) -> bool:
    """Whether a file declares itself as HEIC, AVIF or a related format.

    Args:
        data: its bytes, or the first of them.
    """
    return any(one[:3] in _FAMILY for one in _brands(data[:HEAD]))


def _brands(head: bytes) -> set[bytes]:
    """Return the brands of a file of ISO's base format (ISO/IEC 14496-12)."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), HEAD)
    return {head[at : at + 4] for at in (8, *range(16, end - 3, 4))}


_OTHERS: Final = (
    _Other(
        "an AVIF image",
        lambda head: bool(_brands(head) & {b"avif", b"avis"}),
        "avif",
        f"{_AS_JPEG} ({_HEIF_SWITCH})",
    ),
    _Other(
        "a HEIC photo",
        lambda head: any(one[:3] in (b"hei", b"hev", b"mif", b"msf") for one in _brands(head)),
        "heic",
        "on an iPhone choose Settings, Camera, Formats, Most Compatible, or save a copy as JPEG "
        f"({_HEIF_SWITCH})",
    ),
    _Other(
        "a JPEG XL image",
        lambda head: head[:2] == b"\xff\x0a" or head[:12] == _BOX + b"JXL \r\n\x87\n",
        "jpeg_xl",
        _AS_JPEG,
    ),
    _Other(
        "a JPEG 2000 image",
        lambda head: head[:4] == b"\xff\x4f\xff\x51" or head[:12] == _BOX + b"jP  \r\n\x87\n",
        "jpeg_2000",
        _AS_JPEG,
    ),
    _Other(
        "a DICOM file",
        is_dicom,
        "dicom",
        "export the picture as JPEG or PNG from the program that shows it",
    ),
    _Other("a video", lambda head: bool(_brands(head)), fix="send a photograph"),
    _Other("a GIF", lambda head: head[:4] == b"GIF8", fix=_AS_JPEG),
    _Other("a TIFF", lambda head: head[:4] in (b"II*\0", b"MM\0*"), fix=_AS_JPEG),
    _Other("a BMP", lambda head: head[:2] == b"BM", fix=_AS_JPEG),
    _Other("a PDF", lambda head: head[:5] == b"%PDF-"),
    _Other("an SVG drawing", lambda head: b"<svg" in head.lower()),
    _Other(
        "an HTML page",
        lambda head: b"<html" in head.lower() or b"<!doctype html" in head.lower(),
    ),
)


def error_of(data: bytes) -> ImageError:
    """Return the error for a file of an unsupported format.

    Args:
        data: its bytes, or the first of them.
    """
    head = data[:HEAD]
    for other in _OTHERS:
        if other.matches(head):
            fix = f": {other.fix}" if other.fix else ""
            return ImageError(f"{NOT_AN_IMAGE}: it looks like {other.name}{fix}", other.kind)
    return ImageError(NOT_AN_IMAGE, "not_an_image")
