"""The whole connector against the simulated Stripe: in by three ways, out once, to the cent."""

import asyncio
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.support.stripe_hub import SmallHub
from trueup.canon.command import RefundPayment
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.payout import BalanceEntry, Dispute, DisputeState, Payout, PayoutState
from trueup.canon.record import Record
from trueup.connectors.stripe import api, commands, hooks, pull
from trueup.connectors.stripe.webhook import identify
from trueup.contract.connector import Command, Fetch, Receipt, ReceiptState
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import AuthExpired, RateLimited, Refused, SignatureInvalid, Unavailable
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.stripe.vendor import StripeVendor

pytestmark = pytest.mark.anyio

DAY_S = 86_400
URL = "https://hub.example/hooks/stripe"


@pytest.fixture
def vendor() -> StripeVendor:
    return StripeVendor(ManualClock(), seed=11)


@pytest.fixture
def hub(vendor: StripeVendor) -> SmallHub:
    return SmallHub(vendor)


def trade(vendor: StripeVendor, *, sales: int = 40, seed: int = 5) -> None:
    """Let three days pass: sales in two currencies, refunds, disputes, payouts, one that fails."""
    chance, account = random.Random(seed), vendor.account
    account.rates["usd"] = "0.9137"
    for number in range(sales):
        vendor.clock.advance(chance.choice((0, 1, 400, 2_000)))
        currency = chance.choice(("eur", "eur", "usd"))
        method = chance.choice(("card", "card", "sepa_debit"))
        ref = account.sell(
            chance.randint(500, 90_000),
            currency,
            capture=number % 7 != 3,
            method=method,
            metadata={"order_id": f"P-{number}"},
        )
        amount = account.charges[ref]["amount"]
        if number % 7 == 3:
            account.release(ref) if number % 2 else account.capture(ref, amount // 2)
        elif number % 5 == 0:
            made = account.refund({"charge": ref, "amount": str(amount // 3)})
            if made["status"] == "pending":
                account.finish_refund(made["id"], well=number % 2 == 0)
        elif number % 11 == 1:
            account.close_dispute(account.dispute(ref), won=number % 2 == 1)
    for _ in range(3):
        vendor.clock.advance(DAY_S)
        for payout in account.end_day():
            account.arrive(payout)


def command(payment: str, amount: str, ref: str = "cmd-1", currency: str = "EUR") -> Command:
    content = RefundPayment(payment_ref=payment, amount=Money(Decimal(amount), currency))
    return Command(
        kind="payment.refund",
        key=payment,
        ref=ref,
        content=content,
        wanted_at=ManualClock().now(),
    )


async def carry_out(hub: SmallHub, order: Command) -> Receipt:
    """Refund as the hub does: what nobody knows is looked for, and done again where it was not."""
    for _ in range(5):
        try:
            reply = await hub.send(commands.command_request(order, "key"))
            receipt = commands.command_receipt(order, reply)
        except (httpx.TransportError, Unavailable):
            receipt = Receipt(state=ReceiptState.UNKNOWN)
        except RateLimited as error:
            hub.vendor.clock.advance(error.after_s)
            continue
        if receipt.state is ReceiptState.UNKNOWN:
            hub.vendor.clock.advance(receipt.after_s or 1.0)
            reply = await hub.send(commands.find_request(order, "key"))
            receipt = commands.found(order, "key", reply)
        if receipt.state is not ReceiptState.LATER:
            return receipt
    return receipt


def entries(hub: SmallHub) -> list[BalanceEntry]:
    return [r for r in hub.told().values() if isinstance(r, BalanceEntry)]


def plain(records: dict[str, Record]) -> dict[str, Any]:
    """Return what records say, without the stamps that tell when we asked."""
    return {
        entity: {name: getattr(r, name) for name in r.__struct_fields__ if name != "updated_at"}
        for entity, r in records.items()
    }


# -- in ------------------------------------------------------------------------------------------


async def test_a_backfill_reads_every_object_and_payouts_sum_to_the_cent(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    trade(vendor, sales=130)
    read = {resource: await hub.walk(resource) for resource in pull._NOUNS}
    await hub.fetch_wanted()
    account = vendor.account
    assert read["charges"] == len(account.charges) > 100  # more than a page
    assert read["balance_transactions"] == len(account.entries) > 100
    assert hub.issues == []
    payouts = [r for r in hub.told().values() if isinstance(r, Payout)]
    assert len(payouts) == len(account.payouts) >= 2
    for payout in payouts:
        of_it = [e for e in entries(hub) if e.payout_ref == payout.ref]
        paid = [e.net.amount for e in of_it if e.entry != "payout"]
        own = [e.net.amount for e in of_it if e.entry == "payout"]
        assert sum(paid, Decimal(0)) == payout.amount.amount == -sum(own, Decimal(0))
        assert payout.state is PayoutState.PAID
        assert payout.amount.amount * 100 == account.payouts[payout.ref]["amount"]
    waiting = sum((e.net.amount for e in entries(hub) if e.payout_ref is None), Decimal(0))
    held = account.balance()
    assert waiting * 100 == sum(f["amount"] for side in held.values() for f in side)


async def test_entries_of_a_payout_come_in_pages(vendor: StripeVendor, hub: SmallHub) -> None:
    for _ in range(230):
        vendor.account.sell(1_000)
    vendor.clock.advance(3 * DAY_S)
    (payout,) = vendor.account.end_day()
    hub.wanted.append(Fetch(resource="payout_entries", ref=payout))
    assert await hub.fetch_wanted() == 231
    assert {e.payout_ref for e in entries(hub)} == {payout}
    # A later poll of the plain list does not take the payout away again.
    await hub.walk("balance_transactions")
    assert {e.payout_ref for e in entries(hub)} == {payout}


@pytest.mark.parametrize("seed", range(6))
async def test_webhooks_in_any_order_end_where_the_feed_and_the_backfill_end(seed: int) -> None:
    vendor = StripeVendor(ManualClock(), seed=seed)
    by_hooks, by_feed, by_pages = SmallHub(vendor), SmallHub(vendor), SmallHub(vendor)
    bodies: list[bytes] = []
    vendor.sinks.append(lambda event: bodies.append(event.body))
    trade(vendor, seed=seed)
    chance = random.Random(seed)
    heard = [*bodies, *chance.sample(bodies, len(bodies) // 3)]
    chance.shuffle(heard)
    for body in heard:
        by_hooks.hear(body)
    await by_feed.walk("events")
    vendor.clock.advance(120)
    for resource in pull._NOUNS:
        await by_pages.walk(resource)
    for each in (by_hooks, by_feed, by_pages):
        await each.fetch_wanted()
    for resource in ("balance_transactions",):
        await by_hooks.walk(resource)
        await by_feed.walk(resource)
    assert by_hooks.told() == by_feed.told()
    assert plain(by_hooks.told()) == plain(by_pages.told())


async def test_what_the_backfill_read_is_not_undone_by_older_deliveries(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    bodies: list[bytes] = []
    vendor.sinks.append(lambda event: bodies.append(event.body))
    dispute = vendor.account.dispute(vendor.account.sell(5_000))
    vendor.clock.advance(40 * DAY_S)  # so long that the feed no longer tells
    vendor.account.close_dispute(dispute, won=False)
    vendor.clock.advance(600)
    await hub.walk("disputes")
    for body in bodies[:-1]:
        hub.hear(body)
    found = hub.told()[f"dispute/{dispute}"]
    assert isinstance(found, Dispute)
    assert found.state is DisputeState.LOST


async def test_an_event_right_after_a_reading_wins_although_clocks_differ(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    ref = vendor.account.sell(5_000, capture=False)
    vendor.clock.advance(300)
    await hub.walk("charges")
    hub.vendor.clock.advance(0.4)
    bodies: list[bytes] = []
    vendor.sinks.append(lambda event: bodies.append(event.body))
    vendor.account.capture(ref)
    hub.hear(bodies[0])
    found = hub.told()[f"payment/{ref}"]
    assert isinstance(found, Payment)
    assert found.payment_kind is PaymentKind.SALE


async def test_old_objects_that_change_are_found_by_the_feed_alone(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    ref = vendor.account.sell(5_000)
    vendor.clock.advance(20 * DAY_S)
    since = vendor.now()
    made = vendor.account.refund({"charge": ref, "amount": "5000"})
    assert await hub.walk("charges", since) == 0
    assert await hub.walk("events", since) == 2
    assert f"payment/{made['id']}" in hub.told()


async def test_a_poll_with_overlap_reads_what_was_listed_late(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    vendor.listing_lag_s = 120
    vendor.account.sell(1_000)
    vendor.clock.advance(60)
    vendor.account.sell(2_000)
    vendor.clock.advance(65)
    assert await hub.walk("events", vendor.now() - timedelta(seconds=300)) == 1
    newest = vendor.now() - timedelta(seconds=125)
    vendor.clock.advance(60)
    assert await hub.walk("events", newest) == 2
    assert len(hub.told()) == 2


async def test_a_page_that_stripe_no_longer_knows_is_refused_so_that_the_walk_begins_anew(
    hub: SmallHub,
) -> None:
    request = pull.page_request("charges", None, "ch_gone")
    with pytest.raises(Refused):
        pull.page("charges", await hub.send(request))


async def test_an_object_that_is_gone_is_no_piece(hub: SmallHub) -> None:
    fetch = Fetch(resource="charges", ref="ch_gone")
    assert pull.fetched(fetch, await hub.send(pull.fetch_request(fetch))).pieces == ()


# -- webhooks ------------------------------------------------------------------------------------


async def test_all_topics_are_one_endpoint_and_its_deliveries_verify(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    secret = await hub.subscribe(URL)
    assert len(vendor.endpoints) == 1
    listed, cursor = hooks.listed(await hub.send(hooks.list_request(None)))
    assert cursor is None
    assert sorted(hook.topic for hook in listed) == sorted(pull.EVENT_TYPES)
    heard: list[tuple[str, bool]] = []

    async def door(request: httpx.Request) -> httpx.Response:
        delivery = Delivery(
            method="POST", url=URL, headers=dict(request.headers), body=request.content
        )
        try:
            scheme = VENDOR_SIGNATURES["stripe"].scheme
            verify(scheme, delivery, [Secret(value=secret.encode())], vendor.now())
        except SignatureInvalid:
            heard.append((identify({}, request.content).external_id, False))
            return httpx.Response(401)
        heard.append((identify({}, request.content).external_id, True))
        hub.hear(request.content)
        return httpx.Response(200)

    vendor.desk.faults = WebhookFaults(corrupt=0.3, repeat=0.3, reorder=0.3, delay_s_max=200)
    trade(vendor, sales=12)
    courier = vendor.courier(httpx.MockTransport(door))
    for _ in range(40):
        vendor.clock.advance(60)
        await courier.deliver_due()
    await courier.close()
    good = {ref for ref, believed in heard if believed}
    assert good == set(vendor.events)
    assert any(not believed for _, believed in heard)
    assert len(heard) > len(good)


async def test_an_endpoint_that_is_off_or_lacks_a_topic_is_not_taken_for_sound(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    await hub.subscribe(URL)
    (ref,) = vendor.endpoints
    vendor.endpoints[ref]["enabled_events"] = list(pull.EVENT_TYPES[1:])
    listed, _ = hooks.listed(await hub.send(hooks.list_request(None)))
    assert [hook.topic for hook in listed] == [hooks.INCOMPLETE]
    vendor.endpoints[ref]["enabled_events"] = ["*"]
    listed, _ = hooks.listed(await hub.send(hooks.list_request(None)))
    assert len(listed) == len(pull.EVENT_TYPES)
    vendor.disable_endpoint(ref)
    (stale,), _ = hooks.listed(await hub.send(hooks.list_request(None)))
    assert stale.topic == hooks.INCOMPLETE
    await hub.send(hooks.delete_request(stale))
    with pytest.raises(Refused):
        hooks.created(await hub.send(hooks.delete_request(stale)))
    vendor.clock.advance(DAY_S + 1)  # until then Stripe repeats its first answer
    await hub.subscribe(URL)
    assert len(vendor.endpoints) == 1


async def test_too_many_endpoints_are_stripes_own_reason(hub: SmallHub) -> None:
    for number in range(16):
        hub.vendor.clock.advance(2)
        await hub.subscribe(f"{URL}-{number}")
    hub.vendor.clock.advance(2)
    with pytest.raises(Refused, match="invalid_request_error"):
        await hub.subscribe(f"{URL}-17")


# -- refunds -------------------------------------------------------------------------------------


async def test_a_refund_is_done_and_its_record_is_linked(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    ref = vendor.account.sell(10_000)
    receipt = await carry_out(hub, command(ref, "25.50"))
    assert receipt.state is ReceiptState.DONE
    assert vendor.account.refunds[receipt.vendor_ref or ""]["amount"] == 2550
    await hub.walk("events")
    made = hub.told()[f"payment/{receipt.vendor_ref}"]
    assert isinstance(made, Payment)
    assert (made.payment_kind, made.parent_ref) == (PaymentKind.REFUND, ref)
    assert made.price.booked == Money(Decimal("25.50"), "EUR")


@pytest.mark.parametrize("by_intent", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        ApiFault(kind="reset", next_calls=1, operation="refund"),
        ApiFault(kind="reset_after_work", next_calls=1, operation="refund"),
        ApiFault(kind="reset_after_work", next_calls=2, operation="refund"),
        ApiFault(kind="timeout_after_work", next_calls=1, operation="refund"),
        ApiFault(kind="status", status=500, next_calls=2, operation="refund"),
        ApiFault(kind="throttled", next_calls=2, operation="refund"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.next_calls}",
)
async def test_through_every_fault_a_refund_is_made_once(
    vendor: StripeVendor, hub: SmallHub, fault: ApiFault, *, by_intent: bool
) -> None:
    ref = vendor.account.sell(10_000)
    payment = str(vendor.account.charges[ref]["payment_intent"]) if by_intent else ref
    vendor.strike(ApiFault(**{n: getattr(fault, n) for n in fault.__struct_fields__}))
    receipt = await carry_out(hub, command(payment, "25.00"))
    assert receipt.state is ReceiptState.DONE
    assert [r["amount"] for r in vendor.account.refunds.values()] == [2500]
    assert vendor.account.charges[ref]["amount_refunded"] == 2500


async def test_after_an_outage_of_three_days_it_is_still_made_once(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    """Stripe has forgotten the key by then; the refund is found by our name of it."""
    ref = vendor.account.sell(10_000)
    vendor.strike(ApiFault(kind="reset_after_work", next_calls=1, operation="refund"))
    with pytest.raises(httpx.TransportError):
        await hub.send(commands.command_request(command(ref, "25.00"), "key"))
    vendor.clock.advance(3 * DAY_S)
    reply = await hub.send(commands.find_request(command(ref, "25.00"), "other-key"))
    receipt = commands.found(command(ref, "25.00"), "other-key", reply)
    assert receipt.state is ReceiptState.DONE
    assert len(vendor.account.refunds) == 1
    other = commands.found(command(ref, "25.00", "cmd-2"), "key", reply)
    assert other.state is ReceiptState.LATER


async def test_many_at_once_under_one_key_make_one_refund(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    ref = vendor.account.sell(10_000)
    order = command(ref, "25.00")
    receipts = await asyncio.gather(*(carry_out(hub, order) for _ in range(10)))
    assert {r.state for r in receipts} == {ReceiptState.DONE}
    assert len({r.vendor_ref for r in receipts}) == len(vendor.account.refunds) == 1


async def test_a_key_in_use_or_used_otherwise_says_nothing_of_the_first_call(
    vendor: StripeVendor, hub: SmallHub
) -> None:
    ref = vendor.account.sell(10_000)
    order = command(ref, "25.00")
    request = commands.command_request(order, "key")
    vendor.busy_keys.add(dict(request.headers)["idempotency-key"])
    busy = commands.command_receipt(order, await hub.send(request))
    assert (busy.state, busy.code) == (ReceiptState.UNKNOWN, "idempotency_key_in_use")
    assert busy.after_s
    vendor.busy_keys.clear()
    await hub.send(request)
    again = command(ref, "30.00")
    reused = commands.command_receipt(again, await hub.send(commands.command_request(again, "key")))
    assert (reused.state, reused.code) == (ReceiptState.UNKNOWN, "idempotency_error")
    assert len(vendor.account.refunds) == 1


async def test_refusals_have_stripes_word(vendor: StripeVendor, hub: SmallHub) -> None:
    done = vendor.account.sell(1_000)
    vendor.account.refund({"charge": done})
    disputed = vendor.account.sell(1_000)
    vendor.account.dispute(disputed)
    small = vendor.account.sell(1_000)
    wanted = {
        done: "charge_already_refunded",
        disputed: "charge_disputed",
        "ch_gone": "resource_missing",
        small: "amount_too_large",
    }
    for number, (ref, code) in enumerate(wanted.items()):
        receipt = await carry_out(hub, command(ref, "99.00", f"cmd-{number}"))
        assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, code)
        assert receipt.message
    assert len(vendor.account.refunds) == 1


@pytest.mark.parametrize(
    ("well", "state"), [(True, ReceiptState.DONE), (False, ReceiptState.REFUSED)]
)
async def test_a_slow_refund_is_asked_about_until_it_is_decided(
    vendor: StripeVendor, hub: SmallHub, state: ReceiptState, *, well: bool
) -> None:
    ref = vendor.account.sell(10_000, method="sepa_debit")
    order = command(ref, "100.00")
    receipt = await carry_out(hub, order)
    assert receipt.state is ReceiptState.SUBMITTED
    made = receipt.vendor_ref or ""
    ask = commands.confirm_request(order, made)
    assert commands.confirmed(order, await hub.send(ask)).state is ReceiptState.SUBMITTED
    vendor.account.finish_refund(made, well=well)
    assert commands.confirmed(order, await hub.send(ask)).state is state
    await hub.walk("events")
    record = hub.told()[f"payment/{made}"]
    assert isinstance(record, Payment)
    assert record.state is (PaymentState.SUCCEEDED if well else PaymentState.FAILED)


# -- the line ------------------------------------------------------------------------------------


async def test_a_wrong_key_asks_the_human(hub: SmallHub) -> None:
    with pytest.raises(AuthExpired):
        await hub.send(api.check_request(), secrets={"api_key": "rk_test_wrong0000"})
    told = api.checked(await hub.send(api.check_request()))
    assert told == {"mode": "test", "currency": "EUR", "currencies": "EUR"}


async def test_over_the_limit_the_wait_is_sound(vendor: StripeVendor, hub: SmallHub) -> None:
    for _ in range(25):
        await hub.send(api.check_request())
    with pytest.raises(RateLimited) as caught:
        await hub.send(api.check_request())
    assert vendor.over_limit == 1
    vendor.clock.advance(caught.value.after_s)
    await hub.send(api.check_request())
