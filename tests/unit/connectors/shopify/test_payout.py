"""Goal: payouts, lines and disputes of Shopify Payments are exact, and no word is guessed."""

import gzip
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.support.leftout import SHARED
from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import (
    BalanceEntry,
    Dispute,
    DisputeState,
    EntryKind,
    Payout,
    PayoutState,
)
from trueup.connectors.shopify import api, pull
from trueup.connectors.shopify.ledger import entry_kind
from trueup.connectors.shopify.mapping import map_source
from trueup.contract.connector import Fetch, Mapped, Reply, Source
from trueup.errors import AuthExpired, ContractBroken, Refused

AT = datetime(2026, 11, 21, tzinfo=UTC)
NODE: dict[str, Any] = {
    "id": "gid://shopify/ShopifyPaymentsPayout/5",
    "issuedAt": "2026-11-20T00:00:00Z",
    "status": "SCHEDULED",
    "net": {"amount": "43.12", "currencyCode": "USD"},
}
LINE: dict[str, Any] = {
    "id": "gid://shopify/ShopifyPaymentsBalanceTransaction/7",
    "type": "CHARGE",
    "transactionDate": "2026-11-19T10:00:00Z",
    "amount": {"amount": "10.0", "currencyCode": "USD"},
    "fee": {"amount": "0.59", "currencyCode": "USD"},
    "net": {"amount": "9.41", "currencyCode": "USD"},
}


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return map_source(Source(topic=topic, body=raw, received_at=AT))


def payout(**more: Any) -> Payout:
    (record,) = mean("pull/payout", NODE | more).records
    assert isinstance(record, Payout)
    return record


def line(**more: Any) -> BalanceEntry:
    (record,) = mean("pull/balance_transaction", LINE | more).records
    assert isinstance(record, BalanceEntry)
    return record


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SCHEDULED", PayoutState.PENDING),
        ("IN_TRANSIT", PayoutState.IN_TRANSIT),
        ("PAID", PayoutState.PAID),
        ("FAILED", PayoutState.FAILED),
        ("CANCELED", PayoutState.CANCELLED),
    ],
)
def test_a_payout_has_a_state(word: str, state: PayoutState) -> None:
    assert payout(status=word).state is state


def test_an_unknown_state_is_unknown_and_an_issue() -> None:
    mapped = mean("pull/payout", NODE | {"status": "ON_THE_MOON"})
    assert isinstance(mapped.records[0], Payout)
    assert mapped.records[0].state is PayoutState.UNKNOWN
    assert [i.code for i in mapped.issues] == ["shopify.payout_status_unknown"]


def test_a_withdrawal_is_below_zero_however_its_sign_is_told() -> None:
    for amount in ("43.12", "-43.12"):
        net = {"amount": amount, "currencyCode": "USD"}
        told = payout(net=net, transactionType="WITHDRAWAL")
        assert told.amount.amount == Decimal("-43.12")
    assert payout(transactionType="DEPOSIT").amount.amount == Decimal("43.12")


def test_the_banks_number_is_a_link() -> None:
    found = payout(externalTraceId="TRACE5")
    assert found.bank_ref == "TRACE5"
    assert found.links == (Link(LinkSpace.PAYOUT, "5"), Link(LinkSpace.PAYOUT, "TRACE5"))
    assert payout().links == (Link(LinkSpace.PAYOUT, "5"),)


def test_a_line_names_its_order_payment_and_payout() -> None:
    found = line(
        associatedOrder={"name": "#1001"},
        adjustmentsOrders=[{"name": "#1001"}, {"name": "#1002"}, {"name": None}],
        sourceOrderTransactionId="900",
        associatedPayout={"id": "gid://shopify/ShopifyPaymentsPayout/5"},
    )
    assert found.links == (
        Link(LinkSpace.ORDER, "#1001"),
        Link(LinkSpace.ORDER, "#1002"),
        Link(LinkSpace.PAYMENT, "900"),
        Link(LinkSpace.PAYOUT, "5"),
    )
    assert (found.payment_ref, found.payout_ref) == ("900", "5")
    waiting = line(associatedPayout={"id": None}, sourceId=33)
    assert (waiting.payment_ref, waiting.payout_ref, waiting.links) == ("33", None, ())


def test_figures_that_do_not_add_up_are_kept_and_told() -> None:
    net = {"amount": "9.42", "currencyCode": "USD"}
    mapped = mean("pull/balance_transaction", LINE | {"net": net})
    assert [i.code for i in mapped.issues] == ["shopify.entry_mismatch"]
    assert line(net=net).net.amount == Decimal("9.42")
    mixed = mean("pull/balance_transaction", LINE | {"fee": {"amount": "1", "currencyCode": "EUR"}})
    assert mixed.records == ()
    assert mixed.issues


def test_a_line_without_a_fee_of_its_own_has_the_difference() -> None:
    rest = {"id": 1, "type": "charge", "currency": "USD", "amount": "10.00", "net": "9.00"}
    (record,) = mean("payout_transactions/read", rest | {"processed_at": "2026-11-19"}).records
    assert isinstance(record, BalanceEntry)
    assert record.fee.amount == Decimal("1.00")


@pytest.mark.parametrize(
    ("word", "amount", "kind"),
    [
        ("CHARGE", "1", EntryKind.CHARGE),
        ("refund", "-1", EntryKind.REFUND),
        ("dispute", "-1", EntryKind.DISPUTE),
        ("dispute", "1", EntryKind.DISPUTE_WON),
        ("DISPUTE_REVERSAL", "1", EntryKind.DISPUTE_WON),
        ("reserve", "-1", EntryKind.RESERVE_HELD),
        ("RESERVED_FUNDS", "1", EntryKind.RESERVE_RELEASED),
        ("RESERVED_FUNDS_WITHDRAWAL", "-1", EntryKind.RESERVE_HELD),
        ("TRANSFER", "-1", EntryKind.PAYOUT),
        ("TRANSFER_FAILURE", "1", EntryKind.PAYOUT_FAILED),
        ("CHARGEBACK_FEE", "-15", EntryKind.FEE),
        ("SHIPPING_LABEL", "-4", EntryKind.SHIPPING),
        ("unknown", "1", None),
        ("TRANSFER_REFUND", "1", None),
        ("SOMETHING_NEW", "1", None),
    ],
)
def test_a_type_has_a_kind_and_an_unknown_one_has_none(
    word: str, amount: str, kind: EntryKind | None
) -> None:
    assert entry_kind(word, Decimal(amount)) is kind


def test_an_unknown_type_is_unknown_and_an_issue() -> None:
    mapped = mean("pull/balance_transaction", LINE | {"type": "SOMETHING_NEW"})
    assert [i.code for i in mapped.issues] == ["shopify.entry_type_unknown"]
    assert line(type="SOMETHING_NEW").entry is EntryKind.UNKNOWN


@pytest.mark.shared
def test_every_published_type_but_one_has_a_kind() -> None:
    path = SHARED / "specs/shopify/admin-graphql/2026-07/schema.graphql.gz"
    text = re.sub(r'"""(.|\n)*?"""', "", gzip.decompress(path.read_bytes()).decode())
    body = text.partition("enum ShopifyPaymentsTransactionType {")[2].partition("}")[0]
    words = body.split()
    unknown = {word for word in words if entry_kind(word, Decimal(-1)) is None}
    print(f"\n{len(words)} types")
    assert len(words) > 90
    # Nothing says what it is.
    assert unknown == {"TRANSFER_REFUND"}


@pytest.mark.parametrize(
    ("word", "kind", "state"),
    [
        ("needs_response", "chargeback", DisputeState.NEEDS_RESPONSE),
        ("needs_response", "inquiry", DisputeState.WARNING),
        ("under_review", "INQUIRY", DisputeState.WARNING),
        ("won", "inquiry", DisputeState.WON),
        ("lost", "chargeback", DisputeState.LOST),
        ("accepted", None, DisputeState.ACCEPTED),
    ],
)
def test_a_dispute_has_a_state(word: str, kind: str | None, state: DisputeState) -> None:
    body = {"id": 1, "type": kind, "amount": "5.00", "currency": "USD", "status": word}
    (record,) = mean("disputes/update", body).records
    assert isinstance(record, Dispute)
    assert (record.state, record.updated_at, record.order_ref) == (state, AT, None)


def test_an_unknown_state_of_a_dispute_is_an_issue() -> None:
    body = {"id": 1, "order_id": 0, "amount": "5.00", "currency": "USD", "status": "asleep"}
    mapped = mean("disputes/create", body)
    assert [i.code for i in mapped.issues] == ["shopify.dispute_status_unknown"]


@pytest.mark.parametrize(
    ("status", "state"),
    [("needs_response", DisputeState.UNKNOWN), ("lost", DisputeState.LOST)],
)
def test_an_unknown_type_of_a_dispute_is_an_issue(status: str, state: DisputeState) -> None:
    body = {"id": 1, "type": "nap", "amount": "5.00", "currency": "USD", "status": status}
    mapped = mean("disputes/create", body)
    assert isinstance(mapped.records[0], Dispute)
    assert mapped.records[0].state is state
    assert [i.code for i in mapped.issues] == ["shopify.dispute_type_unknown"]


@pytest.mark.parametrize("stamp", ["yesterday", "2026-13-01", "2026-11-19T10:00:00", "", "0" * 99])
def test_a_time_that_is_none_parks_the_line(stamp: str) -> None:
    mapped = mean("pull/balance_transaction", LINE | {"transactionDate": stamp})
    assert mapped.records == ()
    assert [i.severity for i in mapped.issues] == ["error"]


def test_an_amount_without_a_currency_parks_the_payout() -> None:
    assert mean("pull/payout", NODE | {"net": {"amount": "1"}}).records == ()


# -- the line ------------------------------------------------------------------------------------


def reply(body: object) -> Reply:
    return Reply(status=200, headers={}, body=msgspec.json.encode(body))


def test_a_shop_without_shopify_payments_has_no_payouts_and_no_fault() -> None:
    none = reply({"data": {"shopifyPaymentsAccount": None}})
    for resource in ("payouts", "balance_transactions"):
        assert pull.page(resource, none).pieces == ()
    odd = reply({"data": {"shopifyPaymentsAccount": {}}})
    with pytest.raises(ContractBroken):
        pull.page("payouts", odd)


def test_a_page_has_its_stamp_and_its_place() -> None:
    info = {"hasNextPage": True, "endCursor": "abc"}
    account = {"payouts": {"nodes": [NODE], "pageInfo": info}}
    page = pull.page("payouts", reply({"data": {"shopifyPaymentsAccount": account}}))
    assert (page.next_cursor, page.latest_at) == ("abc", datetime(2026, 11, 20, tzinfo=UTC))
    lines = {"balanceTransactions": {"nodes": [LINE], "pageInfo": {}}}
    page = pull.page("balance_transactions", reply({"data": {"shopifyPaymentsAccount": lines}}))
    assert page.latest_at == datetime(2026, 11, 19, 10, tzinfo=UTC)


def test_pages_ask_by_their_own_stamp() -> None:
    for resource, field in (("payouts", "issued_at"), ("balance_transactions", "processed_at")):
        body = json.loads(pull.page_request(resource, AT, None).body)
        assert body["variables"]["query"] == f"{field}:>='2026-11-21T00:00:00Z'"


def test_one_payout_is_read_by_its_id() -> None:
    fetch = Fetch(resource="payouts", ref="5")
    assert b"gid://shopify/ShopifyPaymentsPayout/5" in pull.fetch_request(fetch).body
    assert pull.fetched(fetch, reply({"data": {"node": NODE}})).pieces[0].topic == "fetch/payout"
    assert pull.fetched(fetch, reply({"data": {"node": None}})).pieces == ()


def denied(*paths: list[str]) -> Reply:
    errors = [
        {"message": "Access denied", "path": path, "extensions": {"code": "ACCESS_DENIED"}}
        for path in paths
    ]
    return reply({"errors": errors, "data": {"shopifyPaymentsAccount": None}})


def test_a_missing_scope_of_payouts_is_a_refusal_that_names_it() -> None:
    for paths in (["shopifyPaymentsAccount"], ["shopifyPaymentsAccount", "payouts"]):
        with pytest.raises(Refused, match="read_shopify_payments_payouts"):
            api.judge(denied(paths))
    with pytest.raises(AuthExpired):
        api.judge(denied(["orders"]))
    with pytest.raises(AuthExpired):
        api.judge(denied(["shopifyPaymentsAccount"], ["orders"]))


@pytest.mark.shared
def test_the_recorded_denial_is_a_refusal() -> None:
    folder = SHARED / "payloads/shopify/admin-graphql-captures/2025-01/payments"
    told = json.loads((folder / "shopify-payments-account-access-denied.json").read_bytes())
    with pytest.raises(Refused, match="Shopify Payments"):
        api.judge(reply({"errors": told["errors"], "data": told["data"]}))
