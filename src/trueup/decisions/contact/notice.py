"""What a rule asks for where somebody shall be written to: by name, with nothing personal."""

from datetime import date, datetime
from enum import IntEnum
from typing import ClassVar

import msgspec

from trueup.canon.command import Purpose
from trueup.kernel.money import Money


class Urgency(IntEnum):
    """Which of several notices goes first; of those alike the older decision."""

    LOW = 1
    NORMAL = 2
    HIGH = 3


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A customer shall be written to. Who they are, and where, is found when it is ordered.

    Attributes:
        to: who: "connection/3/order/1001" (any record of theirs), or "person/" and their id.
        purpose: what for; it says which consent it needs.
        text: which text, by its name.
        about: what it is about: who was just told of the same is not told again. A ref.
        values: what the text names, as it is written: an order's number, a count.
        days, amounts: the same, written as the customer's language does.
        urgency: which of several goes first.
        useful_until: after this it is not sent any more.
    """

    command: ClassVar[str] = "notice"

    to: str
    purpose: Purpose
    text: str
    about: str
    values: dict[str, str | int] = {}
    days: dict[str, date] = {}
    amounts: dict[str, Money] = {}
    urgency: Urgency = Urgency.NORMAL
    useful_until: datetime | None = None
