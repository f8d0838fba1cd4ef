"""Payouts of the simulated shop: each is the sum of its lines, to the cent, and all are read."""

import asyncio
import random
from decimal import Decimal

import httpx
import pytest

from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.connectors.shopify import api, pull
from trueup.connectors.shopify.mapping import map_source
from trueup.connectors.shopify.webhook import identify_piece
from trueup.contract.connector import Fetch, Piece, Reply, Request, Source
from trueup.errors import Refused
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands, payouts
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.shop import SCOPES, Shop, ShopSettings

BASE = "http://sandbox/north/admin/api/2026-07"
DAY_S = 86_400


def opened(**settings: object) -> tuple[Sandbox, Shop]:
    sandbox = Sandbox(ManualClock())
    shop = sandbox.open_shop(ShopSettings(handle="north", points_per_s=2000, **settings))  # type: ignore[arg-type]
    sandbox.seed([SkuSeed(sku="TEE", title="Tee", available=5_000, price="19.99")])
    return sandbox, shop


def send(sandbox: Sandbox, request: Request) -> Reply:
    async def go() -> Reply:
        ready = api.authorise(request, {"access_token": "shpat_sandbox"})
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            answer = await client.post(
                BASE + ready.path, content=ready.body, headers=dict(ready.headers)
            )
        return Reply(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    reply = asyncio.run(go())
    api.judge(reply)
    return reply


def mean(sandbox: Sandbox, piece: Piece) -> Record:
    mapped = map_source(Source(topic=piece.topic, body=piece.body, received_at=sandbox.clock.now()))
    (record,) = mapped.records
    assert mapped.issues == ()
    assert record.entity() == identify_piece(piece).entity
    return record


def walk(sandbox: Sandbox, resource: str) -> list[Record]:
    cursor, found = None, []
    while True:
        page = pull.page(resource, send(sandbox, pull.page_request(resource, None, cursor)))
        found += [mean(sandbox, piece) for piece in page.pieces]
        sandbox.clock.advance(1)
        cursor = page.next_cursor
        if cursor is None:
            return found


def trade(sandbox: Sandbox, shop: Shop, days: int, seed: int) -> None:
    chance = random.Random(seed)
    for day in range(days):
        for _ in range(chance.randint(2, 12)):
            sandbox.clock.advance(600)
            cart = Cart(lines=[CartLine(sku="TEE", quantity=chance.randint(1, 4))])
            sold = sandbox.do("north", commands.Checkout(cart=cart))
            if chance.random() < 0.3:
                back = commands.Refund(order=sold.order, units={"TEE": 1}, restock_type="cancel")
                sandbox.do("north", back)
        if day % 3 == 1:
            payouts.adjust(shop, "DISPUTE_WITHDRAWAL", Decimal("-19.99"))
            payouts.adjust(shop, "CHARGEBACK_FEE", Decimal("-15.00"))
            payouts.adjust(shop, "SHIPPING_LABEL", Decimal("-4.37"))
        if day % 4 == 2:
            payouts.adjust(shop, "ADJUSTMENT", Decimal("1.50"), fee=Decimal("0.25"))
        sandbox.clock.advance(DAY_S)
        paid_out = payouts.end_day(shop)
        if paid_out is not None:
            payouts.arrive(shop, paid_out, well=chance.random() < 0.9)


@pytest.mark.parametrize("seed", range(5))
def test_each_payout_is_the_sum_of_its_lines_to_the_cent(seed: int) -> None:
    sandbox, shop = opened()
    trade(sandbox, shop, 14, seed)
    told = [each for each in walk(sandbox, "payouts") if isinstance(each, Payout)]
    lines = [e for e in walk(sandbox, "balance_transactions") if isinstance(e, BalanceEntry)]
    account = payouts.account_of(shop)
    assert len(told) == len(account.payouts) > 5
    assert len(lines) == len(account.lines) > 50  # more than a page
    for payout in told:
        of_it = [line for line in lines if line.payout_ref == payout.ref]
        parts = [line.net.amount for line in of_it if line.entry is not EntryKind.PAYOUT]
        own = [line.net.amount for line in of_it if line.entry is EntryKind.PAYOUT]
        assert sum(parts, Decimal(0)) == payout.amount.amount == -sum(own, Decimal(0))
        assert all((line.gross - line.fee) == line.net for line in of_it)
    kinds = {line.entry for line in lines}
    assert {
        EntryKind.CHARGE,
        EntryKind.REFUND,
        EntryKind.DISPUTE,
        EntryKind.FEE,
        EntryKind.SHIPPING,
        EntryKind.ADJUSTMENT,
        EntryKind.RESERVE_HELD,
        EntryKind.RESERVE_RELEASED,
    } <= kinds
    paid = {p.ref for p in told if p.state is PayoutState.PAID}
    assert paid == {str(p.id) for p in account.payouts.values() if p.status == "PAID"}


def test_a_charge_names_the_order_and_the_payment_that_the_order_tells() -> None:
    sandbox, shop = opened()
    sold = sandbox.do(
        "north", commands.Checkout(cart=Cart(lines=[CartLine(sku="TEE", quantity=2)]))
    )
    payouts.end_day(shop)
    (charge,) = [
        e
        for e in walk(sandbox, "balance_transactions")
        if isinstance(e, BalanceEntry) and e.entry is EntryKind.CHARGE
    ]
    order = shop.orders[sold.order_id]
    assert {link.value for link in charge.links} >= {order.name}
    assert charge.payment_ref == str(order.transactions[0].id)
    assert charge.gross.amount == order.transactions[0].amount.shop


def test_a_line_that_waits_gets_its_payout_on_a_later_poll() -> None:
    sandbox, shop = opened()
    line = payouts.adjust(shop, "ADJUSTMENT", Decimal("5.00"))
    (before,) = walk(sandbox, "balance_transactions")
    assert isinstance(before, BalanceEntry)
    assert before.payout_ref is None
    payout = payouts.end_day(shop)
    assert payout is not None
    after = {e.ref: e for e in walk(sandbox, "balance_transactions")}[str(line.id)]
    assert isinstance(after, BalanceEntry)
    assert after.payout_ref == str(payout.id)
    assert after.updated_at == before.updated_at  # the later asking decides
    one = Fetch(resource="balance_transactions", ref=str(line.id))
    (piece,) = pull.fetched(one, send(sandbox, pull.fetch_request(one))).pieces
    assert mean(sandbox, piece) == after
    whole = Fetch(resource="payouts", ref=str(payout.id))
    (piece,) = pull.fetched(whole, send(sandbox, pull.fetch_request(whole))).pieces
    assert mean(sandbox, piece) in walk(sandbox, "payouts")


def test_a_failed_payout_pays_its_money_out_again() -> None:
    sandbox, shop = opened()
    payouts.adjust(shop, "ADJUSTMENT", Decimal("5.00"))
    first = payouts.end_day(shop)
    assert first is not None
    payouts.arrive(shop, first, well=False)
    second = payouts.end_day(shop)
    assert second is not None
    assert second.net == Decimal("5.00")
    states = {p.ref: p.state for p in walk(sandbox, "payouts") if isinstance(p, Payout)}
    assert states == {
        str(first.id): PayoutState.FAILED,
        str(second.id): PayoutState.PENDING,
    }


def test_a_debt_is_a_withdrawal_below_zero() -> None:
    sandbox, shop = opened()
    payouts.adjust(shop, "DISPUTE_WITHDRAWAL", Decimal("-19.99"))
    payouts.end_day(shop)
    (payout,) = walk(sandbox, "payouts")
    assert isinstance(payout, Payout)
    assert payout.amount.amount == Decimal("-19.99")


def test_a_shop_without_shopify_payments_answers_nothing_and_that_is_no_fault() -> None:
    sandbox, _ = opened()
    assert walk(sandbox, "payouts") == walk(sandbox, "balance_transactions") == []


def test_a_shop_that_never_granted_payouts_is_connected_and_reads_all_else() -> None:
    scopes = tuple(scope for scope in SCOPES if "payments" not in scope)
    sandbox, shop = opened(scopes=scopes)
    payouts.adjust(shop, "ADJUSTMENT", Decimal("5.00"))
    learnt = api.checked(send(sandbox, api.check_request()))
    assert learnt["missing_scopes"] == ""
    for resource in ("payouts", "balance_transactions"):
        with pytest.raises(Refused, match="read_shopify_payments_payouts"):
            walk(sandbox, resource)
    assert len(walk_raw(sandbox, "products")) == 1


def walk_raw(sandbox: Sandbox, resource: str) -> tuple[Piece, ...]:
    return pull.page(resource, send(sandbox, pull.page_request(resource, None, None))).pieces
