"""Estimate the cost of decoding from the structure of a file.

In megapixel equivalents: a megapixel of a baseline JPEG as phones write it, of 3 bits a pixel,
costs 1. The weights are fitted to processor time with Pillow 13 (libjpeg-turbo 3.2, zlib-ng 2,
libwebp 1.6, dav1d 1.5) and pillow-heif 1.8 (libde265 1.1): to the slowest pictures of each kind, so
that an estimate is rather too high.
``make benchmark NAME=decoding`` compares estimates with what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from handlers.structure.bitstream import Coding
from handlers.structure.result import Structure

DRAFT: Final = 3 * 224
"""Pixels that a JPEG decoded at a fraction of its size keeps on each side, at least. Four times the
model's side takes twice as long for 12 megapixels and moves probabilities as far."""

MAX_COST: Final = 42.0
"""Megapixel equivalents that one request may cost. With what JSON and base64 take of a full body,
that is below four times a phone's photograph of 12 megapixels and 4 MB, sent alike."""

HEIF_MAX_COST: Final = 180.0
"""The same for HEIC and AVIF, where an operator has switched them on. A phone's HEIC of 12
megapixels and 3 MB just passes; it takes a core 0.6 to 0.9 s, as long as seven such JPEGs."""

MAX_SECONDS: Final = 0.22
"""Processor seconds that inflating one PNG may take. Its other costs are known from its structure,
but deflate data that consists only of tables (100 ms per megabyte) can only be detected by time."""

# Megapixel equivalents a megasample, megapixel or megabyte.
_JPEG_SAMPLE: Final = 0.07
_JPEG_PIXEL: Final = 0.6
_CMYK_PIXEL: Final = 1.2
_JPEG_BYTE: Final = 2.8
_SCAN_SAMPLE: Final = 0.09
_REFINING_SAMPLE: Final = 0.15
_SCAN_BYTE: Final = 6.5
TURNED_PIXEL: Final = 1.5
"""Of a decoded picture that its orientation turns: there are two of it meanwhile."""
_PNG_BYTE: Final = 0.22
_PNG_PIXEL: Final = 1.1
_INTERLACED: Final = 1.3
_PNG_COMPRESSED: Final = 3.0
_ALPHA_PIXEL: Final = 3.2
_WEBP_PIXEL: Final = 2.3
_WEBP_BYTE: Final = 14.0
_LOSSLESS_PIXEL: Final = 2.3
_LOSSLESS_BYTE: Final = 4.0
_HEVC_SAMPLE: Final = 1.2
_HEVC_PIXEL: Final = 2.7
_HEVC_BYTE: Final = 34.0
_HEVC_DENSE_PIXEL: Final = 10.0
_HEVC_DENSE_BYTE: Final = 12.0
"""Cost of a byte beyond a certain density: it adds less, because the number of blocks is the
same."""
_AV1_SAMPLE: Final = 1.0
_AV1_PIXEL: Final = 2.1
_AV1_BYTE: Final = 24.0
_DEEP: Final = 1.35
"""Times, with more than 8 bits a sample. AVIFs of more than 8 bits were not measured."""


@dataclass(frozen=True)
class Limits:
    """Limits of one file, checked before a pixel is decoded; the last one while it is."""

    max_pixels: int = 25_000_000
    """Width times height."""
    min_side: int = 32
    """Pixels on the short side, at least."""
    max_cost: float = MAX_COST
    """Megapixel equivalents that decoding may cost."""
    max_heif_cost: float = HEIF_MAX_COST
    """The same for HEIC and AVIF."""
    max_seconds: float = MAX_SECONDS
    """Processor seconds that inflating a PNG may take."""

    def budget(self, structure: Structure) -> float:
        """Return the megapixel equivalents that files of this format may cost."""
        return self.max_heif_cost if structure.is_heif else self.max_cost


LIMITS: Final = Limits()
"""The limits where no others are set."""


@dataclass(frozen=True)
class JpegFrame:
    """The frame of a JPEG."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    progressive: bool
    megasamples: Mapping[int, float]
    """Millions of samples of each component, by its identifier."""


@dataclass(frozen=True)
class Scan:
    """One scan: a pass over the picture."""

    megasamples: float
    """Millions of samples of the components that it holds."""
    refines: bool
    """Whether it refines existing coefficients: each of them is visited again."""


def reduction(width: int, height: int) -> int:
    """Choose by how much libjpeg scales a picture down while it decodes it: 1, 2, 4 or 8.

    Args:
        width: pixels.
        height: pixels.
    """
    fits = min(width // DRAFT, height // DRAFT)
    return next((factor for factor in (8, 4, 2) if fits >= factor), 1)


def jpeg(frame: JpegFrame, scans: Sequence[Scan], scan_bytes: int, *, turned: bool) -> float:
    """Estimate the cost of a JPEG in megapixel equivalents.

    Args:
        frame: the picture.
        scans: that are decoded, one after another.
        scan_bytes: of entropy-coded data.
        turned: whether its orientation turns it.
    """
    decoded = frame.width * frame.height / reduction(frame.width, frame.height) ** 2 / 1e6
    cost = sum(frame.megasamples.values()) * _JPEG_SAMPLE
    cost += decoded * jpeg_pixel(frame, turned=turned)
    if not frame.progressive and len(scans) == 1:
        return cost + scan_bytes / 1e6 * _JPEG_BYTE
    passes = sum(
        scan.megasamples * (_REFINING_SAMPLE if scan.refines else _SCAN_SAMPLE) for scan in scans
    )
    return cost + passes + scan_bytes / 1e6 * _SCAN_BYTE


def jpeg_pixel(frame: JpegFrame, *, turned: bool) -> float:
    """Estimate the cost of a megapixel of a JPEG's reduced picture, in megapixel equivalents.

    Args:
        frame: the picture.
        turned: whether its orientation turns it.
    """
    cmyk = _CMYK_PIXEL if len(frame.megasamples) == 4 else 0.0
    return _JPEG_PIXEL + cmyk + turned * TURNED_PIXEL


def png(
    width: int, height: int, raw: int, compressed: int, *, alpha: bool, interlaced: bool
) -> float:
    """Estimate the cost of a PNG in megapixel equivalents.

    Args:
        width: pixels.
        height: pixels.
        raw: bytes of its pixels.
        compressed: bytes of the same in the file.
        alpha: whether it must be laid on white.
        interlaced: whether it comes in seven passes.
    """
    pixels = (
        width
        * height
        / 1e6
        * (_PNG_PIXEL + alpha * _ALPHA_PIXEL)
        * (_INTERLACED if interlaced else 1)
    )
    return pixels + raw / 1e6 * _PNG_BYTE + compressed / 1e6 * _PNG_COMPRESSED


def webp(width: int, height: int, length: int, *, lossless: bool, alpha: bool) -> float:
    """Estimate the cost of a WebP in megapixel equivalents.

    Args:
        width: pixels.
        height: pixels.
        length: bytes of its bitstream.
        lossless: by which of its two formats it is coded.
        alpha: whether it must be laid on white.
    """
    pixel = _LOSSLESS_PIXEL if lossless else _WEBP_PIXEL
    byte = _LOSSLESS_BYTE if lossless else _WEBP_BYTE
    pixels = width * height / 1e6 * (pixel + alpha * _ALPHA_PIXEL)
    return pixels + length / 1e6 * byte


def heif(coding: Coding, length: int, passes: int, *, hevc: bool) -> float:
    """Estimate the cost of a coded picture of a HEIC or AVIF file in megapixel equivalents.

    Args:
        coding: how it is coded.
        length: bytes of its bitstream.
        passes: how often each pixel may be decoded.
        hevc: whether it is coded by H.265; else by AV1.
    """
    sample, pixel = (_HEVC_SAMPLE, _HEVC_PIXEL) if hevc else (_AV1_SAMPLE, _AV1_PIXEL)
    megapixels, megabytes = coding.coded / 1e6, length / 1e6
    stream = megabytes * _AV1_BYTE
    if hevc:
        dense = megapixels * _HEVC_DENSE_PIXEL + megabytes * _HEVC_DENSE_BYTE
        stream = min(megabytes * _HEVC_BYTE, dense)
    cost = megapixels * (passes * coding.samples * sample + pixel) + stream
    return cost * (_DEEP if coding.depth > 8 else 1)
