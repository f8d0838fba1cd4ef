"""Commands about what pays a parcel's way: its label is bought, or taken back."""

import re
from typing import ClassVar, Final

import msgspec

from trueup.canon.content import CommandContent
from trueup.canon.customer import Address
from trueup.errors import invariant
from trueup.kernel.money import Money

WEIGHT_G_MAX: Final = 1_000_000
SIDE_MM_MAX: Final = 10_000
_NUMBER = re.compile(r"[!-~]([ -~]{0,33}[!-~])?")


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """The sides of a parcel in whole millimetres."""

    length_mm: int
    width_mm: int
    height_mm: int

    def __post_init__(self) -> None:
        sides = self.length_mm, self.width_mm, self.height_mm
        invariant(all(0 < side <= SIDE_MM_MAX for side in sides), "a side is 1 to 10,000 mm")


class BuyLabel(CommandContent, frozen=True, kw_only=True):
    """A label for one parcel, bought once, for no more than `price_max`.

    The receipt's `vendor_ref` is the ref of the parcel, and the vendor's reply becomes that record
    at once: `outbox.followed.label_of` reads tracking number, link to the label and price from it.

    Attributes:
        number: what is printed: the order's, or the return's where it goes back.
        sender: where it is handed over; of a return the customer's address.
        recipient: where it goes; of a return the brand's.
        size: None: the carrier goes by the weight alone, where it takes that.
        carrier, service: the wish, by the carrier's own words; None: whichever is cheapest.
        price_max: rates in another currency are not taken.
        is_return: it goes back to the brand; some carriers charge that otherwise.
    """

    command: ClassVar[str] = "label.buy"

    number: str
    sender: Address
    recipient: Address
    weight_g: int
    price_max: Money
    size: Size | None = None
    carrier: str | None = None
    service: str | None = None
    is_return: bool = False

    def __post_init__(self) -> None:
        invariant(_NUMBER.fullmatch(self.number), "a printed number is 1 to 35 plain characters")
        invariant(0 < self.weight_g <= WEIGHT_G_MAX, "a parcel weighs 1 g to 1,000 kg")
        invariant(self.price_max.amount > 0, "a label may cost something")


class VoidLabel(CommandContent, frozen=True, kw_only=True):
    """A label that shall be taken back and paid back; only before the carrier has scanned it."""

    command: ClassVar[str] = "label.void"

    parcel_ref: str


class AttachLabel(CommandContent, frozen=True, kw_only=True):
    """A bought label that shall stand on a return which was agreed to, for its customer.

    Attributes:
        tracking_number: by which it is found again on the return.
        notify: the channel writes to the customer.
    """

    command: ClassVar[str] = "return.label"

    order_ref: str
    return_ref: str
    tracking_number: str
    tracking_url: str | None = None
    label_url: str | None = None
    notify: bool = False

    def __post_init__(self) -> None:
        invariant(self.tracking_number.strip(), "a label has a number")
