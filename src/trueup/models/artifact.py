"""The bytes of a trained model: JSON in one order, arrays as plain numbers; never code.

What is read back can hold numbers and text and nothing else, so an artifact that somebody changed
can mislead but can not act.
"""

import hashlib
import sys
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from trueup.errors import invariant

BYTES_MAX: Final = 64 * 1024 * 1024
_KINDS: Final = ("<f8", "<f4", "<i8", "<i4", "|u1")

StructT = TypeVar("StructT", bound=msgspec.Struct)


class Array(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one kind, little-endian, row by row."""

    kind: str
    shape: tuple[int, ...]
    data: bytes


def to_array(values: NDArray[Any]) -> Array:
    """Return an array as it is kept."""
    kind = values.dtype.newbyteorder("<" if values.dtype.itemsize > 1 else "|").str
    kind = "|u1" if values.dtype == np.bool_ else kind
    invariant(kind in _KINDS, "an artifact holds numbers of a known kind")
    plain = np.ascontiguousarray(values, dtype=np.dtype(kind))
    return Array(kind=kind, shape=values.shape, data=plain.tobytes())


def of_array(array: Array) -> NDArray[Any]:
    """Return the numbers of an array that was kept.

    Raises:
        ValueError: its kind is not known, or its bytes do not fill its shape.
    """
    if array.kind not in _KINDS:
        raise ValueError(f"an array of the kind {array.kind!r} is none of ours")
    values = np.frombuffer(array.data, dtype=np.dtype(array.kind)).reshape(array.shape)
    return values if sys.byteorder == "little" else values.astype(values.dtype.newbyteorder("="))


def pack(value: msgspec.Struct) -> bytes:
    """Return a struct as canonical bytes."""
    packed = msgspec.json.encode(value, order="deterministic")
    invariant(len(packed) <= BYTES_MAX, "an artifact is bounded")
    return packed


def unpack(packed: bytes, kind: type[StructT]) -> StructT:
    """Return what `pack` was given.

    Raises:
        msgspec.MsgspecError: the bytes are of no such struct.
    """
    return msgspec.json.decode(packed, type=kind)


def digest_of(*parts: NDArray[Any] | bytes | str) -> bytes:
    """Return the digest of what a model was trained on, with the shape of each part."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            plain = part.encode() if isinstance(part, str) else part
            digest.update(f"{len(plain)}:".encode() + plain)
    return digest.digest()
