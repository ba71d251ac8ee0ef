"""The Range header (RFC 9110, section 14): one range of bytes, or the whole file."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})[ \t]*", re.IGNORECASE)


class NotSatisfiable(Exception):
    """The range begins behind the end of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `[start, end)` of a file."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a client wants of a file of `size` bytes; None where it is to get the whole file.

    A header that cannot be read, names another unit or asks for several ranges is ignored, as the RFC allows.

    Raises:
      NotSatisfiable: nothing of the range is in the file.
    """
    found = _ONE_RANGE.fullmatch(header) if header is not None else None
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        length = int(found["last"])
        if length == 0 or size == 0:
            raise NotSatisfiable
        return ByteRange(max(0, size - length), size)
    first = int(found["first"])
    last = int(found["last"]) if found["last"] else size - 1
    if found["last"] and last < first:
        return None
    if first >= size:
        raise NotSatisfiable
    return ByteRange(first, min(last + 1, size))
