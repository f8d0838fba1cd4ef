"""The rules that tell customers of their parcels: what is said, to whom, and what is given."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.unit.models.test_arrivals_past import trip
from trueup.canon.command import CreateDiscount, Purpose
from trueup.canon.order import Order
from trueup.canon.parcel import ParcelStatus
from trueup.canon.record import Record, decode
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.config import Amounts
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.blanks.credit import Credit
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.texts import read_texts, write
from trueup.decisions.model import Action, Facts, Proposal, digest_of
from trueup.decisions.rules import delay, delivered, failed_delivery
from trueup.kernel.money import Money

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
EURO = Amounts((("EUR", Decimal(5)),))
ORDER = "connection/3/order/77"


def delayed(**values: Any) -> Facts[delay.DelayValues]:
    known: dict[str, Any] = {
        "cause": "silent",
        "sent_on": NOW.date(),
        "order": ORDER,
        "number": "#1001",
        "currency": "EUR",
        "carrier": "DHL",
        "silent_hours": 40,
        "limit_hours": 36,
        "promised_on": date(2026, 3, 9),
        "arrives_on": date(2026, 3, 13),
        "chance_later": Decimal("0.21"),
        "worth": Money(Decimal(120), "EUR"),
        "code": "00AA11BB22",
        "seller_id": 3,
        "gives": True,
    }
    return Facts(subject="parcel/5", episode="silent", values=delay.DelayValues(**(known | values)))


def notice_of(proposal: Proposal | None) -> Notice:
    """Return the one notice, whose text must be written in every language."""
    assert proposal is not None
    [notice] = [a.content for a in proposal.actions if isinstance(a.content, Notice)]
    named = read_texts({})[notice.text]
    for language in named.languages:
        written = write(named, notice, language)
        assert "$" not in written.text + written.subject + written.short
    return notice


def test_who_waits_is_told_a_day() -> None:
    proposal = delay.propose(delayed(), delay.DelaySettings())
    notice = notice_of(proposal)
    assert (notice.to, notice.text, notice.purpose) == (ORDER, "delay", Purpose.TRANSACTIONAL)
    assert notice.days == {"expected_on": date(2026, 3, 13)}
    assert notice.useful_until == datetime(2026, 3, 14, tzinfo=UTC)
    assert proposal is not None
    assert proposal.reason == (
        "The parcel of #1001 by DHL, promised for 2026-03-09: no scan for 40 hours, where 36 are "
        "usual at most. Its customer bought for 120.00 EUR."
    )


def test_a_code_is_given_where_one_is_set_and_the_shop_makes_them() -> None:
    settings = delay.DelaySettings(credit=EURO)
    proposal = delay.propose(delayed(), settings)
    assert proposal is not None
    [given, _] = proposal.actions
    assert isinstance(given.content, CreateDiscount)
    assert (given.amount, given.commits) == (Money(Decimal(5), "EUR"), True)
    assert given.content.ends_at - given.content.starts_at == timedelta(days=90)
    notice = notice_of(proposal)
    assert notice.text == "delay_credit"
    assert notice.values["code"] == given.content.code == "SORRY-00AA11BB22"
    assert notice.days["credit_until"] == given.content.ends_at.date() - timedelta(days=1)
    for other in (delayed(gives=False), delayed(currency="USD", worth=None)):
        assert notice_of(delay.propose(other, settings)).text == "delay"


def test_store_credit_is_given_instead_of_a_code_where_that_is_set() -> None:
    settings = delay.DelaySettings(credit=EURO, gives="credit", credit_days=60)
    proposal = delay.propose(delayed(), settings)
    notice = notice_of(proposal)
    assert proposal is not None
    [given] = [a for a in proposal.actions if isinstance(a.content, Credit)]
    last_on = NOW.date() + timedelta(days=59)
    assert given.content == Credit(to=ORDER, amount=Money(Decimal(5), "EUR"), expires_on=last_on)
    assert (given.amount, given.commits) == (Money(Decimal(5), "EUR"), True)
    assert notice.text == "delay_store_credit"
    assert (dict(notice.days)["credit_until"], "code" in dict(notice.values)) == (last_on, False)
    assert notice_of(delay.propose(delayed(gives=False), settings)).text == "delay"


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ({}, True),
        ({"worth": Money(Decimal("4.99"), "EUR")}, False),
        ({"worth": None}, False),
        ({"currency": "USD", "worth": Money(Decimal(900), "USD")}, False),
    ],
)
def test_only_who_is_worth_so_much_is_told(values: dict[str, Any], *, is_told: bool) -> None:
    settings = delay.DelaySettings(worth_min=EURO)
    assert (delay.propose(delayed(**values), settings) is not None) is is_told
    assert delay.propose(delayed(**values), delay.DelaySettings()) is not None


def test_same_facts_same_proposal() -> None:
    settings = delay.DelaySettings(credit=EURO)
    assert delay.propose(delayed(), settings) == delay.propose(delayed(), settings)
    first, second = delayed(), delayed(cause="late")
    assert digest_of("delay", 1, settings, first) != digest_of("delay", 1, settings, second)
    codes = [
        each.content.code
        for facts in (first, second)
        if (proposal := delay.propose(facts, settings)) is not None
        for each in proposal.actions
        if isinstance(each.content, CreateDiscount)
    ]
    assert len(codes) == 2
    assert len(set(codes)) == 1, "one code a parcel"


def failed(**values: Any) -> Facts[failed_delivery.FailedValues]:
    known: dict[str, Any] = {
        "cause": "attempt_failed",
        "order": ORDER,
        "number": "#1001",
        "carrier": "DHL",
        "attempt": 1,
        "since": NOW,
        "chance_back": Decimal("0.30"),
    }
    facts = failed_delivery.FailedValues(**(known | values))
    return Facts(subject="parcel/5", episode="attempt_failed/1", values=facts)


@pytest.mark.parametrize("cause", ["attempt_failed", "awaiting_collection", "returning"])
def test_each_cause_has_its_words(cause: failed_delivery.Cause) -> None:
    proposal = failed_delivery.propose(failed(cause=cause), failed_delivery.FailedSettings())
    notice = notice_of(proposal)
    assert notice.text == failed_delivery.TEXTS[cause]
    assert notice.useful_until == NOW + timedelta(hours=48)
    assert (proposal.effect is None) is (cause == "returning")


def test_the_team_hears_of_what_is_set() -> None:
    settings = failed_delivery.FailedSettings(team=("attempt_failed",))
    [_, told] = failed_delivery.propose(failed(attempt=2), settings).actions
    assert isinstance(told.content, Alert)
    assert told.content.text == (
        "The parcel of #1001 by DHL could not be handed over after 2 failed attempts, since "
        "2026-03-10T12:00+00:00."
    )
    other = failed_delivery.propose(failed(cause="awaiting_collection"), settings)
    assert len(other.actions) == 1
    assert failed_delivery.propose(failed(chance_back=None), settings).effect is None


def order(*units: int, **fields: Any) -> Record:
    price = {"booked": {"amount": "10", "currency": "EUR"}}
    lines = [
        {"ref": str(n), "title": "Lamp", "quantity": each, "price": price} | fields
        for n, each in enumerate(units)
    ]
    body = {
        "ref": "77",
        "updated_at": NOW,
        "number": "#1001",
        "placed_at": NOW,
        "currency": "EUR",
        "lines": lines,
        "totals": {"total": price},
    }
    found = decode("order", msgspec.json.encode(body))
    assert isinstance(found, Order)
    return found


def shipment(*units: int, state: ShipmentState = ShipmentState.SHIPPED) -> Shipment:
    lines = tuple(ShipmentLine(line_ref=str(n), quantity=each) for n, each in enumerate(units))
    return Shipment(ref="1", updated_at=NOW, order_ref="77", state=state, lines=lines)


HERE = trip(status=ParcelStatus.DELIVERED, delivered_at=NOW)
LATER = trip(status=ParcelStatus.DELIVERED, delivered_at=NOW + timedelta(days=1))
AWAY = trip(record_id=2)


@pytest.mark.parametrize(
    ("told", "trips", "at"),
    [
        ((order(1), shipment(1)), (HERE,), NOW),
        ((order(1), shipment(1)), (), None),
        ((order(1), shipment(1)), (HERE, AWAY), None),
        ((order(2), shipment(1), shipment(1)), (HERE, LATER), NOW + timedelta(days=1)),
        ((order(2), shipment(1), shipment(1)), (HERE,), None),
        ((order(2), shipment(1)), (HERE,), None),
        ((order(2, quantity_current=1), shipment(1)), (HERE,), NOW),
        ((order(1, 1), shipment(1)), (HERE,), None),
        ((order(1, requires_shipping=False), shipment()), (HERE,), NOW),
        (
            (order(1), shipment(1), shipment(1, state=ShipmentState.CANCELLED)),
            (HERE, trip(status=ParcelStatus.CANCELLED)),
            NOW,
        ),
    ],
)
def test_an_order_arrived_once_all_of_it_did(
    told: tuple[Record, ...], trips: tuple[Any, ...], at: datetime | None
) -> None:
    assert delivered.arrived_at(told, trips) == at


def arrived(**values: Any) -> Facts[delivered.DeliveredValues]:
    known: dict[str, Any] = {
        "step": "thanks",
        "order": ORDER,
        "number": "#1001",
        "delivered_at": NOW,
        "until": NOW + timedelta(days=5),
        "stopped_by": None,
    }
    facts = delivered.DeliveredValues(**(known | values))
    return Facts(subject="order/77", episode="thanks", values=facts)


def test_first_they_are_asked_then_for_a_review_as_marketing() -> None:
    settings = delivered.DeliveredSettings()
    thanks = notice_of(delivered.propose(arrived(), settings))
    review = notice_of(delivered.propose(arrived(step="review"), settings))
    assert (thanks.text, thanks.purpose) == ("delivered", Purpose.TRANSACTIONAL)
    assert (review.text, review.purpose) == ("review", Purpose.MARKETING)
    assert thanks.about != review.about


@pytest.mark.parametrize("by", ["ticket", "return", "refund"])
def test_what_came_between_ends_it(by: str) -> None:
    assert delivered.propose(arrived(stopped_by=by), delivered.DeliveredSettings()) is None


def test_actions_are_said_in_words() -> None:
    proposals = (
        delay.propose(delayed(), delay.DelaySettings(credit=EURO)),
        failed_delivery.propose(failed(), failed_delivery.FailedSettings()),
        delivered.propose(arrived(step="review"), delivered.DeliveredSettings()),
    )
    said: list[Action] = [each for some in proposals if some is not None for each in some.actions]
    assert [each.what for each in said] == [
        "make a code for 5.00 EUR, to be used once",
        "tell the customer of #1001 that it comes by 2026-03-13",
        "tell the customer of #1001 that it could not be handed over, and what to do",
        "ask the customer of #1001 for a review",
    ]
