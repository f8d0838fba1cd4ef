"""An artifact is data: numbers and text come back as they were, and nothing else can."""

import math

import msgspec
import numpy as np
import pytest

from trueup.errors import InvariantBroken
from trueup.models.artifact import Array, digest_of, of_array, pack, to_array, unpack


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    values: Array
    more: dict[str, float] = {}


def test_what_is_packed_comes_back_bit_for_bit() -> None:
    values = np.array([[0.1, -0.0, 1e300], [math.pi, 5e-324, 2.0]])
    kept = _Kept(name="n", values=to_array(values), more={"b": 1.0, "a": 2.0})
    again = unpack(pack(kept), _Kept)
    assert again == kept
    assert of_array(again.values).tobytes() == values.tobytes()
    assert of_array(again.values).shape == (2, 3)


def test_the_order_in_which_a_table_was_filled_is_not_told() -> None:
    one = _Kept(name="n", values=to_array(np.zeros(1)), more={"b": 1.0, "a": 2.0})
    other = _Kept(name="n", values=to_array(np.zeros(1)), more={"a": 2.0, "b": 1.0})
    assert pack(one) == pack(other)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(4, dtype=np.int64),
        np.arange(4, dtype=np.int32),
        np.arange(4, dtype=np.uint8),
        np.array([True, False]),
        np.arange(4, dtype=">i8"),
        np.arange(12).reshape(3, 4)[:, ::2],
    ],
    ids=["i8", "i4", "u1", "bool", "big-endian", "strided"],
)
def test_numbers_of_every_kind_that_is_kept(values: np.ndarray) -> None:
    assert of_array(to_array(values)).tolist() == values.tolist()


def test_what_is_no_plain_number_is_not_kept() -> None:
    with pytest.raises(InvariantBroken):
        to_array(np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvariantBroken):
        to_array(np.array(["text"]))


def test_bytes_that_somebody_changed_are_refused() -> None:
    with pytest.raises(ValueError, match="none of ours"):
        of_array(Array(kind="|O", shape=(1,), data=b"12345678"))
    with pytest.raises(ValueError, match="reshape"):
        of_array(Array(kind="<f8", shape=(2,), data=b"12345678"))
    with pytest.raises(msgspec.ValidationError):
        unpack(b'{"name": 5}', _Kept)


def test_a_digest_tells_parts_apart() -> None:
    values = np.arange(6.0)
    assert digest_of(values) == digest_of(values.copy())
    different = [
        digest_of(values),
        digest_of(values.reshape(2, 3)),
        digest_of(values.astype(np.int64)),
        digest_of("ab", "c"),
        digest_of("a", "bc"),
    ]
    assert len(set(different)) == len(different)
