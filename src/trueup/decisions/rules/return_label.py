"""Return label: the way back is paid: a label is bought, and put on the return.

Once for each return, for no more than was allowed. The shop sends it to the customer. Where the
return ends before anything was handed over, the label is taken back. A label that nobody sells so
is told of, and asked for again once something else is wished for.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import AttachLabel, BuyLabel, VoidLabel
from trueup.canon.issue import Issue
from trueup.canon.parcel import ParcelStatus
from trueup.canon.postage import WEIGHT_G_MAX
from trueup.canon.returns import ReturnState
from trueup.config import Amounts
from trueup.decisions.blanks.postage import Postage
from trueup.decisions.blanks.sticker import Sticker
from trueup.decisions.model import Action, Alternative, Facts, Proposal, State, Values
from trueup.decisions.reads import STANDS, subjects_ordered
from trueup.decisions.returning.agreed import Answered, answers_to
from trueup.decisions.returning.labelled import LABELS, Labelled, labels_of, places_of
from trueup.decisions.returning.policy import Place, PolicySettings, place_for
from trueup.decisions.returning.seen import ReturnSeen, key_of_order, read_returns, returns_of
from trueup.decisions.returning.unsold import UNSOLD, issue_of
from trueup.decisions.returning.wished import read_beside, sum_of, wish_of
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.kernel.money import Money
from trueup.outbox.followed import BoughtLabel, label_of
from trueup.records.sendback import entities_told_back

Step = Literal["buy", "attach", "void"]

_PRINTED: Final = re.compile(r"[!-~]([ -~]{0,33}[!-~])?")
_MOST: Final = Amounts((("USD", Decimal(10)),))
_REMEMBERED: Final = timedelta(days=365)
"""A return that waits for longer for its label is told of no more."""

_ENDED: Final = frozenset((ReturnState.CLOSED, ReturnState.DECLINED, ReturnState.CANCELLED))
_AGREED: Final = frozenset((ReturnState.OPEN, ReturnState.CLOSED))


class LabelSettings(Settings, frozen=True, kw_only=True):
    """Which labels are bought.

    Attributes:
        label_connection: that sells them; empty: none are bought.
        price_max: no label costs more, in the one currency that the connection sells them for.
        weight_g: of a parcel that comes back; nobody tells how heavy one is.
        carrier, service: the wish, in the carrier's own words; empty: whichever is cheapest.
        look_back_days: no label is bought for what was asked for before.
        void_days: a label that was bought before is not taken back any more.
    """

    label_connection: str = ""
    price_max: Amounts = _MOST
    weight_g: Annotated[int, msgspec.Meta(ge=1, le=WEIGHT_G_MAX)] = 1000
    carrier: str = ""
    service: str = ""
    look_back_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 14
    void_days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 30

    def __post_init__(self) -> None:
        if len(self.price_max) != 1 or not self.most:
            raise ValueError("price_max must be an amount above 0 of one currency")

    @property
    def most(self) -> Money:
        """What a label may cost at most."""
        [(currency, amount)] = self.price_max
        return Money(amount, currency)


class LabelValues(Values, frozen=True, kw_only=True):
    """One return, and the next step of its label.

    Attributes:
        times: labels that were bought before.
        refusals: how often the label was asked for and not sold.
        place: where the goods go.
        seller: the connection that sells the label, or sold it.
        bought_by: the command that bought it.
        parcel_ref, price: of the label that was bought.
    """

    step: Step
    seen: ReturnSeen
    seller: int
    times: int = 0
    refusals: int = 0
    place: Place | None = None
    bought_by: str | None = None
    parcel_ref: str | None = None
    price: Money | None = None

    @property
    def episode(self) -> str:
        """Which time of it: one more label, or what is done about the one that was bought."""
        if self.step != "buy":
            return f"{self.step}/{self.parcel_ref}"
        again = f"/{self.refusals + 1}" if self.refusals else ""
        return f"buy/{self.times + 1}{again}"


async def read(
    look: Look, settings: LabelSettings, subject: str | None
) -> list[Facts[LabelValues]]:
    """Return the returns that want a label, and those whose label is to be put on or taken back."""
    since = look.now - timedelta(days=settings.look_back_days)
    seen = await read_returns(look, since, subject, [ReturnState.OPEN])
    labels = await _labels(look, settings, subject)
    read_already = {each.subject for each in seen}
    orders = [each.order for name, each in labels.items() if name not in read_already]
    keys = list(dict.fromkeys(key_of_order(each) for each in orders))
    seen += [each for each in await returns_of(look, keys) if each.subject not in read_already]
    found = [
        values
        for each in seen
        if (label := labels.get(each.subject)) is not None
        and (values := await _further(look, each, label)) is not None
    ]
    new = [each for each in seen if each.asked_at >= since and _wants(look, each, labels)]
    found += await _to_buy(look, settings, new, labels)
    return [
        Facts(
            subject=each.seen.subject,
            episode=each.episode,
            values=each,
            evidence=each.seen.evidence,
        )
        for each in found
    ]


async def _labels(look: Look, settings: LabelSettings, subject: str | None) -> dict[str, Labelled]:
    if subject is not None:
        return await labels_of(look, [subject])
    since = look.now - timedelta(days=settings.void_days)
    states = (*STANDS, State.FAILED)
    return await labels_of(look, await subjects_ordered(look.conn, LABELS, since, states=states))


def _wants(look: Look, seen: ReturnSeen, labels: Mapping[str, Labelled]) -> bool:
    """Whether a return is on its way without a label that stands, at a shop that takes one."""
    label = labels.get(seen.subject)
    due = any(line.asked > line.absent + line.settled for line in seen.lines)
    is_open = seen.state is ReturnState.OPEN and not seen.cancelled and seen.came_at is None
    return (
        (label is None or label.bought_by is None)
        and is_open
        and due
        and _can(look, seen.connection_id, AttachLabel.command)
    )


def _can(look: Look, connection_id: int, command: str) -> bool:
    folder = look.hub.folder_of(connection_id)
    return folder is not None and folder.manifest.action(command) is not None


async def _further(look: Look, seen: ReturnSeen, label: Labelled) -> LabelValues | None:
    """Return what is to be done about a label that was bought; None: nothing, or nothing yet."""
    ended = seen.state in _ENDED
    waits = seen.state is ReturnState.OPEN and not label.attached
    if label.bought_by is None or seen.came_at is not None or not (ended or waits):
        return None
    bought = await label_of(look.conn, look.hub.vault, label.bought_by)
    if bought is None or not _is_unused(bought):
        return None
    if ended and not _can(look, bought.connection_id, VoidLabel.command):
        return None
    return LabelValues(
        step="void" if ended else "attach",
        seen=seen,
        seller=bought.connection_id,
        times=label.times,
        bought_by=label.bought_by,
        parcel_ref=bought.parcel_ref,
        price=bought.price,
    )


def _is_unused(bought: BoughtLabel) -> bool:
    return bought.shipped_at is None and bought.status is not ParcelStatus.CANCELLED


async def _to_buy(
    look: Look,
    settings: LabelSettings,
    returns: Sequence[ReturnSeen],
    labels: Mapping[str, Labelled],
) -> list[LabelValues]:
    seller = look.hub.number_of(settings.label_connection)
    if seller is None or not returns or not _can(look, seller, BuyLabel.command):
        return []
    places = await _places(look, returns)
    found = []
    for each in returns:
        place, label = places.get(each.subject), labels.get(each.subject)
        if place is None or not _may_be_sold(each, place, settings, label):
            continue
        found.append(
            LabelValues(
                step="buy",
                seen=each,
                seller=seller,
                times=0 if label is None else label.times,
                refusals=0 if label is None else label.refusals,
                place=place,
            )
        )
    return found


def _may_be_sold(
    seen: ReturnSeen, place: Place, settings: LabelSettings, label: Labelled | None
) -> bool:
    """Whether nobody refused to sell just this label: the same wish is refused again."""
    return (
        label is None or label.unsold is None or label.unsold.wish != _wish(seen, place, settings)
    )


def _wish(seen: ReturnSeen, place: Place, settings: LabelSettings) -> Postage:
    """Return the label that is asked for."""
    return Postage(
        order=seen.order,
        number=seen.name if _PRINTED.fullmatch(seen.name) is not None else seen.return_ref,
        recipient=place.address,
        price_max=settings.most,
        weight_g=settings.weight_g,
        carrier=settings.carrier or None,
        service=settings.service or None,
    )


async def _places(look: Look, returns: Sequence[ReturnSeen]) -> dict[str, Place]:
    """Return where the goods of some returns go, by subject; those that are kept are missing.

    What the customer was told counts. Where people agreed to it, the first place takes it that
    would have been chosen.
    """
    places = places_of(look.hub)
    answers = await answers_to(look, returns)
    keys = list(dict.fromkeys(key_of_order(each.order) for each in returns))
    beside = await read_beside(look, keys, PolicySettings(places=places))
    found = {}
    for each in returns:
        answer = answers.get((each.connection_id, each.return_ref))
        place = place_for(wish_of(each, beside), places)
        if answer is not None:
            place = _told(answer, places)
        if place is not None and place.is_whole:
            found[each.subject] = place
    return found


def _told(answer: Answered, places: Sequence[Place]) -> Place | None:
    if answer.kept:
        return None
    return next((place for place in places if place.told == answer.send_to), None)


def propose(facts: Facts[LabelValues], settings: LabelSettings) -> Proposal | None:
    """Return the next step of a label."""
    known = facts.values
    if known.step == "buy":
        return _bought(known, settings)
    if known.step == "attach":
        return _attached(known)
    return _voided(known)


def _bought(known: LabelValues, settings: LabelSettings) -> Proposal | None:
    seen, place = known.seen, known.place
    if place is None:
        return None
    price = settings.most
    before = ": the one that was asked for before was not sold" if known.refusals else ""
    return Proposal(
        reason=f"The return {seen.name} of order {seen.number} was agreed to, its goods go to "
        f"{place.name}, and it has no label{before}.",
        actions=(
            Action(
                connection_id=known.seller,
                key=seen.key,
                content=_wish(seen, place, settings),
                what=f"buy a label for the return {seen.name} to {place.name}, for {price} at most",
                amount=price,
                commits=True,
            ),
        ),
        alternatives=(
            Alternative(what="let the customer pay", why_not="the rule is set to buy labels"),
        ),
    )


def _attached(known: LabelValues) -> Proposal:
    seen = known.seen
    return Proposal(
        reason=f"A label was bought for the return {seen.name}{_cost(known)}, and its customer "
        "does not have it.",
        actions=(
            Action(
                connection_id=seen.connection_id,
                key=seen.key,
                content=Sticker(
                    order_ref=seen.order_ref,
                    return_ref=seen.return_ref,
                    bought_by=known.bought_by or "",
                ),
                what=f"put the label on the return {seen.name}; the shop sends it to the customer",
            ),
        ),
    )


def _voided(known: LabelValues) -> Proposal:
    seen, ended = known.seen, known.seen.state.value
    return Proposal(
        reason=f"The return {seen.name} is {ended}, and its label, bought{_cost(known)}, was never "
        "handed over.",
        actions=(
            Action(
                connection_id=known.seller,
                key=seen.key,
                content=VoidLabel(parcel_ref=known.parcel_ref or ""),
                what=f"take the label of the return {seen.name} back",
            ),
        ),
        alternatives=(Alternative(what="keep the label", why_not="nothing more comes with it"),),
    )


def _cost(known: LabelValues) -> str:
    return "" if known.price is None else f" for {known.price}"


async def play(look: Look, settings: LabelSettings, since: date, until: date) -> Replay:
    """Count the returns of those days that were agreed to: for each it would have bought a label.

    Where goods go counts as it is set now, and what is kept as it is known now.
    """
    first, last = datetime.combine(since, time(), UTC), datetime.combine(until, time.max, UTC)
    keys = await entities_told_back(look.conn, look.hub.sellers(), first)
    asked = [each for each in await returns_of(look, keys) if first <= each.asked_at <= last]
    agreed = [
        each
        for each in asked
        if each.state in _AGREED and any(line.asked > line.absent for line in each.lines)
    ]
    places = await _places(look, agreed) if agreed else {}
    would = [each for each in agreed if each.subject in places]
    unused = sum(each.came_at is None and each.state is ReturnState.CLOSED for each in would)
    most = sum_of([settings.most for _ in would])
    return Replay(
        since=since,
        until=until,
        figures={
            "returns": float(len(agreed)),
            "proposals": float(len(would)),
            "taken_back": float(unused),
        },
        sentence=(
            f"For {len(would)} of {len(agreed)} returns that were agreed to from {since} to "
            f"{until} it would have bought a label, for {most} at most in all, and have taken "
            f"{unused} of these back, because the return ended and nothing came."
        ),
    )


async def lacks(look: Look, settings: LabelSettings) -> list[Issue]:
    """Return the labels that nobody sold, of returns that still want one."""
    del settings
    since = look.now - _REMEMBERED
    subjects = await subjects_ordered(look.conn, LABELS, since, states=[State.FAILED])
    labels = await labels_of(look, subjects)
    unsold = {name: label for name, label in labels.items() if label.unsold is not None}
    keys = list(dict.fromkeys(key_of_order(each.order) for each in unsold.values()))
    returns = [each for each in await returns_of(look, keys) if each.subject in unsold]
    wanting = [each for each in returns if _wants(look, each, unsold)]
    return [found for each in wanting if (found := issue_of(each, unsold[each.subject]))]


RULE = Rule(
    name=LABELS,
    version=1,
    title="Buys the label for what comes back, puts it on the return, and takes it back unused.",
    kinds=frozenset({Postage.command, Sticker.command, VoidLabel.command}),
    settings=LabelSettings,
    read=read,
    propose=propose,
    play=play,
    codes=(UNSOLD,),
    lacks=lacks,
)
