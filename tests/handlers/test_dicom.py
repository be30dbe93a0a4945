"""The picture of a DICOM object is decoded like a file of its own, and nothing else is kept."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from handlers.colours import PROFILE
from handlers.decoding import contained, decode
from handlers.protocol import RawRequest
from handlers.service import MelanomaService
from handlers.structure import ImageError
from handlers.telemetry import Recorder
from tests.handlers.dicom_objects import (
    EXPLICIT,
    PATIENT,
    PHOTOGRAPHIC,
    compressed,
    dicom_object,
    plain,
)

pytestmark = pytest.mark.usefixtures("dicom")


@pytest.fixture
def picture(drawn: Callable[[int, int], Image.Image]) -> Image.Image:
    return drawn(3, 1).resize((120, 90))


def test_uncompressed_pixels_are_unchanged(picture: Image.Image) -> None:
    planar = b"".join(band.tobytes() for band in picture.split())
    objects = [
        plain(picture),
        plain(picture, SOPClassUID=PHOTOGRAPHIC),
        dicom_object(planar, picture.size, EXPLICIT, PlanarConfiguration=1),
        dicom_object(picture.tobytes(), picture.size, "1.2.840.10008.1.2"),
    ]

    for data in objects:
        np.testing.assert_array_equal(np.asarray(decode(data)), np.asarray(picture))


def test_brightness_and_chroma_are_converted(picture: Image.Image) -> None:
    grey = picture.convert("L")
    chroma = picture.convert("YCbCr")

    one = decode(plain(grey, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2"))
    other = decode(plain(chroma, PhotometricInterpretation="YBR_FULL"))

    np.testing.assert_array_equal(np.asarray(one), np.asarray(grey.convert("RGB")))
    np.testing.assert_array_equal(np.asarray(other), np.asarray(chroma.convert("RGB")))


def test_jpeg_is_decoded_as_the_file_that_it_is(picture: Image.Image) -> None:
    data, file = compressed(picture)

    np.testing.assert_array_equal(np.asarray(decode(data)), np.asarray(decode(file)))


def test_jpeg_of_rgb_keeps_its_colours(picture: Image.Image) -> None:
    data, _ = compressed(
        picture, keep_rgb=True, subsampling=0, changes={"PhotometricInterpretation": "RGB"}
    )

    difference = np.abs(np.asarray(decode(data), float) - np.asarray(picture, float))
    assert difference.mean() < 3


def test_colour_profile_of_the_object_is_used(picture: Image.Image) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = (len(profile) + 1).to_bytes(4, "big") + profile[4:] + b"\0"

    for data in (
        plain(picture, ICCProfile=profile + b"\0"),
        compressed(picture, changes={"ICCProfile": profile + b"\0"})[0],
    ):
        assert decode(data).info[PROFILE] == profile


def test_patient_data_is_not_kept(picture: Image.Image) -> None:
    for data in (plain(picture), compressed(picture)[0]):
        assert PATIENT.encode() in data
        assert PATIENT.encode() not in contained(data)
        assert decode(data).info == {}


def test_service_answers_an_object_like_its_picture(
    picture: Image.Image, service: MelanomaService, v1: Callable[..., bytes]
) -> None:
    data, file = compressed(picture)
    requests = [
        RawRequest(data, "predict", "application/dicom"),
        RawRequest(file, "predict", "image/jpeg"),
        RawRequest(v1(data, data), "predict"),
        RawRequest(v1(file, file), "predict"),
    ]

    answers = service.answer(requests, Recorder("test"))

    assert {answer.status for answer in answers} == {200}
    assert answers[0].body == answers[1].body
    assert answers[2].body == answers[3].body


def test_unsupported_dicom_is_refused_with_a_remedy(picture: Image.Image) -> None:
    refused = {
        "stored with another compression": dicom_object(
            picture.tobytes(), picture.size, "1.2.840.10008.1.2.4.90"
        ),
        "none of: VL Photographic Image": plain(picture, SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
        "of several frames": plain(picture, NumberOfFrames=2),
        "of more than 8 bits": plain(picture, BitsAllocated=16),
        "of colours that are not": plain(picture, PhotometricInterpretation="PALETTE COLOR"),
    }
    for words, data in refused.items():
        with pytest.raises(ImageError, match=f"{words}.*: export the picture") as caught:
            decode(data)
        assert caught.value.kind == "dicom"


def test_hostile_objects_are_broken_and_cheap(
    picture: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    whole = plain(picture)
    meta = whole[: whole.index(b"\x08\x00\x16\x00")]
    hostile = [
        bytes(128) + b"DICM",
        whole[:-2000],
        plain(picture, Rows=65_535, Columns=65_535),
        meta + b"\x08\x00\x05\x00CS\x00\x00" * 400_000,
        meta.replace(EXPLICIT.encode() + b"\0", b"1.2.840.10008.1.2.1.99")
        + zlib.compress(bytes(10_000_000)),
    ]
    with caplog.at_level(logging.DEBUG):
        for data in hostile:
            with pytest.raises(ImageError) as caught:
                decode(data)
            assert caught.value.kind in ("broken", "dicom")
    assert PATIENT not in caplog.text
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    assert contained(stream.getvalue()) == stream.getvalue()
