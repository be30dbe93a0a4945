"""Check HTTP/1 message framing strictly.

A request that two parsers could read differently is rejected.

Only checked bytes reach h11. A chunked body is forwarded in chunks made here, so that h11 reads the
framing that was checked and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,20}) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_FIELD: Final = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_HOST: Final = re.compile(rb"[A-Za-z0-9._~:\[\]-]+")
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,14}")
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,8}")
_LONGEST_SIZE_LINE: Final = 8
_END: Final = b"\r\n\r\n"
_State = Callable[[bytearray], bool]


class FramingError(Exception):
    """A request is rejected because of its framing.

    Args:
        status: of HTTP.
        message: what is wrong and how to fix it; quotes nothing of the request.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestFraming:
    """Checks the framing of all requests of one connection.

    Args:
        header_bytes: of a request line with its headers, at most.
        max_chunks: of one chunked body.
    """

    def __init__(self, header_bytes: int, max_chunks: int) -> None:
        self.error: FramingError | None = None
        """Why nothing more is accepted."""
        self._header_bytes = header_bytes
        self._max_chunks = max_chunks
        self._state: _State = self._headers
        self._pending = bytearray()
        self._searched = 0
        self._remaining = 0
        self._chunks = 0
        self._chunk_data = bytearray()

    @property
    def between_requests(self) -> bool:
        """Whether no byte of a next request has arrived."""
        return self._state == self._headers and not self._pending

    @property
    def in_headers(self) -> bool:
        """Whether a request has started whose headers are not complete."""
        return self._state == self._headers and bool(self._pending)

    def feed(self, data: bytes) -> bytes:
        """Check received bytes.

        After an error, :attr:`error` is set and the bytes before the faulty message are returned.

        Returns:
            What may be parsed: whole header sections, and body as it comes.
        """
        out = bytearray()
        if self.error is not None:
            return b""
        self._pending += data
        try:
            while self._pending and self._state(out):
                pass
        except FramingError as error:
            self.error = error
            self._pending.clear()
        self._flush_chunk(out)
        return bytes(out)

    def _headers(self, out: bytearray) -> bool:
        """Check the header section once it is complete; returns whether to go on."""
        if self._searched == 0 and self._pending[0] < 0x21:
            raise FramingError(
                400, "not an HTTP/1.1 request: send plain HTTP, without blank lines before it"
            )
        end = self._pending.find(_END, max(0, self._searched - 3))
        complete = end >= 0
        stop = end + len(_END) if complete else len(self._pending)
        _check_line_ends(self._pending, self._searched, stop)
        if stop > self._header_bytes:
            raise FramingError(
                431, f"the headers are too large: at most {self._header_bytes} bytes are accepted"
            )
        if not complete:
            self._searched = stop
            return False
        section = bytes(self._pending[:stop])
        self._remaining, chunked = _check_headers(section[: -len(_END)].split(b"\r\n"))
        self._searched = self._chunks = 0
        del self._pending[:stop]
        out += section
        if chunked:
            self._state = self._chunk_size
        elif self._remaining:
            self._state = self._body
        return True

    def _body(self, out: bytearray) -> bool:
        out += self._take()
        if not self._remaining:
            self._state = self._headers
        return True

    def _chunk_size(self, out: bytearray) -> bool:
        end = self._pending.find(b"\r\n", 0, _LONGEST_SIZE_LINE + 2)
        line = self._pending[:end] if end >= 0 else self._pending.removesuffix(b"\r")
        if not _CHUNK_SIZE.fullmatch(line) and (line or end >= 0):
            raise FramingError(
                400,
                "a chunk size must be 1 to 8 hexadecimal digits and CRLF: chunk extensions are not "
                "supported",
            )
        if end < 0:
            return False
        del self._pending[: end + 2]
        self._remaining = int(line, 16)
        self._chunks += 1
        if self._chunks > self._max_chunks:
            raise FramingError(
                400, f"too many chunks: at most {self._max_chunks} are accepted, send larger ones"
            )
        self._state = self._chunk_body if self._remaining else self._last_chunk
        return True

    def _chunk_body(self, out: bytearray) -> bool:
        self._chunk_data += self._take()
        if not self._remaining:
            self._state = self._chunk_end
        return True

    def _chunk_end(self, out: bytearray) -> bool:
        return self._crlf("a chunk must end with CRLF", self._chunk_size)

    def _last_chunk(self, out: bytearray) -> bool:
        message = "after the last chunk only CRLF may follow: trailers are not supported"
        if not self._crlf(message, self._headers):
            return False
        self._flush_chunk(out)
        out += b"0\r\n\r\n"
        return True

    def _crlf(self, message: str, following: _State) -> bool:
        found = bytes(self._pending[:2])
        if not b"\r\n".startswith(found):
            raise FramingError(400, message)
        if len(found) < 2:
            return False
        del self._pending[:2]
        self._state = following
        return True

    def _take(self) -> bytearray:
        taken = self._pending[: self._remaining]
        del self._pending[: self._remaining]
        self._remaining -= len(taken)
        return taken

    def _flush_chunk(self, out: bytearray) -> None:
        """Forward chunks that arrived together as one, which is cheaper for the receiver."""
        if self._chunk_data:
            out += b"%x\r\n%b\r\n" % (len(self._chunk_data), bytes(self._chunk_data))
            self._chunk_data = bytearray()


def _check_line_ends(data: bytearray, start: int, stop: int) -> None:
    """Reject CR and LF that are not CRLF; a CR as the last byte may still become one."""
    part = bytes(data[max(0, start - 1) : stop])
    bare = part.replace(b"\r\n", b"")
    if start > 0 and part[:1] == b"\n":
        bare = bare[1:]  # the end of a CRLF whose start was checked before
    if part[-1:] == b"\r":
        bare = bare[:-1]
    if b"\r" in bare or b"\n" in bare:
        raise FramingError(400, "every line must end with CRLF, and CR or LF stand nowhere else")


def _check_headers(lines: list[bytes]) -> tuple[int, bool]:
    """Return the bytes of the body and whether it is chunked."""
    http_1_0 = _check_request_line(lines[0])
    fields: dict[bytes, list[bytes]] = {}
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t"):
            raise FramingError(400, "a header must be on one line: folded headers are refused")
        match = _FIELD.fullmatch(line)
        if match is None:
            raise FramingError(
                400,
                "a header must be a name of letters, digits and '-', a colon, and a value without "
                "control characters",
            )
        fields.setdefault(match[1].lower(), []).append(match[2].rstrip(b" \t"))
    for name in ("Host", "Content-Length", "Transfer-Encoding"):
        if len(fields.get(name.lower().encode(), ())) > 1:
            raise FramingError(400, f"{name} is repeated: send it once")
    hosts = fields.get(b"host", [])
    if (not hosts and not http_1_0) or (hosts and not _HOST.fullmatch(hosts[0])):
        raise FramingError(400, "send one Host header: a name or address, optionally with a port")
    return _body_framing(fields, http_1_0)


def _check_request_line(line: bytes) -> bool:
    """Check the request line; returns whether it is HTTP/1.0."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise FramingError(
            400,
            "the first line must be METHOD /path HTTP/1.1 with single spaces and a method in "
            "capitals",
        )
    method, target, major, minor = match.groups()
    if (major, minor) not in ((b"1", b"1"), (b"1", b"0")):
        raise FramingError(505, "only HTTP/1.1 and HTTP/1.0 are supported")
    if (
        method == b"CONNECT"
        or not target.startswith(b"/")
        or target.startswith(b"//")
        or b"#" in target
        or b"\\" in target
    ):
        raise FramingError(
            400, "the target must be a path that begins with one '/': this is not a proxy"
        )
    return minor == b"0"


def _body_framing(fields: dict[bytes, list[bytes]], http_1_0: bool) -> tuple[int, bool]:
    lengths = fields.get(b"content-length")
    encodings = fields.get(b"transfer-encoding")
    if encodings:
        if lengths:
            raise FramingError(400, "send Content-Length or Transfer-Encoding, not both")
        if http_1_0:
            raise FramingError(400, "HTTP/1.0 has no Transfer-Encoding: send Content-Length")
        if encodings[0].lower() != b"chunked":
            raise FramingError(501, "the only supported Transfer-Encoding is chunked")
        return 0, True
    if not lengths:
        return 0, False
    if not _LENGTH.fullmatch(lengths[0]):
        raise FramingError(400, "Content-Length must be one decimal number of bytes")
    return int(lengths[0]), False
