"""Goal: who waits too long, and has reasons, is seen to once, with what is known; others are not.

Method: a shop sells, a carrier delivers, customers write into a helpdesk; the rule looks, a person
agrees, and the helpdesk is told, over lines that break and deliveries that repeat.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from babel.dates import format_date

from tests.support.planted import PLANTED
from tests.support.support_desk import ADA, SupportDesk, open_desk
from trueup.config import Amounts
from trueup.decisions import order as ordering
from trueup.decisions.carry import refuse
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look
from trueup.decisions.rules.escalate import RULE, EscalateSettings
from trueup.govern.persons import destroy_keys
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.zendesk.model import Ticket

pytestmark = pytest.mark.anyio

SETTINGS = EscalateSettings(teams={"zendesk": "77"}, assignees={"zendesk": "88"})
CLAIM = "The carrier says {order} was delivered, but nothing has arrived here."
CUT: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


@asynccontextmanager
async def claimed(url: str) -> AsyncIterator[tuple[SupportDesk, Ticket]]:
    """Open a brand to which a customer of worth wrote four hours ago, and a rule that asks."""
    async with open_desk(url, RULE, SETTINGS) as desk:
        order = await desk.sell(story="straight", hours=60)
        ticket = await desk.write_in(CLAIM.format(order=order), subject="Hello")
        await desk.leave(Mode.ASK)
        assert await desk.turn()
        desk.wait(hours=4)
        yield desk, ticket


async def test_what_was_delivered_and_never_came_is_seen_to_after_four_hours(
    database_url: str,
) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        order = await desk.sell(story="straight", hours=60)
        ticket = await desk.write_in(CLAIM.format(order=order), subject="Hello")
        await desk.leave(Mode.ASK)
        desk.wait(hours=3)
        assert (await desk.turn()).proposed == {"escalate": []}, "it may wait for four hours"
        desk.wait(hours=1)
        asked_at = ticket.created_at
        number = await desk.proposed()
        await desk.carry()
        assert len(ticket.comments) == 1, "nobody agreed"
        await desk.approve(number)
        await desk.carry()
        assert await desk.state(number) is State.DONE
        assert (ticket.priority, ticket.group_id, ticket.assignee_id) == ("urgent", 77, 88)
        [note], [said] = desk.ours(ticket, public=False), desk.ours(ticket, public=True)
        answer_by = (asked_at + timedelta(hours=28)).date()
        assert f"under the number {ticket.id}, and somebody of us answers it by" in said
        assert format_date(answer_by, "long", locale="en") in said
        assert f"Order {order} of" in note
        assert "its number stands in the text" in note
        assert "By the records: The carrier says that it was delivered on" in note
        assert "; the customer says that nothing came." in note
        assert "A parcel with Delhivery: delivered." in note
        assert note.count("\n- ") == 6, "every scan"
        told = await desk.sentence(number)
        assert "A customer of high value writes that what was delivered did not arrive" in told
        row, _ = await find_decision(desk.brand.conn, number)
        assert row["evidence"][:2] == [
            f"zendesk/ticket/{ticket.id}",
            f"shopify/order/{next(iter(desk.shop.orders))}",
        ]
        for kept in (str(row["facts"]), str(row["actions"]), row["reason"]):
            assert ADA not in kept
            assert "Moss" not in kept
            assert next(iter(desk.carrier.parcels)) not in kept, "no number to follow a parcel by"


@pytest.mark.parametrize("kind", CUT)
async def test_broken_lines_and_repeats_write_once(database_url: str, kind: ApiFaultKind) -> None:
    async with claimed(database_url) as (desk, ticket):
        desk.helpdesk.desk.faults = WebhookFaults(drop=0.1, repeat=0.4, reorder=0.4)
        number = await desk.proposed()
        await desk.approve(number)
        desk.helpdesk.strike(ApiFault(kind=kind, next_calls=2, operation="ticket.update"))
        await desk.turn()
        for n in range(3):
            assert await desk.brand.settle("zendesk", f"decision/{number}/{n}") == "done"
        await desk.carry()
        assert await desk.state(number) is State.DONE
        assert len(desk.ours(ticket, public=False)) == len(desk.ours(ticket, public=True)) == 1


async def test_a_crash_between_agreeing_and_ordering_orders_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with claimed(database_url) as (desk, ticket):
        number = await desk.proposed()
        await desk.approve(number)

        async def dies(*_: object) -> list[str]:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, "want_commands", dies)
            with pytest.raises(KeyboardInterrupt):
                await desk.turn()
        assert await desk.state(number) is State.APPROVED
        await desk.carry()
        assert await desk.state(number) is State.DONE
        assert len(desk.ours(ticket, public=True)) == 1


async def test_what_the_team_answered_meanwhile_is_taken_back(database_url: str) -> None:
    async with claimed(database_url) as (desk, ticket):
        number = await desk.proposed()
        await desk.approve(number)
        await desk.answer(ticket)
        await desk.carry()
        assert await desk.state(number) is State.WITHDRAWN
        assert desk.ours(ticket, public=True) == desk.ours(ticket, public=False) == []
        assert ticket.priority is None


async def test_who_writes_again_after_an_answer_waits_anew(database_url: str) -> None:
    async with claimed(database_url) as (desk, ticket):
        first = await desk.proposed()
        now = desk.brand.clock.now()
        await refuse(desk.brand.conn, first, by="ada", why="I know them", now=now)
        desk.wait(hours=10)
        assert (await desk.turn()).proposed == {"escalate": []}, "one time, one decision"
        await desk.answer(ticket)
        await desk.write_in("It says delivered and still nothing came!", ticket_id=ticket.id)
        assert (await desk.turn()).proposed == {"escalate": []}
        desk.wait(hours=5)
        assert await desk.proposed() > first


async def test_a_note_is_no_answer_and_a_solved_ticket_waits_for_nobody(database_url: str) -> None:
    async with claimed(database_url) as (desk, ticket):
        await desk.answer(ticket, "Their neighbour has it.", public=False)
        number = await desk.proposed()
        desk.helpdesk.change(ticket.id, status="solved")
        await desk.hear()
        await desk.turn()
        assert await desk.state(number) is State.WITHDRAWN


async def test_only_reasons_enough_raise_other_tickets(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        await desk.write_in("Do you have it in blue?", "bo@buyers.example", subject="Hello")
        broken = await desk.write_in("My lamp is broken.", subject="Hello")
        await desk.leave(Mode.ASK)
        desk.wait(hours=6)
        assert (await desk.turn()).proposed == {"escalate": []}
        await desk.sell()
        await desk.write_in("It is broken, please answer!", ticket_id=broken.id)
        number = await desk.proposed()
        told = await desk.sentence(number)
        for reason in (
            "waits for 6 h of 4 h (+30)",
            "is about: damaged (+25)",
            "asked 1 times more",
        ):
            assert reason in told
        await desk.approve(number)
        await desk.carry()
        assert desk.ours(broken, public=True) == [], "a promise to look is made for claims alone"
        assert "Nothing of it was sent yet." in desk.ours(broken, public=False)[0]
        assert "By the records" not in desk.ours(broken, public=False)[0], "no record tells of it"


async def test_somebody_elses_order_is_told_to_nobody(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        theirs = await desk.sell(story="straight", hours=60)
        ticket = await desk.write_in(
            CLAIM.format(order=theirs), "eve@buyers.example", name="Eve", subject=theirs
        )
        desk.settings["escalate"] = EscalateSettings(score_min=10)
        await desk.leave(Mode.AUTO)
        desk.wait(hours=5)
        await desk.carry()
        [note] = desk.ours(ticket, public=False)
        assert "No order of theirs is known." in note
        assert desk.ours(ticket, public=True) == []


async def test_of_who_was_erased_nothing_is_read(database_url: str) -> None:
    async with claimed(database_url) as (desk, ticket):
        rows = await desk.brand.rows("SELECT DISTINCT person FROM records.record")
        await destroy_keys(desk.brand.conn, persons=[bytes(p) for (p,) in rows if p is not None])
        assert (await desk.turn()).proposed == {"escalate": []}
        assert ticket.priority is None


async def test_planted_instructions_cause_nothing(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        assert len(set(PLANTED)) == 50
        for n, text in enumerate(PLANTED):
            address = f"b{n}@buyers.example"
            desk.helpdesk.write_in(address, f"Thank you. {text}", name=text[:60], subject=text)
            if not n % 10:
                await desk.hear()
        await desk.hear()
        await desk.leave(Mode.AUTO)
        desk.wait(hours=5)
        turn = await desk.turn()
        assert (turn.proposed, turn.moved) == ({"escalate": []}, {})
        waiting = await RULE.read(
            Look(conn=desk.brand.conn, hub=desk.brand.hub, now=desk.brand.clock.now()),
            SETTINGS,
            None,
        )
        assert len(waiting) == 50, "all were read"


async def test_played_on_the_past_it_says_how_much_earlier_it_would_have_spoken(
    database_url: str,
) -> None:
    async with claimed(database_url) as (desk, ticket):
        desk.wait(hours=3)
        await desk.answer(ticket)
        await desk.write_in("Thanks, bye", "bo@buyers.example", subject="Hello")
        desk.wait(hours=5)
        assert RULE.play is not None
        now = desk.brand.clock.now()
        look = Look(conn=desk.brand.conn, hub=desk.brand.hub, now=now)
        since = (now - timedelta(days=1)).date()
        poor = EscalateSettings(high_value=Amounts((("EUR", Decimal(10_000)),)))
        for settings, spoken in ((SETTINGS, 1), (poor, 0)):
            found = await RULE.play(look, settings, since, now.date())
            figures = found.figures
            assert (figures["late"], figures["proposals"], figures["claims"]) == (2, spoken, spoken)
            assert figures["earlier_mean_h"] == pytest.approx(3 * spoken, abs=0.1)
