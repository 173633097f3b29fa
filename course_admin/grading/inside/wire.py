"""Messages between the grader and the sandbox: plain values as bytes, executing nothing.

A message is eight bytes (the length of the header), a JSON header and the arrays' bytes. What comes
out of the sandbox was written by whoever controls the student's code, so reading checks everything:
sizes, types, shapes. There is no pickle and no `eval`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

MAX_DEPTH = 40
MAX_HEADER = 32_000_000
MAX_NDIM = 32
MAX_LENGTH = 2**31  # of one axis: an axis of an array without entries could claim anything
PREFIX = 8
DTYPE = re.compile(r"[<>|][biufcUS][0-9]{1,9}")
SAFE_INT = 2**53


class WireError(ValueError):
    """Bytes that are no message."""


def encode(value: Any) -> bytes:
    """Return the bytes of a plain value; tuples stay tuples.

    Raises
    ------
    WireError
        If the value holds anything but None, bools, numbers, text, bytes, arrays of these, and
        lists, tuples and dicts.
    """
    blobs: list[bytes] = []
    tree = _pack(value, blobs, MAX_DEPTH)
    header = json.dumps({"tree": tree, "sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join([len(header).to_bytes(PREFIX, "big"), header, *blobs])


def decode(data: bytes) -> Any:
    """Return the value that `data` holds.

    Raises
    ------
    WireError
        If the bytes are not exactly one message.
    """
    try:
        header, body = _split(data)
        return _unpack(header["tree"], _blobs(header["sizes"], body), MAX_DEPTH)
    except WireError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise WireError(f"not a message: {type(error).__name__}") from error


def _pack(value: Any, blobs: list[bytes], depth: int) -> Any:
    if depth < 0:
        raise WireError("a value nested too deeply")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind in (list, tuple):
        items = [_pack(item, blobs, depth - 1) for item in value]
        return items if kind is list else {"tuple": items}
    if kind is dict:
        pairs = [
            [_pack(key, blobs, depth - 1), _pack(item, blobs, depth - 1)]
            for key, item in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, (np.ndarray, np.generic)):
        return _pack_array(np.asarray(value), blobs)
    return _pack_number(value)


def _pack_number(value: Any) -> Any:
    kind = type(value)
    if kind is int:
        return value if abs(value) < SAFE_INT else {"int": hex(value)}
    if kind is float:
        return {"float": value.hex()}
    if kind is complex:
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if kind is bytes:
        return {"bytes": value.hex()}
    raise WireError(f"a {kind.__name__} cannot be sent")


def _pack_array(value: np.ndarray, blobs: list[bytes]) -> dict[str, Any]:
    if value.dtype.kind not in "biufcUS":
        raise WireError(f"an array of dtype {value.dtype.name} cannot be sent")
    blobs.append(value.tobytes(order="C"))
    return {"array": len(blobs) - 1, "dtype": value.dtype.str, "shape": list(value.shape)}


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(data[:PREFIX], "big")
    if len(data) < PREFIX or not 0 < length <= min(MAX_HEADER, len(data) - PREFIX):
        raise WireError("a header of impossible length")
    header = json.loads(data[PREFIX : PREFIX + length])
    if not isinstance(header, dict) or not isinstance(header.get("sizes"), list):
        raise WireError("a header of the wrong form")
    return header, memoryview(data)[PREFIX + length :]


def _blobs(sizes: list[Any], body: memoryview) -> list[memoryview]:
    blobs, start = [], 0
    for size in sizes:
        if type(size) is not int or size < 0:
            raise WireError("an array of impossible size")
        blobs.append(body[start : start + size])
        start += size
    if start != len(body):
        raise WireError(f"{len(body)} bytes of arrays where {start} were announced")
    return blobs


def _unpack(tree: Any, blobs: list[memoryview], depth: int) -> Any:
    if depth < 0:
        raise WireError("a value nested too deeply")
    if isinstance(tree, list):
        return [_unpack(item, blobs, depth - 1) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return _unpack_array(tree, blobs)
    if len(tree) != 1:
        raise WireError("a value of unknown form")
    ((tag, inner),) = tree.items()
    if tag == "tuple":
        return tuple(_unpack(item, blobs, depth - 1) for item in inner)
    if tag == "dict":
        pairs = ((_unpack(k, blobs, depth - 1), _unpack(v, blobs, depth - 1)) for k, v in inner)
        return dict(pairs)
    return _unpack_number(tag, inner)


def _unpack_number(tag: str, inner: Any) -> Any:
    if tag == "int":
        return int(inner, 16)
    if tag == "float":
        return float.fromhex(inner)
    if tag == "complex":
        return complex(*map(float.fromhex, inner))
    if tag == "bytes":
        return bytes.fromhex(inner)
    raise WireError("a value of unknown form")


def _unpack_array(tree: dict[str, Any], blobs: list[memoryview]) -> np.ndarray:
    place, name, shape = tree["array"], tree["dtype"], tree["shape"]
    if not isinstance(name, str) or not DTYPE.fullmatch(name):
        raise WireError("an array of a dtype that is not allowed")
    if len(shape) > MAX_NDIM or any(type(n) is not int or not 0 <= n < MAX_LENGTH for n in shape):
        raise WireError("an array of impossible shape")
    if type(place) is not int or not 0 <= place < len(blobs):
        raise WireError("an array that was not sent")
    dtype = np.dtype(name)
    count = math.prod(shape)
    if dtype.itemsize * count != len(blobs[place]):
        raise WireError("an array whose bytes do not fit its shape")
    if dtype.itemsize == 0 or count == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(blobs[place], dtype).reshape(shape).copy()
