"""Goal: who has a ticket open about an order is answered there, once, and never against their will.

Method: a shop, mail, WhatsApp and a helpdesk over sockets; the ticket is closed at every point
between the decision and the call, known to us and not.
"""

import pytest

from tests.support.answering import ASKS, open_answering
from tests.support.contact import MIA, PHONE, Wish
from trueup.canon.command import Purpose, ReplyToTicket
from trueup.decisions.contact.notice import Urgency
from trueup.decisions.model import Action

pytestmark = pytest.mark.anyio


async def test_three_rules_answer_once_in_the_ticket(database_url: str) -> None:
    async with open_answering(database_url, "late", "lost", "sorry") as post:
        to = await post.sell()
        ticket = await post.write_in()
        post.wish(to, rule="late", urgency=Urgency.LOW)
        post.wish(to, rule="sorry")
        post.wish(to, rule="lost", urgency=Urgency.HIGH, values={"order": "#1001 (lost)"})
        await post.carry()
        [said] = post.answers(ticket)
        assert said.startswith("Hello,\n\nyour order #1001 (lost) is taking longer")
        assert post.sent() == []
        assert sorted(await post.states()) == ["done", "withdrawn", "withdrawn"]
        [(medium,)] = await post.brand.rows("SELECT medium FROM decisions.contact")
        assert medium == "ticket"


@pytest.mark.parametrize("which", ["other order", "not sure", "solved", "somebody else", "off"])
async def test_without_an_open_ticket_about_it_they_hear_as_before(
    database_url: str, which: str
) -> None:
    media = ("email",) if which == "off" else ("ticket", "email")
    async with open_answering(database_url, media=media) as post:
        to = await post.sell()
        if which in {"other order", "not sure"}:
            await post.sell()
        text = {"other order": "Where is #1002?", "not sure": "Where is it?"}.get(which, ASKS)
        status = "solved" if which == "solved" else "open"
        email = "eve@home.example" if which == "somebody else" else MIA
        ticket = await post.write_in(text, email, status=status)
        post.wish(to)
        await post.carry()
        assert (post.answers(ticket), len(post.sent())) == ([], 1)


@pytest.mark.parametrize("known", [True, False])
async def test_a_ticket_that_is_closed_before_it_leaves_falls_back_to_mail(
    database_url: str, *, known: bool
) -> None:
    async with open_answering(database_url) as post:
        to = await post.sell()
        ticket = await post.write_in()
        post.wish(to)
        await post.turn()
        if known:
            later = "UPDATE outbox.command SET due_at = due_at + interval '1 h' RETURNING 1"
            assert await post.brand.rows(later), "it waits, as for a vendor that is away"
            post.brand.clock.advance(1)
            post.helpdesk.change(ticket.id, status="solved")
            await post.take_in("zendesk")
            post.brand.clock.advance(3600)
        else:
            ticket.status = "closed"
        await post.carry()
        assert (post.answers(ticket), await post.states()) == ([], ["done"])
        assert post.sent() == [(MIA, "Your order #1001 is late")]
        assert "outbox.command_refused" not in await post.brand.issues()
        assert [each for each in await post.why() if each.startswith("came back")]


async def test_an_opt_out_of_the_medium_behind_the_ticket_stops_it(database_url: str) -> None:
    async with open_answering(database_url, media=("ticket",)) as post:
        to = await post.sell(phone=PHONE)
        await post.write("Where is #1001?")
        ticket = await post.write_in(channel="whatsapp")
        post.wish(to)
        await post.turn()
        assert await post.states() == ["ordered"]
        await post.write("STOP")
        await post.carry()
        assert (post.answers(ticket), await post.states()) == ([], ["withdrawn"])


async def test_nothing_is_advertised_in_a_ticket_and_at_night_it_waits(database_url: str) -> None:
    async with open_answering(database_url, "late", "sale", media=("ticket",)) as post:
        to = await post.sell(email_consent="subscribed")
        ticket = await post.write_in()
        post.until(23)
        post.wish(to)
        post.wish(to, rule="sale", subject="ad", purpose=Purpose.MARKETING, about="ad")
        await post.carry()
        waits, ad = (await post.decisions()).values()
        assert (waits, ad) == ("approved: it is quiet where they are", "withdrawn")
        assert (await post.why(2))[-1].endswith("nothing is advertised in a ticket")
        post.until(9)
        post.forget("ad", "sale")
        await post.carry()
        assert len(post.answers(ticket)) == 1


async def test_gorgias_takes_the_answer_as_a_message_of_its_own(database_url: str) -> None:
    async with open_answering(database_url, media=("ticket", "email")) as post:
        await post.connect_gorgias()
        to = await post.sell()
        ticket = post.gorgias.write_in(MIA, ASKS)
        await post.take_in("gorgias")
        post.wish(to)
        await post.carry("gorgias")
        assert post.sent() == []
        said = [each for each in ticket.messages if each.public and each.from_agent]
        assert [each.text.startswith("Hello,") for each in said] == [True]
        assert await post.states() == ["ordered"], "until it was sent"
        post.gorgias.send_waiting()
        post.brand.clock.advance(120)
        await post.carry("gorgias")
        assert (await post.states(), post.sent()) == (["done"], [])


async def test_what_a_rule_answered_in_the_ticket_counts_for_the_notices_after_it(
    database_url: str,
) -> None:
    async with open_answering(database_url, "late", "asks", media=("ticket",)) as post:
        to = await post.sell()
        ticket = await post.write_in()
        [(number,)] = await post.brand.rows(
            "SELECT connection_id FROM intake.connection WHERE name = 'zendesk'"
        )
        said = ReplyToTicket(ticket_ref=str(ticket.id), text="It is on its way.", public=True)
        answer = Action(content=said, connection_id=number, key="ticket/1", what="answer")
        post.wishes.standing["asks"]["q"] = Wish(actions=(answer,))
        await post.carry()
        assert post.answers(ticket) == ["It is on its way."]
        post.wish(to)
        await post.carry()
        assert list((await post.decisions()).values()) == [
            *("done", "approved: they were written to less than 12 hours ago"),
        ]
        assert len(post.answers(ticket)) == 1
