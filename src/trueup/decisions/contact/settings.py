"""What `[contact]` of the configuration says: when, how often and over which media."""

from collections.abc import Collection
from datetime import time, timedelta
from functools import cache
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from trueup.canon.command import Purpose
from trueup.config import read_section
from trueup.errors import ConfigError

Medium = Literal["ticket", "whatsapp", "email", "sms"]

_Clock = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]
_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]


class Cap(msgspec.Struct, frozen=True):
    """At most `count` messages to one customer within `days`; of every purpose where None."""

    purpose: Purpose | None
    count: int
    days: int

    @property
    def window(self) -> timedelta:
        """Within which time they count."""
        return timedelta(days=self.days)


class ContactSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How customers are written to.

    Attributes:
        zone: of the brand: where nothing tells in which zone a customer is.
        language: of the brand: where a customer's own has no text.
        media: in the order in which they are tried; "ticket" is an answer in the customer's own
            ticket, where one about the same order is open.
        connections: of several that send one medium, the one that shall, by its name.
        templates: names of texts whose WhatsApp templates Meta approved; the others go over
            WhatsApp only as an answer within a day.
        quiet_from, quiet_until: when nobody is written to, on the customer's clock.
        apart_hours: so long lies between two messages to one customer.
        marketing_max, marketing_days: at most so many messages of marketing in so many days.
        service_max, service_days: the same for answers.
        transactional_max, transactional_days: the same for messages about an order.
        all_max, all_days: the same for all together.
        stale_hours: what could not leave in so many hours is thought of anew.
        team_connection, team_to: the connection and the address (a channel, an e-mail) of alerts.
    """

    zone: str = "UTC"
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")] = "en"
    media: tuple[Medium, ...] = ("whatsapp", "email")
    connections: dict[Medium, str] = {}
    templates: tuple[str, ...] = ()
    quiet_from: _Clock = "21:00"
    quiet_until: _Clock = "09:00"
    apart_hours: Annotated[int, msgspec.Meta(ge=0, le=24 * 30)] = 12
    marketing_max: _Count = 2
    marketing_days: _Days = 7
    service_max: _Count = 3
    service_days: _Days = 7
    transactional_max: _Count = 3
    transactional_days: _Days = 7
    all_max: _Count = 3
    all_days: _Days = 7
    stale_hours: Annotated[int, msgspec.Meta(ge=1, le=72)] = 12
    team_connection: str | None = None
    team_to: Annotated[str, msgspec.Meta(min_length=1, max_length=254)] | None = None

    @property
    def quiet(self) -> tuple[time, time]:
        """From and until when nobody is written to."""
        return time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)

    @property
    def caps(self) -> tuple[Cap, ...]:
        """How many messages a customer may get."""
        return (
            Cap(Purpose.MARKETING, self.marketing_max, self.marketing_days),
            Cap(Purpose.SERVICE, self.service_max, self.service_days),
            Cap(Purpose.TRANSACTIONAL, self.transactional_max, self.transactional_days),
            Cap(None, self.all_max, self.all_days),
        )

    @property
    def memory(self) -> timedelta:
        """How long what was sent matters."""
        return max(timedelta(hours=self.apart_hours), *(cap.window for cap in self.caps))


def read_contact(table: object, texts: Collection[str]) -> ContactSettings:
    """Return what `[contact]` says, checked.

    Args:
        table: as it stands in the file.
        texts: the names of all texts.

    Raises:
        ConfigError: names the field, what was found, what is expected and how to put it right.
    """
    settings = read_section(ContactSettings, table, "[contact]")
    if settings.zone not in _zones():
        raise ConfigError(
            f"[contact]: zone {settings.zone!r} is none of the IANA time zones; write one such as "
            "Europe/Berlin.",
            field="contact.zone",
        )
    unknown = sorted(set(settings.templates) - set(texts))
    if unknown:
        raise ConfigError(
            f"[contact]: templates names texts that there are not: {', '.join(unknown)}; there "
            f"are: {', '.join(texts)}.",
            field="contact.templates",
        )
    if (settings.team_connection is None) != (settings.team_to is None):
        raise ConfigError(
            "[contact]: team_connection and team_to belong together; write both, or none.",
            field="contact.team_to",
        )
    return settings


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones; this machine's files are walked for them once."""
    return frozenset(available_timezones())


def zone_of_brand(settings: ContactSettings) -> ZoneInfo:
    """Return the brand's time zone."""
    return ZoneInfo(settings.zone)
