"""Content types: an allow-list, and the one file of a form."""

from __future__ import annotations

import logging
import re
from typing import Final

import python_multipart as multipart
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from serving.front.messages import RejectedError

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
TAKEN: Final = f"{JSON}, image/jpeg, image/png, image/webp, application/octet-stream or {FORM}"
OPTIONS: Final = {"method": 40, "target": 40, "box": 100, "receipt": 5, "groups": 400}
"""Headers ``x-<name>``, form fields and parameters of V2 that select options of an answer, with the
characters that each may have: the longest method name has half of it, four numbers have up to 80,
and an attribute with its group up to 66."""
MAX_PARTS: Final = 16

# It would log a line with bytes of the form for each one that it cannot read.
_log = logging.getLogger("python_multipart")
_log.addHandler(logging.NullHandler())
_log.propagate = False
_FILES: Final = ("application/octet-stream", "application/dicom")
_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,40}\Z")


def kind_of(headers: dict[str, list[str]]) -> str:
    """Return ``json``, ``file``, ``form``, or an empty string without a content type.

    Args:
        headers: by lower-case name; every value of each.

    Raises:
        RejectedError: 415 for a content type or content encoding that is not accepted, 400 for two.
    """
    encodings = headers.get("content-encoding", [])
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings):
        raise RejectedError(
            415,
            "a compressed body (Content-Encoding) is not accepted: send it as it is",
            headers={"Accept-Encoding": "identity"},
            unread=True,
        )
    types = headers.get("content-type", [])
    if len(types) > 1:
        raise RejectedError(400, "Content-Type occurs more than once: send it once", unread=True)
    media_type = types[0].partition(";")[0].strip().lower() if types else ""
    if not media_type:
        return ""
    if media_type == JSON:
        return "json"
    if media_type == FORM:
        return "form"
    if media_type in _FILES or _IMAGE.match(media_type):
        return "file"
    hint = (
        " (curl sends this type by itself: add --header 'Content-Type: image/jpeg')"
        if media_type == "application/x-www-form-urlencoded"
        else ""
    )
    raise RejectedError(415, f"this Content-Type is not accepted{hint}: send {TAKEN}", unread=True)


def options_of(headers: dict[str, list[str]]) -> dict[str, str]:
    """Return the headers ``x-method``, ``x-target``, ``x-box``, ``x-receipt`` and ``x-groups``.

    Raises:
        RejectedError: 400 where one is there twice, or cannot be an option.
    """
    found = {}
    for name in OPTIONS:
        values = headers.get(f"x-{name}", [])
        if len(values) > 1:
            raise RejectedError(400, f"the header x-{name} occurs more than once: send it once")
        if values:
            found[name] = _option(f"the header x-{name}", values[0], OPTIONS[name])
    return found


def _option(what: str, text: str, most: int) -> str:
    if len(text) > most or not (text.isascii() and text.isprintable()):
        raise RejectedError(400, f"{what} is not a text of at most {most} ASCII characters")
    return text


class _Form:
    """Callbacks of the form parser, which bounds headers; collects a bounded number of parts."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bool, bytearray]] = []
        """Name, whether it is a file, and content of each part."""
        self.finished = False
        self._field = self._value = b""
        self._disposition: dict[bytes, bytes] = {}

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._on_data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise RejectedError(400, f"the form has more than {MAX_PARTS} parts: send one file")
        self._disposition = {}
        self._field = self._value = b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = parse_options_header(self._value)[1]
        self._field = self._value = b""

    def _headers_finished(self) -> None:
        name = self._disposition.get(b"name", b"").decode("utf-8", "replace")
        self.parts.append((name, b"filename" in self._disposition, bytearray()))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1][2].extend(memoryview(data)[start:end])

    def _end(self) -> None:
        self.finished = True


def photograph_of(content_type: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the one file of a form, whatever its field name, and the options in other fields.

    Args:
        content_type: the header, with its boundary.
        body: of the request.

    Raises:
        RejectedError: 400 for a form that cannot be read or has not exactly one file.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:
        raise RejectedError(
            400, "multipart/form-data without a boundary: let your client set the header"
        )
    form = _Form()
    parser = multipart.MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
    try:
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise RejectedError(
            400, "the form cannot be read: send multipart/form-data with one file"
        ) from None
    if not form.finished:
        raise RejectedError(400, "the form is cut off: send it whole")
    files = [content for _, is_file, content in form.parts if is_file]
    if len(files) != 1:
        raise RejectedError(
            400,
            f"the form has {len(files)} files; exactly one is accepted: send the photograph as a "
            "file field, several photographs as JSON",
        )
    options = {
        name: _option(f"the form's field {name}", content.decode("utf-8", "replace"), OPTIONS[name])
        for name, is_file, content in form.parts
        if not is_file and name in OPTIONS
    }
    return bytes(files[0]), options
