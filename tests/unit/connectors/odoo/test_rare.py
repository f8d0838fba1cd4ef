"""What rarely comes from Odoo, and must be told apart all the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trueup.canon.command import (
    CommandContent,
    DraftPurchase,
    PostJournal,
    PostJournalLine,
    SendMessage,
)
from trueup.canon.journal import Invoice, InvoiceKind, InvoiceState
from trueup.canon.product import Product
from trueup.connectors.odoo import api, commands, mapping, pull
from trueup.contract.connector import Command, Fetch, Mapped, ReceiptState, Reply, Source
from trueup.errors import AuthExpired, ContractBroken, RateLimited, Refused, Unavailable
from trueup.kernel.money import Money

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
STAMP = "2026-11-20 10:00:00"
EUR = {"id": 1, "name": "EUR"}
ERROR = b'{"name": "odoo.exceptions.UserError", "message": "no"}'


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=AT))


def invoice(**more: Any) -> dict[str, Any]:
    told = {"id": 1, "write_date": STAMP, "move_type": "out_invoice", "state": "posted"}
    money = {"currency_id": EUR, "amount_total": 1.5, "payment_state": "not_paid"}
    return told | money | more


@pytest.mark.parametrize("written", ["0.1", "123456789012.34", "1e2", "0.30", "4.3549999999"])
def test_an_amount_keeps_every_digit_of_its_text(written: str) -> None:
    body = json.dumps(invoice(amount_total=7)).replace(
        '"amount_total": 7', f'"amount_total": {written}'
    )
    (record,) = mean("pull/invoice", body.encode()).records
    assert isinstance(record, Invoice)
    assert record.total.amount.as_tuple() == Decimal(written).as_tuple()


@pytest.mark.parametrize(
    "topic", ["location", "product", "supplier_item", "purchase_order", "invoice", "journal"]
)
@pytest.mark.parametrize("stamp", [False, "yesterday", "9" * 40, True, None])
def test_what_has_no_last_change_is_no_record(topic: str, stamp: object) -> None:
    told = mean(f"pull/{topic}", {"id": 1, "write_date": stamp})
    assert [issue.code for issue in told.issues] == ["odoo.field_invalid"]


@pytest.mark.parametrize("amount", [False, True, "NaN", "1e400", "9" * 60, "1e-40"])
def test_an_amount_that_is_none_leaves_no_invoice(amount: object) -> None:
    told = mean("pull/invoice", invoice(amount_total=amount))
    assert [issue.code for issue in told.issues] == ["odoo.field_invalid"]
    assert mean("pull/invoice", invoice(currency_id=False)).issues


@pytest.mark.parametrize(
    ("more", "state", "issues"),
    [
        ({"state": "cancel"}, InvoiceState.VOIDED, []),
        ({"state": "frozen"}, InvoiceState.UNKNOWN, ["odoo.state_unknown"]),
        ({"payment_state": "reversed"}, InvoiceState.VOIDED, []),
        ({"payment_state": "haggled"}, InvoiceState.UNKNOWN, ["odoo.state_unknown"]),
        ({"invoice_line_ids": [{"id": 1}]}, InvoiceState.OPEN, ["odoo.field_invalid"]),
    ],
)
def test_the_state_of_an_invoice(
    more: dict[str, Any], state: InvoiceState, issues: list[str]
) -> None:
    told = mean("pull/invoice", invoice(**more))
    (record,) = told.records
    assert isinstance(record, Invoice)
    assert (record.state, [issue.code for issue in told.issues]) == (state, issues)


def test_moves_that_are_not_read_and_journals_that_are_odd() -> None:
    assert mean("pull/invoice", invoice(move_type="in_refund")).ignored
    journal = {"id": 3, "write_date": STAMP, "move_type": "entry", "state": "posted"}
    assert mean("pull/journal", journal).issues
    lines = [{"id": 1, "balance": 1.0, "account_id": False}, {"id": 2, "display_type": "line_note"}]
    whole = journal | {"date": "2026-11-20", "company_currency_id": EUR, "line_ids": lines}
    told = mean("pull/journal", whole)
    assert [issue.code for issue in told.issues] == ["odoo.journal_unbalanced"]
    assert mean("pull/journal", whole | {"company_currency_id": {"id": 1, "name": "Euro"}}).issues
    assert mean("pull/ghost", {}).ignored
    assert mean("pull/ghost", b"[]").issues


def test_moves_between_places_that_are_not_ours_change_nothing() -> None:
    shop = {"id": 1, "usage": "customer"}
    moved = {"id": 1, "write_date": STAMP, "product_id": {"id": 4}}
    assert mean("pull/stock_move", moved | {"location_id": shop, "location_dest_id": False}).ignored
    assert mean("pull/stock_move", moved | {"product_id": False}).ignored
    told = mean("pull/supplier_item", {"id": 1, "write_date": STAMP, "partner_id": False})
    assert told.issues
    odd = {"id": 1, "write_date": STAMP, "partner_id": {"id": 7}, "delay": 1.5}
    assert [i.code for i in mean("pull/supplier_item", odd).issues] == ["odoo.quantity_fraction"]
    bare = {"id": 1, "write_date": STAMP, "weight": 0, "lst_price": 3, "currency_id": False}
    (product,) = mean("pull/product", bare).records
    assert isinstance(product, Product)
    assert (product.variants[0].price, product.variants[0].weight_g) == (None, None)


def test_levels_of_quants_that_have_no_number() -> None:
    quant = {"id": 1, "write_date": STAMP, "quantity": False}
    told = mean("pull/inventory_level", {"product": 4, "location": 8, "quants": [quant]})
    assert [issue.code for issue in told.issues] == ["odoo.quantity_fraction"]
    (level,) = mean("fetch/inventory_level", {"product": 4, "location": 8}).records
    assert level.updated_at == AT  # an empty place whose reading nobody dated


def test_pages_and_readings_that_are_not_odoos_own() -> None:
    def reply(body: object, status: int = 200) -> Reply:
        return Reply(status=status, headers={}, body=json.dumps(body).encode())

    fetch = Fetch(resource="inventory_level", ref="4@8")
    bodies: list[object] = [[], {"records": {}}, {"records": [{"id": "x"}]}]
    for body in bodies:
        with pytest.raises(ContractBroken):
            pull.page("products", reply(body))
    with pytest.raises(ContractBroken):
        pull.fetched(fetch, reply({}))
    with pytest.raises(ContractBroken):
        pull.fetched(fetch, reply([{"id": 5}]))
    with pytest.raises(ContractBroken):
        pull.count("products", reply("many"))
    assert pull.fetched(fetch, reply([])).pieces == ()
    assert pull.count_request("inventory_levels", AT) is None
    nowhere = {"id": 4, "stock_quant_ids": [{"id": 1, "location_id": False}]}
    assert pull.page("inventory_levels", reply({"records": [nowhere]})).pieces == ()
    for resource, cursor in (("ghosts", None), ("products", "x")):
        with pytest.raises(Refused):
            pull.page_request(resource, None, cursor)
    with pytest.raises(Refused):
        pull.fetch_request(Fetch(resource="ghost", ref="1@2"))


def test_the_line_is_judged_by_status_and_odoos_own_words() -> None:
    api.judge(Reply(status=422, headers={}, body=ERROR))
    for status, body, error in (
        (401, ERROR, AuthExpired),
        (403, b"<html>", AuthExpired),
        (404, ERROR, Refused),
        (409, ERROR, Unavailable),
        (409, b"<html>", Refused),
        (422, b"<html>", Refused),
        (500, ERROR, Unavailable),
    ):
        with pytest.raises(error):
            api.judge(Reply(status=status, headers={}, body=body))
    for wait, after_s in (("7", 7), ("x", 5), ("-1", 5), ("1e9", 3600)):
        with pytest.raises(RateLimited) as caught:
            api.judge(Reply(status=429, headers={"retry-after": wait}, body=b""))
        assert caught.value.after_s == after_s
    assert api.budget(Reply(status=200, headers={}, body=b"")) is None
    assert api.base_url({"url": "https://odoo.example/"}) == "https://odoo.example"
    bare = api.authorise(api.check_request(), {"api_key": "k"})
    assert "x-odoo-database" not in dict(bare.headers)
    with pytest.raises(ContractBroken):
        api.checked(Reply(status=200, headers={}, body=b'{"records": [1]}'))
    assert api.checked(Reply(status=200, headers={}, body=b'{"records": []}'))["account"] == "Odoo"


def order(content: CommandContent, **target: str) -> Command:
    return Command(
        kind="journal.post",
        key="k",
        ref="r",
        content=content,
        wanted_at=AT,
        target=target,
    )


def journal(account: str = "1", amount: str = "1") -> PostJournal:
    money = Money(Decimal(amount), "EUR")
    lines = tuple(PostJournalLine(account_ref=account, amount=each) for each in (money, -money))
    return PostJournal(number="1", posted_on=AT.date(), lines=lines)


DRAFT = DraftPurchase(number="1", supplier_ref="7", currency="EUR", lines=(("A", 1, None),))


def test_what_can_not_be_said_to_odoo() -> None:
    other = Money(Decimal(1), "USD")
    cases = (
        order(SendMessage(to="a@b.example")),
        order(journal("bank"), currency="EUR"),
        order(journal(amount="0.0000001"), currency="EUR"),
        order(DraftPurchase(number="1", supplier_ref="Garn", currency="EUR", lines=DRAFT.lines)),
        order(DraftPurchase(number="1", supplier_ref="7", currency="EUR", lines=())),
        order(
            DraftPurchase(number="1", supplier_ref="7", currency="EUR", lines=(("A", 1, other),))
        ),
    )
    for wish in cases:
        with pytest.raises(Refused):
            commands.command_request(wish, "key")
    request = commands.command_request(order(journal(), currency="EUR", journal_id="7"), "key")
    (values,) = json.loads(request.body)["vals_list"]
    assert (values["journal_id"], values["line_ids"][1][2]["credit"]) == (7, 1)
    with pytest.raises(Refused):
        commands.confirm_request(order(DRAFT), "1")


@pytest.mark.parametrize(
    ("content", "status", "body", "state"),
    [
        (journal(), 200, b"[5]", ReceiptState.SUBMITTED),
        (journal(), 200, b"5", ReceiptState.SUBMITTED),
        (journal(), 200, b"[5, 6]", ReceiptState.UNKNOWN),
        (journal(), 200, b"<html>", ReceiptState.UNKNOWN),
        (journal(), 422, ERROR, ReceiptState.REFUSED),
        (journal(), 422, b"<html>", ReceiptState.UNKNOWN),
        (DRAFT, 200, b'{"ids": [5]}', ReceiptState.DONE),
        (DRAFT, 200, b'{"ids": false, "messages": [{"message": 5}, {}]}', ReceiptState.REFUSED),
        (DRAFT, 200, b"<html>", ReceiptState.UNKNOWN),
    ],
)
def test_replies_to_what_was_ordered(
    content: CommandContent, status: int, body: bytes, state: ReceiptState
) -> None:
    reply = Reply(status=status, headers={}, body=body)
    assert commands.command_receipt(order(content), reply).state is state


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([{"id": 5, "state": "posted"}], ReceiptState.DONE),
        ([{"id": 5, "state": "draft"}], ReceiptState.SUBMITTED),
        ([{"id": 5, "state": "cancel"}], ReceiptState.REFUSED),
        ([{"id": "x"}], ReceiptState.UNKNOWN),
        ([], ReceiptState.UNKNOWN),  # nothing says when it was answered
    ],
)
def test_what_a_lookup_finds(rows: list[dict[str, Any]], state: ReceiptState) -> None:
    reply = Reply(status=200, headers={}, body=json.dumps({"records": rows}).encode())
    assert commands.found(order(journal()), "key", reply).state is state


def test_a_kind_of_move_that_nobody_knows_is_unknown_and_names_nothing() -> None:
    told = mean("pull/invoice", invoice(move_type="in_barter", ref="1001", invoice_origin="S1"))
    (record,) = told.records
    assert isinstance(record, Invoice)
    assert record.invoice is InvoiceKind.UNKNOWN
    assert record.links == ()
    assert [issue.code for issue in told.issues] == ["odoo.state_unknown"]


def test_a_line_without_an_amount_is_told_and_a_note_is_none() -> None:
    lines = [
        {"id": 5, "display_type": "line_note", "name": "thanks"},
        {"id": 6, "display_type": "product", "price_subtotal": False, "quantity": 1},
        {"id": 7, "display_type": "product", "price_subtotal": 1.5, "quantity": 1},
    ]
    told = mean("pull/invoice", invoice(invoice_line_ids=lines))
    (record,) = told.records
    assert isinstance(record, Invoice)
    assert [line.ref for line in record.lines] == ["7"]
    (issue,) = told.issues
    assert issue.pointer == "/invoice_line_ids/1/price_subtotal"


def test_a_state_of_a_purchase_that_nobody_knows_is_unknown() -> None:
    body = {"id": 3, "name": "P3", "write_date": STAMP, "state": "haggling", "currency_id": EUR}
    told = mean("pull/purchase_order", body)
    assert [record.state.value for record in told.records] == ["unknown"]  # type: ignore[attr-defined] - a purchase
    assert "odoo.state_unknown" in [issue.code for issue in told.issues]


@pytest.mark.parametrize("body", [b'{"id": "\\u0000"}', b"[]", b"\xff", b"{" * 5_000])
def test_a_body_that_is_none_is_told_as_malformed(body: bytes) -> None:
    told = mean("pull/invoice", body)
    assert told.records == ()
    assert told.issues
    assert mean("pull/nothing", b'{"id": 1}').ignored
