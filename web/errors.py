"""Failures of the page: the message that a visitor reads, and the HTTP status."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal[
    "no_file",
    "unreadable_form",
    "too_large",
    "not_a_picture",
    "heic",
    "avif",
    "jpeg_xl",
    "jpeg_2000",
    "dicom",
    "polyglot",
    "broken",
    "too_many_pixels",
    "too_few_pixels",
    "too_complex",
    "refused",
    "slow_upload",
    "slow_picture",
    "disk_full",
    "other_site",
    "wrong_host",
    "not_signed_in",
    "busy",
    "down",
    "slow",
    "unreadable_answer",
    "no_such_page",
    "wrong_method",
    "bug",
]
"""Kinds of failure; each has a text in every file of ``languages/``, under ``failures``."""

STATUS: Final[dict[Kind, int]] = {
    "no_file": 400,
    "unreadable_form": 400,
    "too_large": 413,
    "not_a_picture": 415,
    "heic": 415,
    "avif": 415,
    "jpeg_xl": 415,
    "jpeg_2000": 415,
    "dicom": 415,
    "polyglot": 415,
    "broken": 422,
    "too_many_pixels": 422,
    "too_few_pixels": 422,
    "too_complex": 422,
    "refused": 400,
    "slow_upload": 408,
    "slow_picture": 422,
    "disk_full": 503,
    "other_site": 403,
    "wrong_host": 421,
    "not_signed_in": 403,
    "busy": 503,
    "down": 502,
    "slow": 504,
    "unreadable_answer": 502,
    "no_such_page": 404,
    "wrong_method": 405,
    "bug": 500,
}


class PageError(Exception):
    """A photograph could not be answered.

    Args:
        kind: what happened.
        retry_after: seconds after which the same may succeed.
        values: fill the gaps of the message.
    """

    def __init__(self, kind: Kind, retry_after: int | None = None, **values: str) -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        self.status = STATUS[kind]
        self.retry_after = retry_after
        self.values = values
