"""What a CRM is told of a customer: who they are there is found when it is ordered."""

from datetime import date
from typing import ClassVar

from trueup.canon.command import ChangeProfile
from trueup.decisions.blank import Blank, Filled, Filling
from trueup.decisions.contact.known_as import known_as
from trueup.decisions.contact.permit import MEND, Withdraw
from trueup.decisions.patrons.portraits import Band, draw


class Portrait(Blank, frozen=True, kw_only=True):
    """Properties of a customer at the CRM; never a consent, so none is asked for.

    That it was ordered is kept, also where nobody knows them at the CRM, so that it is not asked
    for again before something else is to be told.

    Attributes:
        person: of `patron`, in hexadecimal digits.
        order: their newest.
        band, last_on: as they were when it was proposed; what is no longer so is not told.
        properties: (name at the CRM, what is told).
    """

    command: ClassVar[str] = "portrait"
    is_told_of: ClassVar[bool] = False

    person: str
    order: str
    band: Band
    last_on: date
    properties: tuple[tuple[str, str], ...]

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the change of their profile."""
        if at.connection_id not in at.hub.connections:
            return Withdraw(because="the CRM is no longer connected", rest=MEND)
        if not await draw(at.conn, self.person, at.connection_id, self.band, self.last_on, at.now):
            return Withdraw(because="it is no longer so of one of them")
        known = await known_as(at.conn, at.hub, self.order)
        if known is None:
            return Withdraw(because="nothing is known by which the CRM could know one of them")
        content = ChangeProfile(
            email=known.email,
            phone=known.phone,
            external_ref=known.external_ref,
            properties=self.properties,
        )
        return Filled(content=content, connection_id=at.connection_id, person=known.person)


BLANK = Portrait
