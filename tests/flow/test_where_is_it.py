"""Goal: who asks where an order is, is answered once where it moves; all else is left to people.

Method: a shop, a carrier and a helpdesk on one clock; the rule looks, and takes by itself or asks.
"""

import pytest

from tests.support.planted import PLANTED
from tests.support.support_desk import open_desk
from trueup.decisions.model import Mode, State
from trueup.decisions.rule import Look
from trueup.decisions.rules.where_is_it import RULE, WhereIsItSettings
from trueup.sandbox.faults import ApiFault, WebhookFaults

pytestmark = pytest.mark.anyio

SETTINGS = WhereIsItSettings()
ASKS = "Where is my order {order}?"


async def test_what_moves_is_answered_once_whatever_breaks(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        order = await desk.sell(story="straight", hours=22)
        ticket = await desk.write_in(ASKS.format(order=order), subject="Hello")
        await desk.leave(Mode.AUTO)
        desk.helpdesk.desk.faults = WebhookFaults(drop=0.1, repeat=0.4, reorder=0.4)
        fault = ApiFault(kind="reset_after_work", next_calls=1, operation="ticket.update")
        desk.helpdesk.strike(fault)
        [number] = (await desk.turn()).approved
        assert await desk.brand.settle("zendesk", f"decision/{number}/0") == "done"
        await desk.carry()
        assert await desk.state(number) is State.DONE
        [said] = desk.ours(ticket, public=True)
        assert f"your order {order} is on its way: the carrier last saw it on" in said
        assert "expects to deliver it by" in said
        assert "Pune" not in said
        await desk.write_in("So where is my order now?", ticket_id=ticket.id)
        await desk.carry()
        assert len(desk.ours(ticket, public=True)) == 1, "at most once a ticket"
        [note] = desk.ours(ticket, public=False)
        assert "they were answered before and ask again" in note


async def test_what_changed_since_it_was_agreed_to_is_taken_back(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        order = await desk.sell(story="second_try", hours=22)
        ticket = await desk.write_in(ASKS.format(order=order), subject="Hello")
        await desk.leave(Mode.ASK)
        number = await desk.proposed()
        await desk.approve(number)
        desk.carrier.travel(34)  # nobody was there
        await desk.hear()
        await desk.carry()
        assert await desk.state(number) is State.WITHDRAWN
        assert desk.ours(ticket, public=True) == []
        assert "a parcel could not be delivered" in (await desk.sentence(number + 1))


async def test_what_may_be_wrong_is_left_to_people(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        order = await desk.sell()
        unsent = await desk.write_in(ASKS.format(order=order), subject="Hello")
        stranger = await desk.write_in(ASKS.format(order=order), "eve@buyers.example", name="Eve")
        await desk.leave(Mode.AUTO)
        await desk.carry()
        [note] = desk.ours(unsent, public=False)
        assert "It is left to you: no carrier tells of it." in note
        assert "Nothing of it was sent yet." in note
        assert desk.ours(unsent, public=True) == []
        assert len(stranger.comments) == 1, "somebody else's order is told to nobody"
        assert RULE.play is not None
        now = desk.brand.clock.now()
        look = Look(conn=desk.brand.conn, hub=desk.brand.hub, now=now)
        played = await RULE.play(look, SETTINGS, now.date(), now.date())
        assert (played.figures["asked"], played.figures["answers"]) == (2, 0)


async def test_planted_instructions_cause_nothing(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        await desk.sell(story="straight", hours=22)
        for n, text in enumerate(PLANTED):
            desk.helpdesk.write_in("ada@buyers.example", text, name=text[:60], subject=text)
            if not n % 10:
                await desk.hear()
        await desk.hear()
        await desk.leave(Mode.AUTO)
        turn = await desk.turn()
        assert (turn.proposed, turn.moved) == ({RULE.name: []}, {})
