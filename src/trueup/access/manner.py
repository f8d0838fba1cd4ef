"""Manner: how a member reads numbers and instants, and in which language.

It is in force for the request that it belongs to, so that whatever writes a number asks nobody.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from trueup.errors import ConfigError


class Numbers(StrEnum):
    """How digits are set apart, each as it writes twelve hundred thousand and a half."""

    COMMAS = ""
    POINTS = "1.234.567,89"
    SPACES = "1 234 567,89"
    LAKHS = "12,34,567.89"


class Language(StrEnum):
    """In which language somebody reads, as BCP 47 calls it."""

    BROWSER = ""  # the first one of ours that the browser asks for
    ENGLISH = "en"
    GERMAN = "de"
    HINDI = "hi"


_MARKS: Final = {
    Numbers.COMMAS: (",", "."),
    Numbers.POINTS: (".", ","),
    Numbers.SPACES: ("\u202f", ","),
    Numbers.LAKHS: (",", "."),
}


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody reads.

    Attributes:
        zone: of the IANA, such as `Europe/Berlin`; empty: the browser's own, else UTC.
        language: of the pages; in force for a browser's own is the one that it asks for.
    """

    numbers: Numbers = Numbers.COMMAS
    zone: str = ""
    language: Language = Language.BROWSER

    def place(self) -> ZoneInfo:
        """Return the zone in which instants are written."""
        return ZoneInfo(self.zone or "UTC")


_ASKED_CHARS_MAX: Final = 500
_WEIGHT: Final = re.compile(r"(?:q=([01](?:\.\d{1,3})?))?")

_in_force: ContextVar[Manner] = ContextVar("manner", default=Manner())  # noqa: B039 - it is frozen


@contextmanager
def read_as(manner: Manner) -> Iterator[None]:
    """Let a manner be in force while inside."""
    before = _in_force.set(manner)
    try:
        yield
    finally:
        _in_force.reset(before)


def manner_in_force() -> Manner:
    """Return the manner of whoever asks."""
    return _in_force.get()


@cache
def zones() -> tuple[str, ...]:
    """Return the zones that can be chosen: cities, and UTC."""
    cities = {each for each in available_timezones() if "/" in each}
    return "UTC", *sorted(
        each for each in cities if not each.startswith(("Etc/", "posix", "right"))
    )


def manner_of(numbers: str, zone: str, language: str) -> Manner:
    """Return a manner as it was kept."""
    return Manner(numbers=Numbers(numbers), zone=zone, language=Language(language))


def read_manner(numbers: str, zone: str, language: str) -> Manner:
    """Return a manner as it was chosen.

    Raises:
        ConfigError: nobody writes numbers so, or there is no such zone or language.
    """
    if numbers not in set(Numbers):
        raise ConfigError("Say how numbers shall be written.", field="numbers")
    if zone and zone not in zones():
        raise ConfigError("There is no such time zone; one is Europe/Berlin.", field="zone")
    if language not in set(Language):
        raise ConfigError("The console is not written in this language.", field="language")
    return manner_of(numbers, zone, language)


def in_words_for(manner: Manner, asked: str) -> Manner:
    """Return a manner with the language that is in force: the chosen one, else the browser's. Pure.

    Args:
        manner: as it was chosen.
        asked: the header Accept-Language, such as `de-AT, en;q=0.5`; of whatever it can not be
            read, and where nothing of ours is asked for, it is English.
    """
    language = manner.language
    return msgspec.structs.replace(manner, language=language or _asked_for(asked))


def _asked_for(header: str) -> Language:
    """Return the language of ours that is wanted most; of equals the first."""
    wanted: dict[Language, float] = {}
    for part in header[:_ASKED_CHARS_MAX].split(","):
        tag, _, weight = part.partition(";")
        match = _WEIGHT.fullmatch(weight.strip())
        language = tag.strip().partition("-")[0].lower()
        if match and language and language in set(Language):
            wanted.setdefault(Language(language), float(match[1] or 1))
    best = max(wanted, key=lambda each: wanted[each], default=Language.ENGLISH)
    return best if wanted.get(best) else Language.ENGLISH


def set_apart(text: str, numbers: Numbers) -> str:
    """Return a number in somebody's manner.

    Args:
        text: as Python writes it, with or without commas between thousands, with or without a sign.
        numbers: how they read it.
    """
    mark, point = _MARKS[numbers]
    sign = text[: len(text) - len(text.lstrip("+-\u2212"))]
    whole, dot, part = text[len(sign) :].replace(",", "").partition(".")
    return f"{sign}{mark.join(_groups(whole, 2 if numbers is Numbers.LAKHS else 3))}" + (
        f"{point}{part}" if dot else ""
    )


def _groups(digits: str, size: int) -> list[str]:
    """Return digits in groups: the last of three, those before of a size."""
    head, last = digits[:-3], digits[-3:]
    first = len(head) % size
    cut = [head[:first], *(head[at : at + size] for at in range(first, len(head), size)), last]
    return [each for each in cut if each]
