"""Goal: a command is done once, or a person is asked; never twice, never silently lost.

Method: real connectors against their simulated vendors over sockets, one for each way in which a
vendor lets us find out what came of a call: by our key (Stripe), by looking (Gorgias), not at all
(mail).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from tests.support.brand import Brand, open_brand
from tests.support.mail import MAIL, Mail
from trueup.canon.command import RefundPayment, ReplyToTicket, SendMessage
from trueup.kernel.money import Money
from trueup.outbox.command import discard_commands, revive_commands
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.gorgias.account import API_KEY as GORGIAS_KEY
from trueup.sandbox.gorgias.account import EMAIL, Gorgias
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def stripe(url: str) -> AsyncIterator[tuple[Brand, StripeVendor]]:
    async with open_brand(url) as brand:
        vendor = StripeVendor(brand.clock)
        await brand.connect("stripe", vendor, secrets={"api_key": API_KEY})
        yield brand, vendor


def refund(charge: str, amount: str = "5.00") -> RefundPayment:
    return RefundPayment(payment_ref=charge, amount=Money(Decimal(amount), "USD"))


async def test_a_command_is_carried_out_once_however_often_it_is_ordered(
    database_url: str,
) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        for _ in range(3):
            await brand.order("stripe", "refund-1", refund(charge))
        await brand.work("stripe")
        assert await brand.state("refund-1") == "done"
        assert len(vendor.account.refunds) == 1
        (row,) = await brand.rows("SELECT vendor_ref, sends FROM outbox.command")
        assert row == (next(iter(vendor.account.refunds)), 1)


@pytest.mark.parametrize("kind", ["reset", "timeout", "reset_after_work", "timeout_after_work"])
async def test_a_cut_line_is_asked_again_under_the_same_key(database_url: str, kind: str) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        vendor.strike(ApiFault(kind=kind, next_calls=1))  # type: ignore[arg-type] - a literal
        await brand.connect_timeout("stripe", "0.3")
        await brand.order("stripe", "refund-1", refund(charge))
        assert await brand.settle("stripe", "refund-1") == "done"
        assert len(vendor.account.refunds) == 1
        keys = {call.key for call in vendor.calls if call.method == "POST"}
        assert len(keys) == 1


async def test_a_process_that_dies_between_call_and_receipt_leaves_a_trace(
    database_url: str,
) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        await brand.order("stripe", "refund-1", refund(charge))
        async with brand.commander("stripe") as first:
            claimed = await first._claim()
            assert claimed is not None
            assert claimed.command is not None
            commands = brand.hub.connectors["stripe"].commands
            request = commands.command_request(claimed.command, claimed.idempotency_key)
            await first._caller.send(request)
        assert await brand.state("refund-1") == "sending"
        await brand.work("stripe")
        assert await brand.state("refund-1") == "done"
        assert len(vendor.account.refunds) == 1


async def test_a_refusal_tells_why_and_may_be_mended(database_url: str) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        await brand.order("stripe", "refund-1", refund(charge, "99.00"))
        await brand.work("stripe")
        assert await brand.state("refund-1") == "refused"
        assert await brand.issues() == {"outbox.command_refused"}
        await discard_commands(brand.conn, ["refund-1"], by="ada")
        await brand.order("stripe", "refund-2", refund(charge))
        await brand.work("stripe")
        assert await brand.state("refund-2") == "done"


async def test_commands_of_one_key_are_carried_out_in_turn(database_url: str) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        vendor.strike(ApiFault(kind="status", status=429, next_calls=1, retry_after_s=30))
        await brand.order("stripe", "first", refund(charge), key="payment/1")
        await brand.order("stripe", "second", refund(charge), key="payment/1")
        await brand.order("stripe", "other", refund(charge), key="payment/2")
        await brand.work("stripe")
        states = [await brand.state(ref) for ref in ("first", "second", "other")]
        assert states[:2] == ["due", "due"]
        brand.clock.advance(120)
        await brand.work("stripe")
        assert [await brand.state(ref) for ref in ("first", "second", "other")] == ["done"] * 3
        assert len(vendor.account.refunds) == 3


async def test_a_dead_vendor_is_tried_for_days_and_then_given_up(database_url: str) -> None:
    async with stripe(database_url) as (brand, vendor):
        charge = vendor.account.sell(2000, "usd")
        vendor.strike(ApiFault(kind="reset", probability=1.0))
        await brand.order("stripe", "refund-1", refund(charge))
        for _ in range(120):
            await brand.work("stripe", rounds=3)
            brand.clock.advance(3600)
        assert await brand.state("refund-1") in {"dead", "unknown"}
        assert await brand.issues() & {"outbox.command_refused", "outbox.outcome_unknown"}
        assert vendor.account.refunds == {}
        vendor.faults.rules.clear()
        await revive_commands(brand.conn, ["refund-1"])
        brand.clock.advance(3600)
        await brand.work("stripe")
        assert await brand.state("refund-1") == "done"
        assert len(vendor.account.refunds) == 1
        assert await brand.issues() == set()


async def test_what_a_command_says_is_sealed(database_url: str) -> None:
    async with stripe(database_url) as (brand, _):
        secret = "ch_canaryCanaryCanary"
        await brand.order("stripe", "refund-1", refund(secret))
        ((content,),) = await brand.rows("SELECT content FROM outbox.command")
        assert secret.encode() not in bytes(content)


GORGIAS = {
    "settings": {"domain": "north", "email": EMAIL, "agent_email": "agent@shop.example"},
    "secrets": {"api_key": GORGIAS_KEY},
}


@pytest.mark.parametrize("kind", ["reset", "reset_after_work", "timeout_after_work"])
async def test_a_note_is_looked_for_before_it_is_written_again(
    database_url: str, kind: str
) -> None:
    async with open_brand(database_url) as brand:
        vendor = Gorgias(brand.clock)
        await brand.connect("gorgias", vendor, **GORGIAS)
        await brand.connect_timeout("gorgias", "0.3")
        ticket = vendor.write_in("ada@example.com", "Where is my parcel?")
        vendor.strike(ApiFault(kind=kind, next_calls=1))  # type: ignore[arg-type] - a literal
        note = ReplyToTicket(ticket_ref=str(ticket.id), text="The parcel is out for delivery.")
        await brand.order("gorgias", "note-1", note)
        assert await brand.settle("gorgias", "note-1") == "done"
        texts = [message.text for message in vendor.tickets[ticket.id].messages]
        assert sum("out for delivery" in text for text in texts) == 1


async def test_where_nothing_helps_a_person_is_asked_and_nothing_is_repeated(
    database_url: str,
) -> None:
    async with open_brand(database_url) as brand:
        server = Mail(brand.clock)
        await brand.connect("smtp", server, **MAIL)
        letter = SendMessage(to="ada@example.com", subject="On its way", text="Your parcel left.")
        await brand.order("smtp", "mail-1", letter)
        await brand.work("smtp")
        assert await brand.state("mail-1") == "done"
        server.strike(ApiFault(kind="reset_after_work", operation="body", next_calls=1))
        await brand.order("smtp", "mail-2", letter)
        for _ in range(10):
            await brand.work("smtp")
            brand.clock.advance(86_400)
        assert await brand.state("mail-2") == "unknown"
        assert await brand.issues() == {"outbox.outcome_unknown"}
        assert len(server.taken) == 2, "a mail was sent again by itself"
        await discard_commands(brand.conn, ["mail-2"], by="ada")
        assert await brand.issues() == set()
        server.strike(ApiFault(kind="reset", operation="rcpt", next_calls=1))
        await brand.order("smtp", "mail-3", letter)
        await brand.work("smtp")
        brand.clock.advance(600)
        await brand.work("smtp")
        assert await brand.state("mail-3") == "done"
        assert len(server.taken) == 3
