"""Goal: tickets are known as the helpdesk knows them, and nothing is written into one twice.

Method: the whole hub against simulated Gorgias and Zendesk over sockets, their webhooks through the
real door, the calls through the real line with its limits, everything in the real database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.canon.command import ChangeTicket, CreateTicket, ReplyToTicket, SendMessage
from trueup.connectors.gorgias.webhook import TOPICS
from trueup.sandbox.faults import ApiFault, ApiFaultKind, WebhookFaults
from trueup.sandbox.gorgias.account import API_KEY, Gorgias
from trueup.sandbox.gorgias.account import EMAIL as GORGIAS_EMAIL
from trueup.sandbox.zendesk.account import API_TOKEN, Zendesk
from trueup.sandbox.zendesk.account import EMAIL as ZENDESK_EMAIL

pytestmark = pytest.mark.anyio

ADA = "ada@buyers.example"
CUT: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


@asynccontextmanager
async def gorgias(url: str) -> AsyncIterator[tuple[Brand, Gorgias]]:
    async with open_brand(url) as brand:
        desk = Gorgias(brand.clock)
        for topic in TOPICS:
            desk.subscribe(topic, f"{HUB_URL}/hooks/gorgias")
        settings = {"domain": "north", "email": GORGIAS_EMAIL, "call_timeout_s": "0.3"}
        settings |= {"reply_address": "support@shop.example"}
        await brand.connect("gorgias", desk, settings=settings, secrets={"api_key": API_KEY})
        yield brand, desk


@asynccontextmanager
async def zendesk(url: str) -> AsyncIterator[tuple[Brand, Zendesk]]:
    async with open_brand(url) as brand:
        desk = Zendesk(brand.clock)
        desk.subscribe("*", f"{HUB_URL}/hooks/zendesk")
        settings = {"subdomain": "north", "email": ZENDESK_EMAIL, "call_timeout_s": "0.3"}
        secrets = {"api_token": API_TOKEN, "webhook_secret": desk.webhook_secret}
        await brand.connect("zendesk", desk, settings=settings, secrets=secrets)
        yield brand, desk


async def take_in(brand: Brand, name: str) -> None:
    """Deliver what is due, read what it hints at, and apply."""
    for _ in range(3):
        await brand.deliver()
        await brand.apply()
        await brand.work(name)
        await brand.apply()
        brand.clock.advance(60)


async def kept(brand: Brand, kind: str) -> set[str]:
    rows = await brand.rows("SELECT ref FROM records.record WHERE kind = %s", kind)
    return {ref for (ref,) in rows}


async def texts(brand: Brand) -> str:
    """Return everything that is kept in plain words."""
    rows = await brand.rows("SELECT body::text FROM records.version")
    return "".join(body for (body,) in rows)


@pytest.mark.parametrize("kind", CUT)
async def test_a_note_in_gorgias_is_written_once(database_url: str, kind: ApiFaultKind) -> None:
    async with gorgias(database_url) as (brand, desk):
        desk.desk.faults = WebhookFaults(drop=0.1, repeat=0.3, reorder=0.3)
        ticket = desk.write_in(ADA, "Where is it?", orders=("#1001",))
        desk.strike(ApiFault(kind=kind, next_calls=1, operation="message.create"))
        note = ReplyToTicket(ticket_ref=str(ticket.id), text="The parcel is in Leeds.")
        await brand.order("gorgias", "note/1", note)
        assert await brand.settle("gorgias", "note/1") == "done"
        await take_in(brand, "gorgias")
        await brand.poll("gorgias")
        await take_in(brand, "gorgias")
        notes = [message for message in ticket.messages if not message.public]
        assert [message.external_id for message in notes] == ["trueup:note/1"]
        assert await brand.rows("SELECT vendor_ref FROM outbox.command") == [(str(notes[0].id),)]
        assert await kept(brand, "ticket") == {str(ticket.id)}
        assert await kept(brand, "message") == {str(m.id) for m in ticket.messages}
        assert ADA not in await texts(brand)
        assert "Leeds" not in await texts(brand)
        assert desk.over_limit == 0


async def test_a_reply_from_gorgias_is_submitted_until_it_left(database_url: str) -> None:
    async with gorgias(database_url) as (brand, desk):
        ticket = desk.write_in(ADA, "Where is it?")
        fault = ApiFault(kind="reset_after_work", next_calls=1, operation="message.create")
        desk.strike(fault)
        mail = SendMessage(to=ADA, text="Today.", reply_to_ref=str(ticket.id))
        await brand.order("gorgias", "mail/1", mail)
        await brand.work("gorgias")
        for _ in range(4):
            brand.clock.advance(300)
            await brand.work("gorgias")
        assert await brand.state("mail/1") == "submitted"
        assert desk.send_waiting() == 1
        assert await brand.settle("gorgias", "mail/1") == "done"
        assert sum(message.from_agent for message in ticket.messages) == 1
        await brand.order("gorgias", "mail/2", mail)
        await brand.work("gorgias")
        desk.send_waiting(fail=True)
        assert await brand.settle("gorgias", "mail/2") == "refused"
        rows = await brand.rows("SELECT code FROM outbox.command WHERE state = 'refused'")
        assert rows == [("bounced",)]


async def test_gorgias_keeps_a_persons_tags_and_refuses_what_it_can_not_do(
    database_url: str,
) -> None:
    async with gorgias(database_url) as (brand, desk):
        ticket = desk.write_in(ADA, "Where is it?", tags=["vip"])
        ref = str(ticket.id)
        desk.strike(ApiFault(kind="timeout_after_work", next_calls=1, operation="ticket.change"))
        await brand.order("gorgias", "tag/1", ChangeTicket(ticket_ref=ref, tags_added=("late",)))
        assert await brand.settle("gorgias", "tag/1") == "done"
        desk.change(ticket.id, tags=[*ticket.tags, "by-hand"])
        await brand.order("gorgias", "tag/2", ChangeTicket(ticket_ref=ref, tags_removed=("late",)))
        assert await brand.settle("gorgias", "tag/2") == "done"
        assert ticket.tags == ["vip", "by-hand"]
        public = ReplyToTicket(ticket_ref=ref, text="x", public=True)
        await brand.order("gorgias", "reply/1", public)
        assert await brand.settle("gorgias", "reply/1") == "refused"
        wish = CreateTicket(email=ADA, subject="Parcel lost", text="Lost.")
        desk.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="ticket.create"))
        await brand.order("gorgias", "new/1", wish)
        assert await brand.settle("gorgias", "new/1") == "done"
        assert len(desk.tickets) == 2


@pytest.mark.parametrize("kind", CUT)
async def test_a_reply_in_zendesk_is_written_once(database_url: str, kind: ApiFaultKind) -> None:
    async with zendesk(database_url) as (brand, desk):
        desk.desk.faults = WebhookFaults(drop=0.1, repeat=0.3, reorder=0.3, corrupt=0.1)
        ticket = desk.write_in(ADA, "Where is it?", tags=["vip"])
        desk.strike(ApiFault(kind=kind, next_calls=1, operation="ticket.update"))
        reply = ReplyToTicket(ticket_ref=str(ticket.id), text="Leeds.", public=True)
        await brand.order("zendesk", "reply/1", reply)
        assert await brand.settle("zendesk", "reply/1") == "done"
        tags = ChangeTicket(ticket_ref=str(ticket.id), tags_added=("late",))
        await brand.order("zendesk", "tag/1", tags)
        assert await brand.settle("zendesk", "tag/1") == "done"
        await take_in(brand, "zendesk")
        brand.clock.advance(120)
        await brand.poll("zendesk", "tickets")
        await take_in(brand, "zendesk")
        assert ticket.tags == ["vip", "late"]
        assert len(ticket.comments) == 2
        assert await kept(brand, "ticket") == {str(ticket.id)}
        assert await kept(brand, "message") == {str(c.id) for c in ticket.comments}
        assert ADA not in await texts(brand)
        assert "Leeds" not in await texts(brand)


async def test_a_ticket_in_zendesk_is_made_once_and_comes_back_as_a_record(
    database_url: str,
) -> None:
    async with zendesk(database_url) as (brand, desk):
        desk.strike(ApiFault(kind="timeout_after_work", next_calls=1, operation="ticket.create"))
        wish = CreateTicket(email=ADA, subject="Parcel lost", text="Lost.", tags=("auto",))
        await brand.order("zendesk", "new/1", wish)
        assert await brand.settle("zendesk", "new/1") == "done"
        await take_in(brand, "zendesk")
        assert await kept(brand, "ticket") == {str(ref) for ref in desk.tickets}
        assert len(desk.tickets) == 1
        desk.stale = True
        await brand.order("zendesk", "new/2", wish)
        await brand.work("zendesk")
        assert len(desk.tickets) == 1
        desk.stale = False
        assert await brand.settle("zendesk", "new/2") == "done"
        assert len(desk.tickets) == 2
