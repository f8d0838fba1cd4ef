"""In which lists of a CRM a customer belongs: whether they may is found when it is ordered."""

from datetime import date
from typing import ClassVar

from trueup.canon.command import ChangeLists, Purpose
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.known_as import known_as
from trueup.decisions.contact.permit import MEND, Withdraw
from trueup.decisions.patrons.portraits import Band, draw
from trueup.records.will import read_will, why_not


class Membership(Blank, frozen=True, kw_only=True):
    """A customer belongs in the list of their tier, and no longer in those of others.

    Lists are written to, so nobody is put into one who did not agree to marketing by e-mail; who
    no longer agrees is taken out of all of these.

    Attributes:
        person: of `patron`, in hexadecimal digits.
        order: their newest.
        band, last_on: as they were when it was proposed; as of `Portrait`.
        joined: the list of their tier, where it has one.
        left: those of the other tiers.
    """

    command: ClassVar[str] = "membership"
    is_told_of: ClassVar[bool] = False

    person: str
    order: str
    band: Band
    last_on: date
    joined: tuple[str, ...]
    left: tuple[str, ...]

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the change of their lists."""
        if at.connection_id not in at.hub.connections:
            return Withdraw(because="the CRM is no longer connected", rest=MEND)
        if not await draw(at.conn, self.person, at.connection_id, self.band, self.last_on, at.now):
            return Withdraw(because="it is no longer so of one of them")
        known = await known_as(at.conn, at.hub, self.order)
        if known is None:
            return Withdraw(because="nothing is known by which the CRM could know one of them")
        will = await read_will(at.conn, at.hub.vault, persons=known.persons, keys=at.hub.keys)
        agrees = why_not(will, "email", Purpose.MARKETING) is None
        content = ChangeLists(
            email=known.email,
            phone=known.phone,
            external_ref=known.external_ref,
            joined=self.joined if agrees else (),
            left=self.left if agrees else (*self.joined, *self.left),
        )
        return Filled(content=content, connection_id=at.connection_id, person=known.person)


BLANK = Membership
