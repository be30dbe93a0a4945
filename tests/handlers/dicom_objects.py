"""DICOM objects as cameras and dermatoscopes write them, made by pydicom itself."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
EXPLICIT, BASELINE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
PATIENT = "Doe^Jane"


def dicom_object(pixels: bytes, size: tuple[int, int], syntax: str, **changes: Any) -> bytes:
    """A DICOM file of pixels as they are stored; changes are attributes of the object."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(changes.get("SOPClassUID", DERMOSCOPIC))
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = UID(syntax)
    found = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    found.SOPClassUID = meta.MediaStorageSOPClassUID
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.PatientName, found.PatientID = PATIENT, "1234567"
    found.Columns, found.Rows = size
    found.SamplesPerPixel, found.PlanarConfiguration = 3, 0
    found.BitsAllocated = found.BitsStored = 8
    found.HighBit, found.PixelRepresentation = 7, 0
    found.PhotometricInterpretation = "RGB"
    found.PixelData = encapsulate([pixels]) if UID(syntax).is_encapsulated else pixels
    for name, value in changes.items():
        setattr(found, name, value)
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def plain(picture: Image.Image, **changes: Any) -> bytes:
    """An object of uncompressed pixels."""
    return dicom_object(picture.tobytes(), picture.size, EXPLICIT, **changes)


def compressed(picture: Image.Image, **options: Any) -> tuple[bytes, bytes]:
    """An object of a JPEG file, and that file."""
    changes = {"PhotometricInterpretation": "YBR_FULL_422", **options.pop("changes", {})}
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92, **options)
    file = stream.getvalue()
    return dicom_object(file, picture.size, BASELINE, **changes), file
