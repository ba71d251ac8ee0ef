"""An ONNX file without its weights: they stay in the file, and are mapped from there.

Reads just enough of the format (protobuf; field numbers of onnx.proto3) not to hold 325 MB twice.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

_MODEL_GRAPH = 7
_GRAPH_INITIALIZER = 5
_TENSOR_RAW_DATA = 9
_TENSOR_EXTERNAL_DATA = 13
_TENSOR_DATA_LOCATION = 14
_EXTERNAL = 1

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_KEPT_BYTES = 1024
"""Smaller values stay with the graph: shapes are worked out from them."""


class NotOnnx(Exception):
    """The file is no ONNX model, or is cut short."""


def without_weights(path: Path) -> bytes:
    """The model of `path` as ONNX bytes, whose large initializers are external data at their places in `path` itself.

    Raises:
      NotOnnx
      OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise NotOnnx("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _stripped(content, path.name)
            except IndexError as error:
                raise NotOnnx("it is cut short") from error


def _stripped(content: mmap.mmap, name: str) -> bytes:
    out = bytearray()
    for number, kind, begin, start, end in _fields(content, 0, len(content)):
        if (number, kind) == (_MODEL_GRAPH, _LENGTH):
            _put(out, number, _graph(content, start, end, name))
        else:
            out += content[begin:end]
    return bytes(out)


def _graph(content: mmap.mmap, first: int, last: int, name: str) -> bytes:
    out = bytearray()
    for number, kind, begin, start, end in _fields(content, first, last):
        if (number, kind) == (_GRAPH_INITIALIZER, _LENGTH) and end - start > _KEPT_BYTES:
            _put(out, number, _tensor(content, start, end, name))
        else:
            out += content[begin:end]
    return bytes(out)


def _tensor(content: mmap.mmap, first: int, last: int, name: str) -> bytes:
    out = bytearray()
    for number, kind, begin, start, end in _fields(content, first, last):
        if (number, kind) == (_TENSOR_RAW_DATA, _LENGTH) and end - start > _KEPT_BYTES:
            for key, value in (("location", name), ("offset", str(start)), ("length", str(end - start))):
                entry = bytearray()
                _put(entry, 1, key.encode())
                _put(entry, 2, value.encode())
                _put(out, _TENSOR_EXTERNAL_DATA, bytes(entry))
            out += _varint(_TENSOR_DATA_LOCATION << 3 | _VARINT) + _varint(_EXTERNAL)
        else:
            out += content[begin:end]
    return bytes(out)


def _fields(content: mmap.mmap, first: int, last: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Number, wire type, where the field begins, where its value starts and where it ends."""
    place = first
    while place < last:
        begin = place
        tag, place = _read_varint(content, place)
        number, kind = tag >> 3, tag & 7
        start = place
        if kind == _VARINT:
            _, place = _read_varint(content, place)
        elif kind == _LENGTH:
            length, start = _read_varint(content, place)
            place = start + length
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise NotOnnx(f"a field has the wire type {kind}")
        if place > last:
            raise NotOnnx("it is cut short")
        yield number, kind, begin, start, place


def _read_varint(content: mmap.mmap, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _put(out: bytearray, number: int, value: bytes) -> None:
    out += _varint(number << 3 | _LENGTH) + _varint(len(value)) + value
