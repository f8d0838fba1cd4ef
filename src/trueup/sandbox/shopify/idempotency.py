"""Keys of writes already done: the same key and input answer the same, and do nothing twice."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

__all__ = ["IdempotencyBook", "KeyMismatch"]

Result = TypeVar("Result")
_KEYS_MAX = 100_000


class KeyMismatch(ValueError):
    """The key was used before with other input."""


class IdempotencyBook(Generic[Result]):
    """The results of writes by key; the oldest keys are forgotten above a bound."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[bytes, Result]] = OrderedDict()
        self.repeats = 0

    def run(self, *, mutation: str, key: str, given: object, do: Callable[[], Result]) -> Result:
        """Do the write once per key, or return what it returned the first time.

        Raises:
            KeyMismatch: the key is known with other input.
        """
        print_ = hashlib.sha256(msgspec.json.encode(given, order="sorted")).digest()
        known = self._known.get((mutation, key))
        if known is not None:
            if known[0] != print_:
                raise KeyMismatch(key)
            self.repeats += 1
            return known[1]
        result = do()
        self._known[mutation, key] = (print_, result)
        if len(self._known) > _KEYS_MAX:
            self._known.popitem(last=False)
        return result
