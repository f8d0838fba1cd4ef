"""Passwords: hashed slowly, judged by length and by what everybody tries first.

Argon2id with the parameters that OWASP asks for (19 MiB, two passes, one lane). A hash carries its
parameters, so that one made with others is made anew when its password is next shown.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from trueup.errors import ConfigError

CHARS_MIN: Final = 8
CHARS_ADVISED: Final = 15
CHARS_MAX: Final = 256

MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
_AT_ONCE_MAX: Final = 4
_PRODUCT: Final = "trueup"
_NAME_CHARS_MIN: Final = 3
_NOBODYS: Final = "a password that nobody has"

T = TypeVar("T")


class Passwords:
    """Hashes and compares, a few at once, beside the loop that serves everybody.

    Args:
        memory_kib, passes: what a hash costs; tests take less.
    """

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._turn = asyncio.Semaphore(_AT_ONCE_MAX)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is kept of a password: its hash with parameters and salt."""
        return await self._aside(self._hasher.hash, _plain(password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Say whether a password is the one that was kept; takes as long where none was.

        Args:
            kept: of `hash`; None: of somebody who is not there, or has no password.
            password: as it was typed.
        """
        if self._nobodys is None:
            self._nobodys = await self.hash(_NOBODYS)
        right = await self._aside(self._verify, kept or self._nobodys, _plain(password))
        return right and kept is not None

    def is_old(self, kept: str) -> bool:
        """Say whether a hash was made with other parameters than one would be now."""
        return self._hasher.check_needs_rehash(kept)

    async def _aside(self, work: Callable[..., T], *given: str) -> T:
        async with self._turn:
            return await asyncio.to_thread(work, *given)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (Argon2Error, InvalidHashError):
            return False


def judge_password(password: str, *, name: str) -> None:
    """Let a new password pass, or say what is wrong with it.

    Args:
        password: as it was typed.
        name: whose it shall be.

    Raises:
        ConfigError: too short, too long, too common, or made of a name that is known.
    """
    plain = _plain(password)
    if len(plain) < CHARS_MIN:
        raise ConfigError(
            f"A password has at least {CHARS_MIN} characters; {CHARS_ADVISED} are better.",
            field="password",
        )
    if len(plain) > CHARS_MAX:
        raise ConfigError(f"A password has at most {CHARS_MAX} characters.", field="password")
    lower = plain.casefold()
    names = {_PRODUCT, *(part for part in name.casefold().split() if len(part) >= _NAME_CHARS_MIN)}
    if any(each in lower for each in names):
        raise ConfigError(
            "A password that holds your name or the product's is guessed first.", field="password"
        )
    if lower in _common() or len(set(lower)) == 1:
        raise ConfigError("This is one of the passwords that everybody tries.", field="password")


@cache
def _common() -> frozenset[str]:
    # Loaded when a password is chosen: nobody else needs its lists.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - as it says

    return frozenset(FREQUENCY_LISTS["passwords"])


def _plain(password: str) -> str:
    """Return a password as every keyboard and system would write it."""
    return unicodedata.normalize("NFKC", password)[: CHARS_MAX + 1]
