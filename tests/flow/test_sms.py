"""Goal: a customer is written to by SMS as by any other way: once, and not against their word.

Method: a shop, a Twilio account and rules that ask for notices, over sockets on one clock; forms
come signed to the hub's real door.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.brand import HUB_URL
from tests.support.contact import PHONE, Post, open_post
from trueup.canon.command import Purpose, SendMessage
from trueup.canon.message import Message
from trueup.canon.record import decode
from trueup.outbox.command import list_commands
from trueup.records.reads import find_records
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.twilio.account import ACCOUNT, SENDER, TOKEN, Account

pytestmark = pytest.mark.anyio
NAME = "twilio"
CUTS: list[ApiFaultKind] = ["reset", "timeout_after_work"]


@asynccontextmanager
async def open_sms(url: str, **contact: Any) -> AsyncIterator[tuple[Post, Account]]:
    """Open a brand that writes by SMS first, and by mail else."""
    async with open_post(url) as post:
        account = Account(post.brand.clock)
        account.subscribe("*", f"{HUB_URL}/hooks/{NAME}")
        await post.brand.connect(
            NAME,
            account,
            settings={"account_sid": ACCOUNT, "sender": SENDER, "call_timeout_s": "0.3"},
            secrets={"auth_token": TOKEN},
        )
        table = {"zone": "Europe/Berlin", "media": ["sms", "email"]} | contact
        post.brand.hub.contact_table = table
        await post.brand.poll(NAME, "messages")
        yield post, account


async def hear(post: Post, account: Account) -> None:
    """Let messages arrive, and their forms reach the door."""
    account.deliver_all()
    await post.brand.deliver()
    await post.brand.apply()
    await post.brand.work(NAME)
    await post.brand.apply()


def words(account: Account) -> list[str]:
    return [sms.body for sms in account.messages if sms.direction == "outbound-api"]


async def test_a_notice_goes_by_sms_and_is_done_once_it_arrived(database_url: str) -> None:
    async with open_sms(database_url) as (post, account):
        post.wish(await post.sell(phone=PHONE))
        await post.turn()
        await post.brand.work(NAME)
        (sms,) = account.messages
        assert (sms.to, "#1001" in sms.body) == (PHONE, True)
        assert await post.states() == ["ordered"], "taken in is not delivered"
        await hear(post, account)
        await post.turn()
        assert (await post.states(), len(account.messages)) == (["done"], 1)
        (row,) = await find_records(post.brand.conn, Message.kind, sms.sid)
        record = decode(Message.kind, row["body"])
        assert isinstance(record, Message)
        assert (record.state, record.medium) == ("delivered", "sms")
        assert "sms" not in str(await post.brand.issues())


async def test_who_has_no_phone_or_said_stop_is_written_to_by_mail(database_url: str) -> None:
    async with open_sms(database_url) as (post, account):
        post.wish(await post.sell("ida@home.example"))
        account.write(PHONE, "STOP")
        await hear(post, account)
        post.wish(await post.sell(phone=PHONE))
        await post.turn()
        await post.send()
        await post.brand.work(NAME)
        assert words(account) == []
        assert len(post.mail.taken) == 2
        post.brand.clock.advance(60)
        account.write(PHONE, "Start")
        await hear(post, account)
        post.brand.clock.advance(13 * 3600)
        post.until(12)
        post.wish(await post.sell(phone=PHONE), about="another")
        await post.turn()
        await post.brand.work(NAME)
        assert len(words(account)) == 1, await post.decisions()


async def test_a_wish_in_words_of_twilios_own_stops_marketing(database_url: str) -> None:
    async with open_sms(database_url, media=["sms"]) as (post, account):
        account.tells_wishes = True
        to = await post.sell(phone=PHONE)
        post.wish(to)
        account.write(PHONE, "END")
        await hear(post, account)
        await post.turn()
        await post.brand.work(NAME)
        assert words(account) == []
        assert await post.states() == ["withdrawn"]
        assert any("no more messages by sms" in each for each in await post.why())


@pytest.mark.parametrize("kind", CUTS)
async def test_a_cut_line_ends_in_one_message(database_url: str, kind: ApiFaultKind) -> None:
    async with open_sms(database_url) as (post, account):
        account.strike(ApiFault(kind=kind, next_calls=1, operation="send"))
        content = SendMessage(to=PHONE, text="Your lamp is late.", purpose=Purpose.TRANSACTIONAL)
        await post.brand.order(NAME, "late", content)
        for _ in range(6):
            await post.brand.work(NAME)
            post.brand.clock.advance(300)
            await hear(post, account)
        assert words(account) == ["Your lamp is late."]
        assert await post.brand.state("late") == "done"


async def test_without_forms_polls_and_questions_tell_the_same(database_url: str) -> None:
    async with open_sms(database_url) as (post, account):
        account.desk.subscriptions.clear()
        account.unreachable.add(PHONE)
        await post.brand.order(NAME, "late", SendMessage(to=PHONE, text="Your lamp is late."))
        await post.brand.work(NAME)
        account.write(PHONE, "Stop")
        account.deliver_all()
        post.brand.clock.advance(120)
        await post.brand.work(NAME)
        (row,) = await list_commands(post.brand.conn, ref="late")
        assert (row["state"], row["code"]) == ("refused", "30003")
        await post.brand.poll(NAME, "messages")
        await post.brand.apply()
        found = await post.brand.rows(
            "SELECT v.body->>'opt_out', v.body->>'state' FROM records.record r"
            " JOIN records.version v USING (record_id, event_id) WHERE r.kind = 'message'"
            " ORDER BY r.ref"
        )
        assert ("true", "received") in [tuple(each) for each in found]
        assert "failed" in [state for _, state in found]


async def test_a_form_that_somebody_else_signed_changes_nothing(database_url: str) -> None:
    async with open_sms(database_url) as (post, account):
        account.webhook_secret = "another-token"
        account.write(PHONE, "STOP")
        await hear(post, account)
        assert await post.brand.rows("SELECT FROM records.record WHERE kind = 'message'") == []
        assert account.desk.waiting(), "it was turned away, and is tried again"
