"""The decoders of HEIC and AVIF, imported when the first file of these types arrives."""

from __future__ import annotations

from PIL import ImageFile

from handlers.structure import NOT_AN_IMAGE, ImageError, Structure


def prepare(structure: Structure) -> type[ImageFile.ImageFile]:
    """Return the class that opens a file, set to decode in one thread, which bounds its cost.

    Args:
        structure: of a HEIC or AVIF file.

    Raises:
        ImageError: this Pillow was built without AVIF.
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
