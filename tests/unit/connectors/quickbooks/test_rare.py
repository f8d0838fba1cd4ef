"""What rarely comes from QuickBooks, and must be told apart all the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from trueup.canon.command import DraftPurchase
from trueup.canon.journal import Invoice, InvoiceState, Journal
from trueup.canon.payment import Payment, PaymentKind
from trueup.canon.product import Product
from trueup.canon.purchase import PurchaseOrder, PurchaseState
from trueup.connectors.quickbooks import api, auth, commands, mapping, pull, webhook
from trueup.contract.connector import (
    Command,
    Fetch,
    Mapped,
    Piece,
    ReceiptState,
    Reply,
    Request,
    Source,
)
from trueup.contract.grant import Grant
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ContractBroken,
    RateLimited,
    Refused,
    Unavailable,
)

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
META = {"LastUpdatedTime": "2026-11-20T02:00:00-08:00", "CreateTime": "2026-11-20T01:00:00-08:00"}
GIVEN = {"client_secret": "s"}
SETTINGS = {"client_id": "c"}


def mean(topic: str, body: object) -> Mapped:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return mapping.map_source(Source(topic=topic, body=raw, received_at=AT))


def test_the_home_currency_counts_where_nothing_else_is_told() -> None:
    bill = document(CurrencyRef=None)
    item = {"Id": "2", "MetaData": META, "UnitPrice": 12.90, "PurchaseCost": 4.355}
    for home, code, price in (("EUR", "EUR", "EUR"), ("", "XXX", None)):
        settings = {"home_currency": home}
        sources = [
            Source(topic=t, body=json.dumps(b).encode(), received_at=AT, settings=settings)
            for t, b in (("pull/Bill", bill), ("pull/Item", item))
        ]
        (record,) = mapping.map_source(sources[0]).records
        (product,) = mapping.map_source(sources[1]).records
        assert isinstance(record, Invoice)
        assert isinstance(product, Product)
        assert record.currency == code
        cost = product.variants[0].cost
        assert (cost.currency if cost else None) == price


def document(**more: Any) -> dict[str, Any]:
    told = {
        "Id": "1",
        "MetaData": META,
        "CurrencyRef": {"value": "USD"},
        "TotalAmt": 1,
        "Balance": 1,
    }
    return told | more


@pytest.mark.parametrize("written", ["0.1", "123456789012.34", "1e2", "0.30", "-0.005"])
def test_an_amount_keeps_every_digit_of_its_text(written: str) -> None:
    line = f'{{"Id": "1", "Amount": {written}, "DetailType": "SalesItemLineDetail"}}'
    body = json.dumps(document(Line=[])).replace('"Line": []', f'"Line": [{line}]')
    (invoice,) = mean("pull/Invoice", body.encode()).records
    assert isinstance(invoice, Invoice)
    assert invoice.lines[0].amount.amount.as_tuple() == Decimal(written).as_tuple()


@pytest.mark.parametrize(
    "name", ["Invoice", "Payment", "PurchaseOrder", "JournalEntry", "Item", "ItemLevel"]
)
@pytest.mark.parametrize("meta", [None, {}, {"LastUpdatedTime": "0001-01-01T00:00:00+14:00"}])
def test_what_has_no_last_change_is_no_record(name: str, meta: object) -> None:
    told = mean(f"pull/{name}", document(MetaData=meta, TxnDate="2026-11-20"))
    assert [issue.code for issue in told.issues] == ["quickbooks.field_invalid"]
    assert not told.records


@pytest.mark.parametrize("amount", ["NaN", "1e400", "9" * 60, "1e-40", None])
@pytest.mark.parametrize("name", ["Invoice", "Payment"])
def test_an_amount_that_is_none_leaves_no_record(name: str, amount: str | None) -> None:
    told = mean(f"pull/{name}", document(TotalAmt=amount))
    assert [issue.code for issue in told.issues] == ["quickbooks.field_invalid"]


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"Balance": None}, InvoiceState.UNKNOWN),
        ({"Balance": 0}, InvoiceState.PAID),
        ({"PrivateNote": "Voided - by Mia"}, InvoiceState.VOIDED),
        ({"TotalAmt": 0, "Balance": 0, "PrivateNote": "Annul\u00e9"}, InvoiceState.VOIDED),
    ],
)
def test_the_state_of_an_invoice(more: dict[str, Any], state: InvoiceState) -> None:
    (invoice,) = mean("pull/Invoice", document(**more)).records
    assert isinstance(invoice, Invoice)
    assert invoice.state is state


def test_a_bundle_is_its_parts_and_an_odd_country_is_no_code() -> None:
    part = {"Amount": 4, "DetailType": "SalesItemLineDetail"}
    group = {"DetailType": "GroupLineDetail", "GroupLineDetail": {"Line": [part, part]}}
    told = mean("pull/Invoice", document(Line=[group], BillAddr={"Country": "USA"}))
    (invoice,) = told.records
    assert isinstance(invoice, Invoice)
    assert [line.ref for line in invoice.lines] == ["0.0", "0.1"]
    assert invoice.person is None


def test_a_voided_payment_a_card_and_an_unknown_purchase() -> None:
    charge = {"CreditChargeResponse": {"CCTransId": "ch_9"}}
    (payment,) = mean("pull/Payment", document(TotalAmt=0, CreditCardPayment=charge)).records
    assert isinstance(payment, Payment)
    assert payment.payment_kind is PaymentKind.VOID
    assert [link.value for link in payment.links] == ["ch_9"]
    detail = {"ItemBasedExpenseLineDetail": {"Qty": 1.5}}
    told = mean("pull/PurchaseOrder", document(POStatus="Lost", Line=[{}, detail]))
    (order,) = told.records
    assert isinstance(order, PurchaseOrder)
    assert (order.state, order.lines[0].quantity) == (PurchaseState.UNKNOWN, 0)
    codes = {issue.code for issue in told.issues}
    assert codes == {"quickbooks.state_unknown", "quickbooks.quantity_fraction"}
    (closed,) = mean(
        "pull/PurchaseOrder",
        document(POStatus="Closed", Line=[{"ItemBasedExpenseLineDetail": {"Qty": 3}}]),
    ).records
    assert isinstance(closed, PurchaseOrder)
    assert closed.lines[0].quantity_received == 3


def test_journals_that_do_not_balance_or_have_no_side() -> None:
    def line(side: str, amount: float) -> dict[str, Any]:
        detail = {"PostingType": side, "AccountRef": {"value": "1"}}
        return {"Amount": amount, "JournalEntryLineDetail": detail}

    words = {"DetailType": "DescriptionOnly", "Description": "a word"}
    told = mean("pull/JournalEntry", document(TxnDate="2026-11-20", Line=[words, line("Debit", 1)]))
    (journal,) = told.records
    assert isinstance(journal, Journal)
    assert [issue.code for issue in told.issues] == ["quickbooks.journal_unbalanced"]
    for odd in (line("Sideways", 1), {"Amount": 1}):
        told = mean("pull/JournalEntry", document(TxnDate="2026-11-20", Line=[odd]))
        assert [issue.code for issue in told.issues] == ["quickbooks.field_invalid"]


def test_what_is_not_read_is_ignored_with_a_reason() -> None:
    assert mean("pull/Item", document(Type="Category")).ignored
    assert mean("pull/ItemLevel", document(Type="Service")).ignored
    assert mean("pull/Deposit", document()).ignored
    gone = {"Id": "7", "status": "Deleted"}
    assert mean("pull/ItemLevel", gone).ignored
    for name in ("Item", "Payment"):
        (record,) = mean(f"fetch/{name}", gone).records
        assert (record.deleted, record.updated_at) == (True, AT)


def test_pages_and_readings_that_are_not_quickbooks_own() -> None:
    def reply(body: object, status: int = 200) -> Reply:
        return Reply(status=status, headers={}, body=json.dumps(body).encode())

    bodies: list[object] = [
        *([], {"QueryResponse": []}, {"QueryResponse": {"Invoice": {}}}, {}),
        {"QueryResponse": {"Invoice": [1]}},
    ]
    for body in bodies:
        with pytest.raises(ContractBroken):
            pull.page("invoices", reply(body))
    with pytest.raises(ContractBroken):
        pull.page("deletions", reply({}))
    with pytest.raises(ContractBroken):
        pull.count("invoices", reply({"QueryResponse": {"totalCount": "many"}}))
    rows = [{"Id": "1"}] * pull.PAGE_SIZE
    with pytest.raises(ContractBroken):
        pull.page("invoices", reply({"QueryResponse": {"Invoice": rows}}))
    full = {"Invoice": [document()] * pull.CHANGES_MAX}
    with pytest.raises(Refused, match="Too many"):
        pull.page("deletions", reply({"CDCResponse": [{"QueryResponse": [full]}]}))
    fault = {"Fault": {"Error": [{"code": "4001", "Message": "no"}], "type": "ValidationFault"}}
    with pytest.raises(Refused):
        pull.page("invoices", reply(fault, 400))
    with pytest.raises(Refused):
        pull.fetched(Fetch(resource="Bill", ref="1"), reply(fault, 400))
    with pytest.raises(ContractBroken):
        pull.fetched(Fetch(resource="Bill", ref="1"), reply({"Invoice": {}}))
    gone = {"Fault": {"Error": [{"code": "610"}]}}
    (piece,) = pull.fetched(Fetch(resource="Bill", ref="1/2"), reply(gone, 400)).pieces
    assert json.loads(piece.body) == {"Id": "2", "status": "Deleted", "domain": "QBO"}
    for resource, cursor in (("ghosts", None), ("bills", "x|y")):
        with pytest.raises(Refused):
            pull.page_request(resource, None, cursor)
    for wish in (Fetch(resource="Ghost", ref="1"), Fetch(resource="Bill", ref="../1")):
        with pytest.raises(Refused):
            pull.fetch_request(wish)
    assert pull.count_request("deletions", AT) is None


def test_the_line_is_judged_by_status_and_code() -> None:
    small = {"fault": {"error": [{"message": "m", "detail": "d", "code": "003001"}]}}
    with pytest.raises(RateLimited) as caught:
        api.judge(Reply(status=403, headers={"retry-after": "9"}, body=json.dumps(small).encode()))
    assert caught.value.after_s == 9
    for status, error in (
        (401, AuthExpired),
        (403, AuthExpired),
        (500, Unavailable),
        (404, Refused),
        (400, Refused),
    ):
        with pytest.raises(error):
            api.judge(Reply(status=status, headers={}, body=b"<html>"))
    for wait in ("x", "-1", "inf"):
        with pytest.raises(RateLimited) as caught:
            api.judge(Reply(status=429, headers={"retry-after": wait}, body=b""))
        assert caught.value.after_s == 60
    assert api.budget(Reply(status=200, headers={}, body=b"")) is None
    assert api.base_url({"environment": "sandbox"}).startswith("https://sandbox-")
    with pytest.raises(ContractBroken):
        api.checked(Reply(status=200, headers={}, body=b"[]"))


def test_nobody_is_spoken_for_but_the_company_that_let_us_in() -> None:
    own = api.authorise(api.check_request(), {"realm_id": "12", "access_token": "t"})
    assert own.path.startswith("/v3/company/12/companyinfo/12?")
    with pytest.raises(ConfigError):
        api.authorise(api.check_request(), {})
    other = pull.fetch_request(Fetch(resource="Bill", ref="99/1"))
    with pytest.raises(Refused, match="another company"):
        api.authorise(other, {"realm_id": "12", "access_token": "t"})
    aside = Request(method="GET", path="/elsewhere")
    assert api.authorise(aside, {"realm_id": "12"}).path == "/elsewhere"


def test_the_callback_is_of_the_company_that_was_connected() -> None:
    url = auth.authorise_url(SETTINGS, GIVEN, "st", "https://hub.example/back")
    assert url.startswith("https://appcenter.intuit.com/connect/oauth2?client_id=c&")
    assert auth.callback_settings({"realmId": "12"}) == {"realm_id": "12"}
    assert auth.callback_settings({"realmId": "x"}) == {}
    for query in ({}, {"code": "c"}, {"code": "c", "realmId": "1/2"}):
        with pytest.raises(Refused):
            auth.callback_code(SETTINGS, GIVEN, query)
    with pytest.raises(Refused, match="another company"):
        auth.callback_code(SETTINGS | {"realm_id": "9"}, GIVEN, {"code": "c", "realmId": "12"})
    for settings, secrets in ((SETTINGS, {}), ({}, GIVEN)):
        with pytest.raises(ConfigError):
            auth.authorise_url(settings, secrets, "st", "https://hub.example/back")
    with pytest.raises(ConfigError):
        auth.token_request(SETTINGS, GIVEN, Grant(kind="client"))


def test_deliveries_are_taken_apart_and_known_by_their_events() -> None:
    event = {
        "id": "e1",
        "type": "qbo.bill.created.v1",
        "intuitentityid": "7",
        "time": "2026-11-20T10:00:00.123456789Z",
    }
    body = json.dumps([event, event | {"id": "e2"}]).encode()
    assert [p.topic for p in webhook.split("", body)] == ["qbo.bill", "qbo.bill"]
    whole = webhook.identify({}, body)
    assert (whole.topic, whole.external_id.startswith("sha256:")) == ("qbo", True)
    one = webhook.identify({}, json.dumps([event]).encode())
    assert (one.external_id, one.entity) == ("e1", "invoice/7")
    assert one.raised_at is not None
    assert webhook.split("", b"[]") == (Piece(topic="", body=b"[]"),)
    odd = webhook.identify_piece(Piece(topic="qbo.bill", body=b'{"time": "yesterday"}'))
    assert (odd.entity, odd.raised_at) == ("", None)
    late = webhook.identify_piece(
        Piece(topic="qbo.bill", body=b'{"time": "0001-01-01T00:00:00+14:00"}')
    )
    assert late.raised_at is None
    pulled = webhook.identify_piece(Piece(topic="pull/Bill", body=b"{"))
    assert pulled.entity == ""


def test_replies_to_a_journal() -> None:
    content = DraftPurchase(number="1", supplier_ref="1", currency="USD", lines=())
    wish = Command(kind="journal.post", key="k", ref="r", content=content, wanted_at=AT)
    with pytest.raises(Refused):
        commands.command_request(wish, "key")
    stale = {"Fault": {"Error": [{"code": "5010", "Message": "Stale Object Error"}]}}
    for status, body, state in (
        (400, json.dumps(stale).encode(), ReceiptState.LATER),
        (200, b"<html>", ReceiptState.UNKNOWN),
    ):
        reply = Reply(status=status, headers={}, body=body)
        assert commands.command_receipt(wish, reply).state is state
