"""Manner: how a member reads numbers and instants.

It is in force for the request that it belongs to, so that whatever writes a number asks nobody.
"""

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
    """

    numbers: Numbers = Numbers.COMMAS
    zone: str = ""

    def place(self) -> ZoneInfo:
        """Return the zone in which instants are written."""
        return ZoneInfo(self.zone or "UTC")


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


def read_manner(numbers: str, zone: str) -> Manner:
    """Return a manner as it was chosen.

    Raises:
        ConfigError: nobody writes numbers so, or there is no such zone.
    """
    if numbers not in set(Numbers):
        raise ConfigError("Say how numbers shall be written.", field="numbers")
    if zone and zone not in zones():
        raise ConfigError("There is no such time zone; one is Europe/Berlin.", field="zone")
    return Manner(numbers=Numbers(numbers), zone=zone)


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
