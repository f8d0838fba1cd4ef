"""A price in the shop's own currency and, where it differs, in the customer's."""

from decimal import Decimal

import msgspec

from trueup.kernel.money import Money


class Price(msgspec.Struct, frozen=True, omit_defaults=True):
    """One amount as booked and as presented.

    Attributes:
        booked: in the shop's currency, in which the books are kept.
        presented: in the customer's currency; None where it is the shop's.
    """

    booked: Money
    presented: Money | None = None

    @property
    def amount(self) -> Decimal:
        """The booked amount."""
        return self.booked.amount
