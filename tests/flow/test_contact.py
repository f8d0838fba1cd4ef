"""Goal: customers are written to on time, once, in their language, and never against their will.

Method: a shop, WhatsApp and mail over sockets; rules that ask for notices; opt-outs, the night, a
vendor that is away and processes that die at every point between the decision and the call.
"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.flow.command import Commands
from tests.support.contact import MIA, PHONE, Post, open_post
from trueup.canon.command import CreateDiscount, Purpose
from trueup.canon.link import LinkSpace
from trueup.db.pool import connect
from trueup.decisions import order as ordering
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.carry import approve_by_policy, carry_out
from trueup.decisions.contact.notice import Urgency
from trueup.decisions.explain import explain
from trueup.decisions.leave import read_leaves, resume_all, stop_all
from trueup.decisions.model import Action, Mode
from trueup.decisions.propose import look, note_proposals
from trueup.decisions.reads import find_decision, list_waiting, next_due
from trueup.kernel.money import Money
from trueup.records.people import Keys
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.shopify.commands import ChangeCustomer

pytestmark = pytest.mark.anyio


async def test_a_customer_is_told_once_in_a_mail(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        for _ in range(3):
            await post.turn()
            await post.send()
        assert await post.states() == ["done"]
        [mail] = post.mail.taken
        assert mail.to == (MIA,)
        assert mail.message["subject"] == "Your order #1001 is late"
        text = mail.message.get_content()
        assert "December 3, 2026" in text.replace("=\n", "")


async def test_nothing_that_is_kept_tells_who_they_are(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell(phone=PHONE))
        await post.turn()
        rows = await post.brand.rows(
            "SELECT d::text, s::text, c::text FROM decisions.decision d"
            " JOIN decisions.step s USING (decision_id) JOIN decisions.contact c USING (decision_id)"
        )
        assert rows
        kept = " ".join(each for row in rows for each in row)
        assert MIA not in kept
        assert PHONE[1:] not in kept
        [(body,)] = await post.brand.rows("SELECT content FROM outbox.command")
        assert PHONE[1:].encode() not in bytes(body)


async def test_whatsapp_goes_first_by_its_approved_template(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell(phone=PHONE))
        await post.turn()
        await post.send()
        assert post.sent() == [(PHONE, "template")]
        assert await post.states() == ["ordered"], "until it arrived"
        post.chat.deliver_all()
        await post.brand.deliver()
        await post.brand.apply()
        await post.turn()
        assert await post.states() == ["done"]


async def test_at_night_it_waits_and_goes_in_the_morning(database_url: str, tmp_path: Path) -> None:
    async with open_post(database_url) as post:
        post.until(23)
        post.wish(await post.sell())
        await post.turn()
        await post.send()
        assert list((await post.decisions()).values()) == ["approved: it is quiet where they are"]
        [row] = await list_waiting(post.brand.conn, post.brand.clock.now())
        due_at = await next_due(post.brand.conn, post.brand.clock.now())
        assert row["due_at"] == due_at
        await post.turn()
        assert len([each for each in await post.why() if each.startswith("waits")]) == 1
        told = explain(*await find_decision(post.brand.conn, 1))
        assert told.endswith(
            f"It waits until {due_at:%Y-%m-%dT%H:%M}+00:00, because it is quiet where they are; "
            "then its facts are looked at again."
        )
        trueup = Commands(tmp_path, database_url)
        [shown] = (await trueup.in_thread("decisions", "waiting"))["waiting"]
        assert (shown["waits"], shown["decision_id"]) == ("it is quiet where they are", 1)
        _, table = await asyncio.to_thread(trueup.run, "decisions", "waiting")
        assert "tell the customer" in table
        post.until(9)
        assert due_at == post.brand.clock.now()
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1


async def test_three_rules_one_message_and_the_most_urgent(database_url: str) -> None:
    async with open_post(database_url, "late", "lost", "sorry") as post:
        to = await post.sell()
        post.wish(to, rule="late", urgency=Urgency.LOW)
        post.wish(to, rule="sorry")
        post.wish(to, rule="lost", urgency=Urgency.HIGH, values={"order": "#1001 (lost)"})
        for _ in range(3):
            await post.turn()
            await post.send()
        assert post.sent() == [(MIA, "Your order #1001 (lost) is late")]
        assert sorted(await post.states()) == ["done", "withdrawn", "withdrawn"]


async def test_about_something_else_they_hear_later(database_url: str) -> None:
    async with open_post(database_url) as post:
        first, second = await post.sell(), await post.sell()
        post.wish(first)
        post.wish(second, values={"order": "#1002"})
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1
        [_, waiting] = (await post.decisions()).values()
        assert waiting == "approved: they were written to less than 12 hours ago"
        post.until(9)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 2


async def test_marketing_needs_a_yes_of_any_system(database_url: str) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wish(to, purpose=Purpose.MARKETING)
        await post.turn()
        assert await post.states() == ["withdrawn"]
        assert (await post.why())[-1].endswith("they did not agree to marketing by email")
        await post.consent(MIA, "subscribed")
        await post.turn()
        said = await post.why()
        for _ in range(3):
            await post.turn()
        assert await post.why() == said, "it rests, and is not withdrawn again each minute"
        assert "not proposed again before" in explain(*await find_decision(post.brand.conn, 1))
        post.brand.clock.advance(86_400)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1


@pytest.mark.parametrize("when", ["proposed", "waits", "ordered", "throttled"])
async def test_an_opt_out_stops_it_wherever_it_is(database_url: str, when: str) -> None:
    async with open_post(database_url) as post:
        to = await post.sell(email_consent="subscribed")
        post.wish(to, purpose=Purpose.MARKETING)
        if when == "waits":
            post.until(23)
        if when != "proposed":
            await post.turn()
        if when == "throttled":
            fault = ApiFault(kind="status", status=451, next_calls=1, operation="mail")
            post.mail.strike(fault)
            await post.send()
        await post.consent(MIA, "unsubscribed")
        post.brand.clock.advance(3600)
        if when == "waits":
            post.until(10)
        for _ in range(2):
            await post.turn()
            await post.send()
        assert (post.sent(), await post.states()) == ([], ["withdrawn"])
        assert await post.brand.issues() <= {"shopify.api_version_unknown"}


async def test_whose_word_counts_when_it_leaves_follows_from_the_keys_of_the_brand(
    database_url: str,
) -> None:
    async with open_post(database_url) as post:
        to = await post.sell(email_consent="subscribed", phone=PHONE)
        await post.sell("tom@home.example", phone=PHONE, email_consent="subscribed")
        # A phone that a family shares makes nobody one: the brand says so.
        post.brand.hub.keys = Keys(spaces=frozenset((LinkSpace.EMAIL,)))
        post.wish(to, purpose=Purpose.MARKETING)
        await post.turn()
        await post.consent("tom@home.example", "unsubscribed")
        await post.send()
        assert [to for to, _ in post.sent()] == [MIA]


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_stop_on_whatsapp_stops_whatsapp(database_url: str, *, ordered: bool) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell(phone=PHONE))
        if ordered:
            await post.turn()
        await post.write("STOP")
        await post.turn()
        await post.send()
        await post.turn()
        await post.send()
        sent = [each for each in post.sent() if each[1] == "template"]
        assert sent == []
        if not ordered:
            assert [to for to, _ in post.sent() if to == MIA], "mail is another medium"


async def test_what_the_facts_no_longer_ask_for_is_taken_back_wherever_it_is(
    database_url: str,
) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wish(to)
        await post.turn()
        post.forget(to)
        await post.turn()
        await post.send()
        assert (post.sent(), await post.states()) == ([], ["withdrawn"])
        post.wish(to)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1, "what never left does not count"


async def test_a_vendor_that_is_away_until_night_lets_it_wait_for_the_morning(
    database_url: str,
) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        post.until(20)
        await post.turn()
        fault = ApiFault(kind="status", status=451, next_calls=1, operation="mail")
        post.mail.strike(fault)
        await post.send()
        post.until(22)
        await post.send()
        assert post.sent() == [], "it was quiet"
        await post.turn()
        assert list((await post.decisions()).values()) == ["approved: it is quiet where they are"]
        assert "came back: too_late" in await post.why()
        post.until(9)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1


async def test_what_is_of_no_more_use_is_not_sent(database_url: str) -> None:
    async with open_post(database_url) as post:
        soon = post.brand.clock.now() + timedelta(minutes=30)
        post.wish(await post.sell(), useful_until=soon)
        await post.turn()
        post.brand.clock.advance(3600)
        await post.send()
        await post.turn()
        assert (post.sent(), await post.states()) == ([], ["withdrawn"])


async def test_the_switch_takes_back_what_has_not_left(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        await post.turn()
        conn, now = post.brand.conn, post.brand.clock.now()
        await stop_all(conn, by="ada", why="wrong words", now=now)
        await post.turn()
        await post.send()
        assert (post.sent(), await post.states()) == ([], ["approved"])
        await resume_all(conn, by="ada", why="", now=now)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1


async def test_what_else_is_asked_for_does_not_wait_for_the_customer(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.brand.hub.contact_table = {
            "zone": "Europe/Berlin",
            "team_connection": "smtp",
            "team_to": "team@brand.example",
        }
        post.until(23)
        alert = Alert(subject="Late", text="Order 1001 is late.")
        post.wish(await post.sell(), Action(content=alert, what="tell the team"))
        await post.turn()
        await post.send()
        assert post.sent() == [("team@brand.example", "Late")]
        assert await post.states() == ["approved"]
        post.until(9)
        for _ in range(2):
            await post.turn()
            await post.send()
        assert post.sent()[1:] == [(MIA, "Your order #1001 is late")]
        assert await post.states() == ["done"]


def code_for(post: Post, currency: str = "EUR") -> Action:
    """Return the making of a code that a notice tells of."""
    now = post.brand.clock.now()
    content = CreateDiscount(
        code="SORRY-1",
        starts_at=now,
        ends_at=now + timedelta(days=9),
        amount=Money(Decimal(5), currency),
    )
    what = "make a code of 5 EUR"
    return Action(content=content, connection_id=post.number, key="code/SORRY-1", what=what)


async def test_what_a_message_tells_of_is_done_before_it_leaves(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell(), code_for(post))
        await post.turn()
        await post.send()
        assert post.sent() == [], "there is no such code yet"
        assert "what it tells of is not done yet" in str(await post.decisions())
        await post.brand.work("shopify")
        assert [each.code for each in post.shop.codes.values()] == ["SORRY-1"]
        for _ in range(2):
            post.brand.clock.advance(31)
            await post.turn()
            await post.send()
        assert [to for to, _ in post.sent()] == [MIA]
        assert await post.states() == ["done"]


async def test_what_was_refused_is_told_to_nobody(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell(), code_for(post, "USD"))
        for _ in range(3):
            await post.turn()
            await post.brand.work("shopify")
            await post.send()
            post.brand.clock.advance(31)
        assert (post.sent(), post.shop.codes) == ([], {})
        assert await post.states() == ["failed"]
        assert any("what it tells of was not done" in each for each in await post.why())


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_message_is_taken_back_though_its_code_was_made(
    database_url: str, *, ordered: bool
) -> None:
    async with open_post(database_url) as post:
        to = await post.sell()
        post.wish(to, code_for(post))
        await post.turn()
        await post.brand.work("shopify")
        post.brand.clock.advance(31)
        if ordered:
            await post.turn()
        post.forget(to)
        for _ in range(2):
            await post.turn()
            await post.send()
        assert post.sent() == []
        assert await post.states() == ["done"], "the code was made, and stays"
        assert any(each.startswith("cut short") for each in await post.why())


@pytest.mark.parametrize("step", ["want_commands", "note_contact", "move"])
async def test_a_crash_between_the_steps_of_an_order_sends_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await post.turn()
        await post.send()
        assert post.sent() == []
        for _ in range(2):
            await post.turn()
            await post.send()
        assert len(post.sent()) == 1


async def test_caps_outlive_whoever_is_forgotten(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        await post.turn()
        await post.send()
        # They are forgotten, and buy again under the same address as somebody new.
        await post.brand.rows("DELETE FROM govern.person RETURNING 1")
        await post.brand.rows(
            "DELETE FROM records.link WHERE namespace IN ('email', 'phone', 'customer') RETURNING 1"
        )
        post.brand.clock.advance(60)
        post.world.do("north", ChangeCustomer(email=MIA, email_consent="subscribed"))
        again = await post.sell()
        post.wish(again)
        await post.turn()
        [_, waiting] = (await post.decisions()).values()
        assert waiting == "approved: they were written to less than 12 hours ago"


async def test_two_deciders_at_once_write_once(database_url: str) -> None:
    async with open_post(database_url, "late", "lost") as post:
        to = await post.sell()
        for rule in post.rules:
            post.wish(to, rule=rule)
        brand = post.brand
        leaves = await read_leaves(brand.conn, post.rules, post.settings)
        now = brand.clock.now()
        for name, rule in post.rules.items():
            found = await look(brand.conn, brand.hub, rule, post.settings[name], now)
            given = (rule, post.settings[name], Mode.AUTO, found, now)
            await note_proposals(brand.conn, *given)
        await approve_by_policy(brand.conn, post.settings, leaves, now)
        async with (
            await connect(brand.url, application_name="one") as one,
            await connect(brand.url, application_name="two") as two,
        ):
            known = (brand.hub, post.rules, post.settings, leaves, now)
            await asyncio.gather(*(carry_out(each, *known) for each in (one, two)))
        await post.send()
        await post.turn()
        assert len(post.sent()) == 1
        assert sorted(await post.states()) == ["done", "withdrawn"]


async def test_of_who_was_forgotten_nobody_knows_whom_it_would_go_to(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        await post.brand.rows("DELETE FROM govern.person RETURNING 1")
        await post.turn()
        assert await post.states() == ["withdrawn"]
        assert "nothing is known by which they can be written to" in (await post.why())[-1]


async def test_a_schedule_is_kept(database_url: str) -> None:
    async with open_post(database_url) as post:
        at = post.brand.clock.now() + timedelta(hours=3)
        post.wish(await post.sell(), due_at=at)
        await post.turn()
        assert await next_due(post.brand.conn, post.brand.clock.now()) == at
        await post.send()
        assert post.sent() == []
        post.brand.clock.advance(3 * 3600)
        await post.turn()
        await post.send()
        assert len(post.sent()) == 1
