"""What shall be done once about a return: opened, agreed to, declined, paid back."""

from typing import ClassVar, Final, Literal

import msgspec

from trueup.canon.content import CommandContent
from trueup.errors import invariant
from trueup.kernel.money import Money

LINES_MAX: Final = 20
NOTE_CHARS_MAX: Final = 500

ReturnReason = Literal[
    "too_small",
    "too_large",
    "unwanted",
    "not_as_described",
    "wrong_item",
    "defective",
    "style",
    "color",
    "other",
    "unknown",
]


class WantedBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one line of an order that their customer sends back."""

    line_ref: str
    quantity: int
    reason: ReturnReason = "unknown"

    def __post_init__(self) -> None:
        invariant(self.quantity > 0, "units come back")


class OpenReturn(CommandContent, frozen=True, kw_only=True):
    """A return of units that were sent, agreed to by the merchant.

    Attributes:
        send_to: where the goods are sent to, in one line as the customer is told; None: nobody
            said. No channel is told of this and of `kept`: whoever ordered it knows it later.
        kept: the customer keeps them, and is paid back.
        note: what the team of the shop reads beside each line.
    """

    command: ClassVar[str] = "return.open"

    order_ref: str
    lines: tuple[WantedBack, ...]
    send_to: str | None = None
    kept: bool = False
    note: str | None = None

    def __post_init__(self) -> None:
        _one_each([line.line_ref for line in self.lines])


class ApproveReturn(CommandContent, frozen=True, kw_only=True):
    """A return that a customer asked for is agreed to; `send_to` and `kept` as in `OpenReturn`."""

    command: ClassVar[str] = "return.approve"

    order_ref: str
    return_ref: str
    send_to: str | None = None
    kept: bool = False


class DeclineReturn(CommandContent, frozen=True, kw_only=True):
    """A return that a customer asked for is not agreed to.

    Attributes:
        note: what the customer is told of it by the channel.
        notify: the channel writes to the customer.
    """

    command: ClassVar[str] = "return.decline"

    order_ref: str
    return_ref: str
    reason: Literal["late", "final_sale", "other"] = "other"
    note: str | None = None
    notify: bool = False

    def __post_init__(self) -> None:
        invariant(len(self.note or "") <= NOTE_CHARS_MAX, f"a note of {NOTE_CHARS_MAX} characters")


class Settled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one line of an order that a return is paid back for, and what becomes of them.

    Attributes:
        quantity: units that are paid back now.
        refunded: units of the line that were paid back before, in all refunds of the order.
        restocked: of `quantity`, put back on sale at `location_ref`.
        quarantined: of `quantity`, set aside there.
        absent: of `quantity`, do not come: the customer keeps them. The rest is thrown away.
    """

    line_ref: str
    quantity: int
    refunded: int = 0
    restocked: int = 0
    quarantined: int = 0
    absent: int = 0
    location_ref: str | None = None

    def __post_init__(self) -> None:
        placed = self.restocked + self.quarantined
        counts = (self.refunded, self.restocked, self.quarantined, self.absent)
        invariant(self.quantity > 0 and min(counts) >= 0, "units are paid back")
        invariant(placed + self.absent <= self.quantity, "no more are placed than paid back")
        invariant(not placed or self.location_ref, "what is placed has a place")


class RefundReturn(CommandContent, frozen=True, kw_only=True):
    """Money of a return back to its customer, and the word of what becomes of its units.

    Attributes:
        amount: at most, in the order's currency; what the channel reckons for the units where that
            is less.
        notify: the channel writes to the customer.
    """

    command: ClassVar[str] = "return.refund"

    order_ref: str
    return_ref: str
    amount: Money
    lines: tuple[Settled, ...]
    notify: bool = False

    def __post_init__(self) -> None:
        _one_each([line.line_ref for line in self.lines])
        invariant(self.amount.amount > 0, "an amount above zero")


def _one_each(line_refs: list[str]) -> None:
    invariant(0 < len(line_refs) <= LINES_MAX, f"1 to {LINES_MAX} lines")
    invariant(len(set(line_refs)) == len(line_refs), "each line once")
