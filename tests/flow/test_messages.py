"""Goal: a message is sent once, and what became of it is known by what the vendor says later.

Method: the whole hub against simulated Slack and WhatsApp over sockets, their webhooks through the
real door; reports of mail through the real command line.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.flow.command import Commands
from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.canon.command import SendMessage
from trueup.connectors import smtp
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.slack.workspace import TOKEN as BOT
from trueup.sandbox.slack.workspace import Workspace
from trueup.sandbox.whatsapp.account import NUMBER_ID, TOKEN, Account

pytestmark = pytest.mark.anyio

MIA = "+491701234567"
CUT: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]
LATE = SendMessage(to=MIA, template="parcel_late", language="en_US", variables=("1001", "DHL"))


@asynccontextmanager
async def slack(url: str) -> AsyncIterator[tuple[Brand, Workspace]]:
    async with open_brand(url) as brand:
        space = Workspace(brand.clock)
        space.open_channel("C07ORDERS")
        space.subscribe("message", f"{HUB_URL}/hooks/slack")
        await brand.connect(
            "slack",
            space,
            settings={"call_timeout_s": "0.3"},
            secrets={"bot_token": BOT, "signing_secret": space.webhook_secret},
        )
        yield brand, space


@asynccontextmanager
async def whatsapp(url: str) -> AsyncIterator[tuple[Brand, Account]]:
    async with open_brand(url) as brand:
        number = Account(brand.clock)
        number.templates["parcel_late", "en_US"] = 2
        number.subscribe("messages", f"{HUB_URL}/hooks/whatsapp")
        await brand.connect(
            "whatsapp",
            number,
            settings={"phone_number_id": NUMBER_ID, "call_timeout_s": "0.3"},
            secrets={"access_token": TOKEN, "app_secret": number.webhook_secret},
        )
        yield brand, number


def posted(space: Workspace) -> int:
    return sum("bot_id" in message for message in space.channels["C07ORDERS"].messages)


@pytest.mark.parametrize("kind", CUT)
async def test_slack_is_read_before_anything_is_posted_again(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with slack(database_url) as (brand, space):
        space.strike(ApiFault(kind=kind, next_calls=1, operation="message.send"))
        await brand.order("slack", "decision/7", SendMessage(to="C07ORDERS", text="Reorder?"))
        assert await brand.settle("slack", "decision/7") == "done"
        assert posted(space) == 1
        (row,) = await brand.rows("SELECT vendor_ref FROM outbox.command")
        assert row == (f"C07ORDERS:{space.channels['C07ORDERS'].messages[0]['ts']}",)


async def test_slack_keeps_its_pace_and_twenty_messages_arrive_once_each(
    database_url: str,
) -> None:
    async with slack(database_url) as (brand, space):
        space.desk.faults = WebhookFaults(repeat=0.3, reorder=0.3)
        for count in range(20):
            content = SendMessage(to="C07ORDERS", text=f"line {count}")
            await brand.order("slack", f"note/{count}", content, key=f"note/{count}")
        for _ in range(10):
            await brand.work("slack")
            brand.clock.advance(60)
            await brand.deliver()
        await brand.apply()
        states = await brand.rows("SELECT DISTINCT state FROM outbox.command")
        assert states == [("done",)]
        assert (posted(space), space.over_limit) == (20, 0)
        refs = await brand.rows("SELECT vendor_ref FROM outbox.command ORDER BY 1")
        kept = await brand.rows("SELECT ref FROM records.record WHERE kind = 'message' ORDER BY 1")
        assert refs == kept


async def test_whatsapp_is_submitted_until_a_status_says_that_it_arrived(
    database_url: str,
) -> None:
    async with whatsapp(database_url) as (brand, number):
        await brand.order("whatsapp", "late/1001", LATE)
        await brand.work("whatsapp")
        assert await brand.state("late/1001") == "submitted"
        number.progress(number.sent[0].id, "sent")
        await brand.deliver()
        await brand.apply()
        assert await brand.state("late/1001") == "submitted"
        number.progress(number.sent[0].id, "delivered")
        await brand.deliver()
        await brand.apply()
        assert await brand.state("late/1001") == "done"
        assert len(number.sent) == 1


async def test_whatsapp_says_later_that_a_message_failed_and_why(database_url: str) -> None:
    async with whatsapp(database_url) as (brand, number):
        await brand.order("whatsapp", "late/1001", LATE)
        await brand.work("whatsapp")
        number.progress(number.sent[0].id, "failed", code=131026)
        await brand.deliver()
        await brand.apply()
        assert await brand.state("late/1001") == "refused"
        assert await brand.rows("SELECT code FROM outbox.command") == [("131026",)]
        assert "whatsapp.message_failed" in await brand.issues()


async def test_where_the_line_broke_whatsapps_status_settles_it_and_nothing_is_repeated(
    database_url: str,
) -> None:
    async with whatsapp(database_url) as (brand, number):
        number.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="message.send"))
        await brand.order("whatsapp", "late/1001", LATE)
        await brand.work("whatsapp")
        assert await brand.state("late/1001") == "unknown"
        assert await brand.issues() == {"outbox.outcome_unknown"}
        number.deliver_all()
        await brand.deliver()
        await brand.apply()
        assert await brand.state("late/1001") == "done"
        assert await brand.issues() == set()
        brand.clock.advance(86_400)
        await brand.work("whatsapp")
        assert len(number.sent) == 1


async def test_an_opt_out_is_kept_and_free_text_is_refused_without_a_window(
    database_url: str,
) -> None:
    async with whatsapp(database_url) as (brand, number):
        number.press(MIA, "STOP", "No more messages")
        await brand.deliver()
        await brand.apply()
        ((body,),) = await brand.rows("SELECT body::text FROM records.version")
        assert '"opt_out": true' in body or '"opt_out":true' in body
        assert MIA not in body
        await brand.order("whatsapp", "free/1", SendMessage(to=MIA, text="hello"))
        await brand.work("whatsapp")
        assert await brand.state("free/1") == "refused"
        assert number.sent == []


def test_a_bounce_that_is_handed_in_becomes_a_failed_message(
    tmp_path: Path, database_url: str
) -> None:
    trueup = Commands(tmp_path, database_url)
    samples = Path(smtp.__file__).parent / "samples"
    told = trueup.json("ingest", "smtp", "dsn", samples / "bounce.eml")
    (record,) = told["records"]
    assert (record["state"], record["error_code"]) == ("failed", "5.1.1")
    assert record["ref"] == "trueup.0123456789abcdef0123456789abcdef@brand.example"
    assert record["person"]["email"] == "mia@home.example"
    again = trueup.json("import", "smtp-report-eml", samples / "bounce.eml")
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    quiet = trueup.json("ingest", "smtp", "dsn", samples / "absent.eml")
    assert (quiet["records"], quiet["issues"]) == ([], [])


async def test_who_wrote_may_be_answered_freely_for_a_day(database_url: str) -> None:
    async with whatsapp(database_url) as (brand, number):
        number.write(MIA, "Where is my parcel?")
        await brand.deliver()
        await brand.apply()
        await brand.order("whatsapp", "free/1", SendMessage(to=MIA, text="It is on its way."))
        await brand.work("whatsapp")
        assert await brand.state("free/1") == "submitted"
        brand.clock.advance(25 * 3600)
        await brand.order("whatsapp", "free/2", SendMessage(to=MIA, text="Is all well?"))
        await brand.work("whatsapp")
        assert await brand.state("free/2") == "refused"


async def test_who_wants_no_more_is_not_written_to_until_they_write_again(
    database_url: str,
) -> None:
    async with whatsapp(database_url) as (brand, number):
        number.write(MIA, "STOP")
        await brand.deliver()
        await brand.apply()
        sent = len(number.sent)
        await brand.order("whatsapp", "late/1001", LATE)
        await brand.work("whatsapp")
        assert await brand.state("late/1001") == "refused"
        assert len(number.sent) == sent
        brand.clock.advance(60)
        number.write(MIA, "Hello again, where is it?")
        await brand.deliver()
        await brand.apply()
        await brand.order("whatsapp", "late/1002", LATE)
        await brand.work("whatsapp")
        assert await brand.state("late/1002") == "submitted"
