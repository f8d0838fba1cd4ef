"""A label for the way back: the customer's address is found when it is ordered."""

from typing import ClassVar, Final

from trueup.canon.command import BuyLabel
from trueup.canon.customer import Address
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.addressee import find_addressee
from trueup.decisions.contact.permit import MEND, Withdraw
from trueup.kernel.money import Money

_NO_HOME: Final = "nobody knows the address that it would be sent from"


class Postage(Blank, frozen=True, kw_only=True):
    """A label shall be bought for what a customer sends back.

    Attributes:
        order: whose customer it is, as a notice names a record.
        number: what is printed; by it the parcel is found again as the return's.
        recipient: the brand's place.
        price_max, weight_g, carrier, service: as of `BuyLabel`.
    """

    command: ClassVar[str] = "postage"

    order: str
    number: str
    recipient: Address
    price_max: Money
    weight_g: int
    carrier: str | None = None
    service: str | None = None

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the purchase, from the address where the order's customer lives now."""
        if at.connection_id not in at.hub.connections:
            return Withdraw(because="what sells labels is no longer connected", rest=MEND)
        who = await find_addressee(at.conn, at.hub, self.order)
        home = None if who is None else who.home
        if home is None or not home.address.lines:
            return Withdraw(because=_NO_HOME)
        content = BuyLabel(
            number=self.number,
            sender=home.address,
            recipient=self.recipient,
            weight_g=self.weight_g,
            price_max=self.price_max,
            carrier=self.carrier,
            service=self.service,
            is_return=True,
        )
        return Filled(content=content, connection_id=at.connection_id, person=home.person)


BLANK = Postage
