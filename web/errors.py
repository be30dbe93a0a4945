"""Failures of the page: the message that a visitor reads, and the HTTP status."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal[
    "no_file",
    "no_impression",
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

_KINDS: Final[dict[int, tuple[Kind, ...]]] = {
    400: ("no_file", "no_impression", "unreadable_form", "refused"),
    403: ("other_site", "not_signed_in"),
    404: ("no_such_page",),
    405: ("wrong_method",),
    408: ("slow_upload",),
    413: ("too_large",),
    415: ("not_a_picture", "heic", "avif", "jpeg_xl", "jpeg_2000", "dicom", "polyglot"),
    421: ("wrong_host",),
    422: ("broken", "too_many_pixels", "too_few_pixels", "too_complex", "slow_picture"),
    500: ("bug",),
    502: ("down", "unreadable_answer"),
    503: ("disk_full", "busy"),
    504: ("slow",),
}
STATUS: Final = {kind: status for status, kinds in _KINDS.items() for kind in kinds}
"""HTTP status of each kind."""


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
