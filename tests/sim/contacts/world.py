"""What is true in the world: who lives where, what they said, what is wanted, and what they got."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from trueup.canon.command import Purpose
from trueup.decisions.contact.settings import ContactSettings

START = datetime(2026, 9, 14, 6, tzinfo=UTC)
"""Summer time ends in Europe and in America within the days after it."""

HOMES: tuple[tuple[str, str, str], ...] = (
    *(("DE", "", "Europe/Berlin"), ("GB", "", "Europe/London"), ("IN", "", "Asia/Kolkata")),
    *(("US", "NY", "America/New_York"), ("US", "CA", "America/Los_Angeles")),
    *(("CA", "NS", "America/Halifax"), ("AU", "NSW", "Australia/Sydney")),
)


class Person(msgspec.Struct, kw_only=True):
    """A customer, with what they last said of marketing and every mail they got."""

    number: int
    country: str
    province: str
    zone: ZoneInfo
    agrees: bool
    got: list[tuple[datetime, Purpose, str]] = []

    @property
    def email(self) -> str:
        """Their address."""
        return f"c{self.number}@home.example"

    def body(self, at: datetime) -> bytes:
        """Return what the shop tells of them."""
        stamp = at.isoformat()
        consent = {
            "state": "subscribed" if self.agrees else "unsubscribed",
            "consent_updated_at": stamp,
        }
        home = {"country_code": self.country, "province_code": self.province, "city": "X"}
        told: dict[str, Any] = {
            "id": self.number,
            "email": self.email,
            "created_at": START.isoformat(),
            "updated_at": stamp,
            "email_marketing_consent": consent,
            "addresses": [home],
            "default_address": home,
        }
        return msgspec.json.encode(told)


class World:
    """People, and a judge of every mail that leaves, who knows nothing of the hub.

    Args:
        seed: of everything that is drawn.
        customers: how many.
    """

    def __init__(self, seed: int, customers: int) -> None:
        self.random = Random(f"contacts-{seed}")
        self.people = {n: self._person(n) for n in range(1, customers + 1)}
        self.settings = ContactSettings()
        self.wanted: dict[str, datetime] = {}
        self.broken: list[str] = []
        self.figures = {"sent": 0, "opt_outs": 0, "wishes": 0, "faults": 0}

    def _person(self, number: int) -> Person:
        country, province, zone = self.random.choice(HOMES)
        agrees = self.random.random() < 0.6
        zoned = ZoneInfo(zone)
        return Person(number=number, country=country, province=province, zone=zoned, agrees=agrees)

    def take(self, email: str, purpose: Purpose, about: str, now: datetime) -> None:
        """Take a mail, and hold it against everything that may not be."""
        person = self.people[int(email.split("@", maxsplit=1)[0][1:])]
        self.figures["sent"] += 1
        quiet_from, quiet_until = self.settings.quiet
        clock = now.astimezone(person.zone).time()
        broken = {
            "in quiet hours": clock >= quiet_from or clock < quiet_until,
            "against consent": purpose is Purpose.MARKETING and not person.agrees,
            "twice": any(each == about for _, _, each in person.got),
            "no longer asked for": about not in self.wanted,
            "over a cap": self._over(person, purpose, now),
        }
        self.broken += [f"{now} {email} {about}: {what}" for what, is_so in broken.items() if is_so]
        person.got.append((now, purpose, about))

    def _over(self, person: Person, purpose: Purpose, now: datetime) -> bool:
        if person.got and now - person.got[-1][0] < timedelta(hours=self.settings.apart_hours):
            return True
        return any(
            sum(now - at < cap.window and cap.purpose in {None, of} for at, of, _ in person.got)
            >= cap.count
            for cap in self.settings.caps
            if cap.purpose in {None, purpose}
        )


def plain(settings: ContactSettings) -> Mapping[str, object]:
    """Return settings as the file would have them."""
    builtin: Mapping[str, object] = msgspec.to_builtins(settings)
    return {name: value for name, value in builtin.items() if value is not None}
