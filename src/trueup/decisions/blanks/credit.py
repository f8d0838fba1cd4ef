"""Store credit for whoever placed an order: whom that is, its shop's records tell when ordered."""

from datetime import date
from typing import ClassVar, Final

from trueup.canon.command import GiveCredit
from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.addressee import Place, place_of
from trueup.decisions.contact.permit import Withdraw
from trueup.kernel.money import Money
from trueup.records.reads import find_records

_NOBODY: Final = "its shop does not know whose order it is"


class Credit(Blank, frozen=True, kw_only=True):
    """The customer of an order shall be given store credit at its shop.

    Attributes:
        to: the order, as a notice names a record.
        expires_on: the last day on which it can be used.
    """

    command: ClassVar[str] = "credit"

    to: str
    amount: Money
    expires_on: date

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the credit, for the customer that the order names now."""
        place = place_of(self.to)
        if not isinstance(place, Place):
            return Withdraw(because=_NOBODY)
        for row in await find_records(at.conn, Order.kind, place.ref):
            order = decode(Order.kind, row["body"])
            is_it = (row["connection_id"], row["ref"]) == (place.connection_id, place.ref)
            if is_it and isinstance(order, Order) and order.customer_ref and not row["deleted"]:
                content = GiveCredit(
                    customer_ref=order.customer_ref,
                    amount=self.amount,
                    expires_on=self.expires_on,
                )
                return Filled(
                    content=content,
                    connection_id=place.connection_id,
                    person=None if row["person"] is None else bytes(row["person"]),
                )
        return Withdraw(because=_NOBODY)


BLANK = Credit
