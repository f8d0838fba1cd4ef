"""How a ticket is scored, which order is meant, and what is done by which helpdesk."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from trueup.canon.command import ChangeTicket, ReplyToTicket
from trueup.canon.message import Direction
from trueup.canon.parcel import ParcelStatus
from trueup.canon.ticket import Priority, Ticket, TicketStatus
from trueup.config import Amounts
from trueup.decisions.model import Facts
from trueup.decisions.rules.escalate import (
    EscalateSettings,
    EscalateValues,
    propose,
    score_of,
)
from trueup.decisions.support.about import OrderSeen, ParcelSeen, Placed, choose
from trueup.decisions.support.asked import Spell, Waiting, spells_of
from trueup.kernel.money import Money
from trueup.models.tickets.hearing import Heard, hear
from trueup.models.tickets.matters import Matter
from trueup.records.asked import AskedTicket, Said

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SETTINGS = EscalateSettings()


def seen(number: str, *, status: ParcelStatus | None = None, cancelled: bool = False) -> Placed:
    parcels = () if status is None else (ParcelSeen(name=f"shop/shipment/{number}", status=status),)
    order = OrderSeen(
        name=f"shop/order/{number}",
        number=number,
        placed_at=AT,
        total=Money(Decimal("30.00"), "EUR"),
        how="likely",
        cancelled=cancelled,
        parcels=parcels,
    )
    return Placed(number.encode(), order)


def known(matter: Matter = Matter.NOT_RECEIVED, **facts: object) -> EscalateValues:
    spell = Spell(first_ref="1", since=AT, messages=1, heard=Heard(matter=matter, language="de"))
    waiting = Waiting(
        connection_id=3,
        ticket_ref="5",
        name="desk/ticket/5",
        priority=Priority.NORMAL,
        assignee_ref=None,
        team_ref=None,
        spell=spell,
        answered_before=False,
        asked_before=0,
        worth=(Money(Decimal("400.00"), "EUR"),),
        order=None,
    )
    values = EscalateValues(
        waiting=waiting, waited_h=4, interim="Warten Sie.", team_ref=None, assignee_ref=None
    )
    names = {"priority", "worth", "asked_before"} & set(facts)
    waiting = msgspec.structs.replace(waiting, **{name: facts.pop(name) for name in names})
    return msgspec.structs.replace(values, waiting=waiting, **facts)


def contents(values: EscalateValues, settings: EscalateSettings = SETTINGS) -> list[object]:
    found = propose(Facts(subject="ticket/3/5", episode="1", values=values), settings)
    return [] if found is None else [each.content for each in found.actions]


def test_a_claim_of_a_customer_of_worth_is_raised_noted_and_answered_in_their_language() -> None:
    change, note, said = contents(known(team_ref="7"))
    assert change == ChangeTicket(ticket_ref="5", priority=Priority.URGENT, team_ref="7")
    assert isinstance(note, ReplyToTicket)
    assert not note.public
    assert said == ReplyToTicket(ticket_ref="5", text="Warten Sie.", public=True)


def test_where_nobody_is_answered_meanwhile_only_the_team_is_told() -> None:
    assert [type(each) for each in contents(known(interim=None))] == [ChangeTicket, ReplyToTicket]


def test_what_is_so_already_is_not_changed() -> None:
    values = known(priority=Priority.URGENT, team_ref="7")
    values = msgspec.structs.replace(
        values, waiting=msgspec.structs.replace(values.waiting, team_ref="7")
    )
    assert [type(each) for each in contents(values)] == [ReplyToTicket, ReplyToTicket]


def test_worth_counts_only_in_currencies_that_are_named() -> None:
    rupees = known(worth=(Money(Decimal("400.00"), "SEK"),))
    assert contents(rupees) == []
    named = EscalateSettings(high_value=Amounts((("SEK", Decimal(400)),)))
    assert len(contents(rupees, named)) == 3
    assert rupees.waiting.worth_of(Amounts((("SEK", Decimal(0)),))) == 0


def test_each_reason_has_its_points_up_to_a_most() -> None:
    values = known(Matter.PRODUCT_QUESTION, worth=(Money(Decimal("75.00"), "EUR"),), asked_before=1)
    assert score_of(values, SETTINGS) == {
        "waits for 4 h of 4 h": 20,
        "at stake: 75.00 EUR": 10,
        "asked 1 times more": 10,
    }
    values = known(Matter.DAMAGED, waited_h=400, asked_before=90)
    assert list(score_of(values, SETTINGS).values()) == [60, 40, 25, 20]
    owing = known(Matter.OTHER, worth=(Money(Decimal("-75.00"), "EUR"),), waited_h=0)
    assert score_of(owing, SETTINGS) == {}


def test_the_order_that_is_named_counts_then_the_one_that_the_helpdesk_names() -> None:
    theirs = [seen("3"), seen("2"), seen("1")]
    heard = hear("Where is my order?")
    found = choose(theirs, heard, {b"2"}, {b"1"})
    assert found is not None
    assert (found.number, found.how, found.sure) == ("2", "named", True)
    found = choose(theirs, heard, {b"9"}, {b"1"})
    assert found is not None
    assert (found.number, found.how) == ("1", "linked")
    assert choose([], heard, {b"2"}, {b"1"}) is None


def test_of_several_the_newest_that_fits_is_likely_and_an_only_one_sure() -> None:
    delivered = seen("2", status=ParcelStatus.DELIVERED)
    theirs = [seen("4", cancelled=True), seen("3"), delivered, seen("1")]
    for text, number in (("Where is my order?", "3"), ("delivered but it never came", "2")):
        found = choose(theirs, hear(text), (), ())
        assert found is not None
        assert (found.number, found.sure) == (number, False)
    found = choose([seen("1")], hear("Where is it?"), (), ())
    assert found is not None
    assert found.how == "only"
    found = choose([seen("1")], hear("Where is #9?"), {b"9"}, ())
    assert found is not None
    assert not found.sure, "they speak of another"


def said(*spoken: tuple[Direction, int, str]) -> tuple[Said[Heard], ...]:
    return tuple(
        Said(
            record_id=n,
            ref=f"m{n}",
            direction=direction,
            at=AT + timedelta(hours=hours),
            read=hear(text) if direction is Direction.IN else None,
        )
        for n, (direction, hours, text) in enumerate(spoken)
    )


def ticket(*messages: Said[Heard], subject: str = "", **told: object) -> AskedTicket[Heard]:
    facts = {"ref": "5", "updated_at": AT, "status": TicketStatus.OPEN} | told
    return AskedTicket(
        record_id=1,
        connection_id=3,
        ticket=Ticket(**facts),  # type: ignore[arg-type]
        person=None,
        said=messages,
        subject=hear(subject),
    )


def test_a_spell_begins_with_the_first_word_that_nobody_answered_and_ends_with_an_answer() -> None:
    into, out, aside = Direction.IN, Direction.OUT, Direction.INTERNAL
    told = said(
        *((into, 0, "Where is it?"), (aside, 1, ""), (into, 2, "It is broken")),
        *((out, 3, ""), (out, 4, ""), (into, 5, "Thanks"), (into, 9, "#77")),
    )
    first, second = spells_of(ticket(*told, subject="My order #12"))
    assert (first.first_ref, first.messages, first.answered_at) == (
        "m0",
        2,
        AT + timedelta(hours=3),
    )
    assert (first.heard.matter, first.heard.numbers) == (Matter.DAMAGED, ("12",))
    assert (second.first_ref, second.messages, second.answered_at) == ("m5", 2, None)
    assert second.heard.numbers == ("77", "12")


def test_what_the_brand_began_waits_for_nobody() -> None:
    assert spells_of(ticket(*said((Direction.OUT, 0, "")))) == []


def test_of_a_helpdesk_without_messages_the_tickets_own_instants_count() -> None:
    [spell] = spells_of(ticket(subject="Where is my order?", created_at=AT))
    assert (spell.first_ref, spell.since, spell.answered_at) == ("5", AT, None)
    assert spell.heard.matter is Matter.WHERE_IS_ORDER
    [spell] = spells_of(ticket(created_at=AT, first_reply_at=AT + timedelta(hours=1)))
    assert spell.answered_at == AT + timedelta(hours=1)
    assert spells_of(ticket()) == []
