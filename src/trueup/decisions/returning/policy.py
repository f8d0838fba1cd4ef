"""Whether a return is agreed to, and where its goods go. Pure.

What customers say is never obeyed: of their words it is only known whether some of those that a
person shall read are among them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from trueup.canon.customer import Address
from trueup.canon.return_command import ReturnReason
from trueup.config import Amounts
from trueup.decisions.model import Alternative
from trueup.decisions.rule import Settings
from trueup.kernel.money import Money

Answer = Literal["agree", "decline", "person"]
Because = Literal["late", "final_sale"]

_HIGH: Final = Amounts(
    (("EUR", Decimal(150)), ("GBP", Decimal(150)), ("INR", Decimal(12000)), ("USD", Decimal(150)))
)
_ASK: Final[tuple[ReturnReason, ...]] = ("defective", "not_as_described", "wrong_item")
_WORDS: Final = (
    *("worn", "washed", "used", "broken", "damaged", "lawyer", "chargeback"),
    *("getragen", "gewaschen", "benutzt", "kaputt", "beschädigt", "anwalt"),
)
KEEP: Final = "kept by the customer"


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where goods are sent back to; the first that takes all of them has them.

    Attributes:
        name: as people call it.
        company, street, city, postcode, region, country, phone: as a label has them; `country` is
            an ISO 3166-1 alpha-2 code.
        countries, regions: of the orders whose goods go there, regions as shops write them;
            empty: of all.
        skus: patterns of what it takes, such as "LAMP-*"; empty: everything.
        worth_min: it takes only what is worth that much, by currency.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "returns"
    company: str = ""
    street: tuple[str, ...] = ()
    city: str = ""
    postcode: str = ""
    region: str = ""
    country: str = ""
    phone: str = ""
    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    worth_min: Amounts = Amounts()

    @property
    def address(self) -> Address:
        """The address, as a label has it."""
        return Address(
            name=self.name if not self.company else None,
            company=self.company or None,
            lines=self.street,
            city=self.city or None,
            province=self.region or None,
            postcode=self.postcode or None,
            country=self.country or None,
            phone=self.phone or None,
        )

    @property
    def is_whole(self) -> bool:
        """Whether a label can be made out to it."""
        return bool(self.street and self.city and self.country)

    @property
    def told(self) -> str:
        """What a customer is told of where it is."""
        return self.line or self.name

    @property
    def line(self) -> str:
        """The address in one line."""
        town = " ".join(part for part in (self.postcode, self.city) if part)
        parts = (self.company, *self.street, town, self.region, self.country)
        return ", ".join(part for part in parts if part)


class PolicySettings(Settings, frozen=True, kw_only=True):
    """What is agreed to, and where goods go.

    Attributes:
        days: so many days after the delivery a return is agreed to.
        sent_days: where nobody tells of the delivery, so many days after it was sent; what was
            sent before is a person's.
        final_skus: patterns of what is not taken back.
        final_tags: orders with one of these tags are not taken back.
        value_max: up to which worth of its goods a return is agreed to, by currency.
        returns_max: from so many returns of a customer on, within `returns_days`, it is a person's.
        returns_days: so far back they are counted.
        ask_reasons: returns for one of these reasons are a person's.
        ask_words: so are those in whose words one of these stands.
        declines: what is too late or final is declined; else it is a person's.
        keep_below: what is worth less than that is not sent back, and is paid back all the same.
        places: where goods go.
        look_back_days: older returns and tickets are not looked at.
        tickets: whoever asks in a ticket has a return opened, where it is known for which unit.
        team: of what is a person's the team is told, at `[contact]` team_to.
    """

    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    sent_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    final_skus: tuple[str, ...] = ()
    final_tags: tuple[str, ...] = ()
    value_max: Amounts = _HIGH
    returns_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 4
    returns_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 180
    ask_reasons: tuple[ReturnReason, ...] = _ASK
    ask_words: tuple[str, ...] = _WORDS
    declines: bool = True
    keep_below: Amounts = Amounts()
    places: tuple[Place, ...] = ()
    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 60
    tickets: bool = True
    team: bool = False


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer wants to send back, and what is known of them and their order.

    Attributes:
        worth: of the goods.
        skus: of the lines; None: a line without one.
        kits: something of it stands for units of other SKUs.
        reasons: of the lines, in our words or in the channel's.
        words: of those that a person shall read, which stand in what they wrote.
        tags: of those that make an order final, which it has.
        delivered_at: when all of it had arrived; None where nobody tells.
        sent_at: when something of it left last; None: nothing did.
        before: returns of the same customer that were not turned down.
        country, region: that the order went to; None where nobody knows any more.
    """

    asked_at: datetime
    worth: Money
    skus: tuple[str | None, ...]
    reasons: tuple[str, ...]
    delivered_at: datetime | None
    sent_at: datetime | None
    before: int
    kits: bool = False
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    country: str | None = None
    region: str | None = None


class Verdict(NamedTuple):
    """What is to be done about a wish, and why.

    Attributes:
        because: of what it is declined.
        place: where its goods go; None: nowhere was said, or they are kept.
        alternatives: what was not chosen, and why not.
    """

    answer: Answer
    why: str
    because: Because | None = None
    place: Place | None = None
    kept: bool = False
    alternatives: tuple[Alternative, ...] = ()


def verdict_of(wish: Wish, settings: PolicySettings) -> Verdict:
    """Return whether a wish is agreed to, and where its goods go."""
    asks = _asks_first(wish, settings)
    if asks is not None:
        return _person(asks)
    declined = _declined(wish, settings)
    if declined is not None:
        return declined
    asks = _asks_then(wish, settings)
    if asks is not None:
        return _person(asks)
    return _routed(wish, settings)


def _asks_first(wish: Wish, settings: PolicySettings) -> str | None:
    """Return why only a person can say what it is about; before anything is declined."""
    if wish.words:
        return f"in the customer's words stands {', '.join(wish.words)}"
    reasons = [each for each in wish.reasons if _plain(each) in settings.ask_reasons]
    if reasons:
        return f"the reason is {reasons[0].replace('_', ' ')}"
    if wish.kits:
        return "something of it is a kit"
    return None


def _declined(wish: Wish, settings: PolicySettings) -> Verdict | None:
    final = [each for each in wish.skus if _matches(each, settings.final_skus)]
    late = _late(wish, settings)
    because: Because = "final_sale"
    if wish.tags:
        why = f"the order has the tag {wish.tags[0]}"
    elif final and len(final) < len(wish.skus):
        return _person("some of its units are not taken back")
    elif final:
        why = f"{final[0]} is not taken back"
    elif late is not None:
        because, why = "late", late
    else:
        return None
    if not settings.declines:
        return _person(why)
    agreed = Alternative(what="agree to it", why_not=why)
    return Verdict("decline", why, because=because, alternatives=(agreed,))


def _late(wish: Wish, settings: PolicySettings) -> str | None:
    """Return why it is too late; None where it is not, or nobody can tell."""
    if wish.delivered_at is None:
        return None
    passed = (wish.asked_at - wish.delivered_at).days
    if passed <= settings.days:
        return None
    return f"it was asked for {passed} days after the delivery, and {settings.days} are allowed"


def _asks_then(wish: Wish, settings: PolicySettings) -> str | None:
    """Return why a person has to agree to what could be agreed to."""
    if wish.sent_at is None:
        return "nothing of the order was sent, as far as is told"
    unknown = wish.delivered_at is None
    if unknown and wish.asked_at - wish.sent_at > timedelta(days=settings.sent_days):
        return f"nobody tells of the delivery, and it was sent on {wish.sent_at.date()}"
    limit = dict(settings.value_max).get(wish.worth.currency)
    if limit is None or wish.worth.amount > limit:
        most = "nothing may be" if limit is None else f"at most {limit} may be"
        return f"its goods are worth {wish.worth}, and {most} by itself"
    if wish.before >= settings.returns_max:
        return f"it would be return {wish.before + 1} of its customer"
    return None


def _routed(wish: Wish, settings: PolicySettings) -> Verdict:
    others: list[Alternative] = []
    keep = dict(settings.keep_below).get(wish.worth.currency)
    if keep is not None and wish.worth.amount < keep:
        why = f"its goods are worth {wish.worth}, less than {keep}"
        others = [
            Alternative(what=f"send it to {each.name}", why_not=why) for each in settings.places
        ]
        return Verdict("agree", f"{_allowed(wish)}; {why}", kept=True, alternatives=tuple(others))
    if keep is not None:
        why = f"its goods are worth {wish.worth}, not less than {keep}"
        others.append(Alternative(what="let the customer keep it", why_not=why))
    chosen: Place | None = None
    for place in settings.places:
        why_not = f"{chosen.name} comes first" if chosen is not None else _why_not(place, wish)
        if why_not is None:
            chosen = place
        else:
            others.append(Alternative(what=f"send it to {place.name}", why_not=why_not))
    if settings.places and chosen is None:
        return Verdict("person", "no place takes all of it", alternatives=tuple(others))
    others.append(Alternative(what="decline it", why_not=_allowed(wish)))
    return Verdict("agree", _allowed(wish), place=chosen, alternatives=tuple(others))


def place_for(wish: Wish, places: Sequence[Place]) -> Place | None:
    """Return the first place that takes all goods of a wish; None: none does."""
    return next((place for place in places if _why_not(place, wish) is None), None)


def _why_not(place: Place, wish: Wish) -> str | None:
    """Return why a place does not take the goods; None: it does."""
    if place.countries and (wish.country or "") not in place.countries:
        return f"it takes no goods from {wish.country or 'an unknown country'}"
    regions = {each.casefold() for each in place.regions}
    if regions and (wish.region or "").casefold() not in regions:
        return f"it takes no goods from {wish.region or 'an unknown region'}"
    other = next(
        (each for each in wish.skus if place.skus and not _matches(each, place.skus)), None
    )
    if place.skus and (other is not None or None in wish.skus):
        return f"it does not take {other or 'what has no SKU'}"
    least = dict(place.worth_min).get(wish.worth.currency)
    if place.worth_min and (least is None or wish.worth.amount < least):
        return (
            f"its goods are worth {wish.worth}, and it takes {least or 'no such currency'} and more"
        )
    return None


def _allowed(wish: Wish) -> str:
    if wish.delivered_at is None:
        return "nobody tells of the delivery, and it was sent in time"
    passed = max(0, (wish.asked_at - wish.delivered_at).days)
    return f"it was asked for {passed} days after the delivery"


def _person(why: str) -> Verdict:
    others = (
        Alternative(what="agree to it", why_not=why),
        Alternative(what="decline it", why_not=why),
    )
    return Verdict("person", why, alternatives=others)


def _matches(sku: str | None, patterns: Iterable[str]) -> bool:
    return sku is not None and any(fnmatchcase(sku, each) for each in patterns)


def words_in(texts: Iterable[str], words: Sequence[str]) -> tuple[str, ...]:
    """Return which of some words stand in texts, whole and in any case."""
    said: set[str] = set()
    for text in texts:
        folded = "".join(char if char.isalnum() else " " for char in text.casefold())
        said |= set(folded.split())
    return tuple(each for each in words if each.casefold() in said)


def _plain(reason: str) -> str:
    """Return a channel's word for a reason in ours."""
    return _REASONS.get(reason, reason)


_REASONS: Mapping[str, ReturnReason] = {
    "size_too_small": "too_small",
    "size_too_large": "too_large",
}
