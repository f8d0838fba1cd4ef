"""A bought label is put on its return: number and link are personal, and found when ordered."""

from typing import ClassVar

from trueup.canon.command import AttachLabel
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.permit import MEND, Withdraw
from trueup.outbox.followed import label_of


class Sticker(Blank, frozen=True, kw_only=True):
    """A bought label shall stand on its return at the shop, which sends it to the customer.

    Attributes:
        bought_by: the command that bought it.
    """

    command: ClassVar[str] = "sticker"

    order_ref: str
    return_ref: str
    bought_by: str

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the label with its number and link."""
        if at.connection_id not in at.hub.connections:
            return Withdraw(because="the shop is no longer connected", rest=MEND)
        label = await label_of(at.conn, at.hub.vault, self.bought_by)
        if label is None or not label.tracking_number:
            return Withdraw(because="nobody knows the label any more")
        content = AttachLabel(
            order_ref=self.order_ref,
            return_ref=self.return_ref,
            tracking_number=label.tracking_number,
            tracking_url=label.tracking_url,
            label_url=label.label_url,
            notify=True,
        )
        return Filled(content=content, connection_id=at.connection_id, person=label.person)


BLANK = Sticker
