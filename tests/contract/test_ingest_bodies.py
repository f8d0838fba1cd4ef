"""Whatever a person may have of a vendor's: one piece per record, and each becomes something.

Three forms of each vendor: what its webhook sends, what its API answers, one record alone; under
the vendor's topic, the connector's own, a plain word, or a wrong word where the body tells itself.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.canon.issue import Severity
from trueup.contract.connector import Mapped, Source
from trueup.contract.envelope import EMPTY, UNTOLD
from trueup.contract.loader import find_connectors
from trueup.contract.recognition import identify_piece, map_source, split_body

FOLDERS = find_connectors()
HANDED = {name: folder for name, folder in FOLDERS.items() if folder.forms is not None}
NOW = datetime(2026, 11, 21, tzinfo=UTC)
Told = tuple[str, Mapped]


def walk(connector: str, topic: str, body: bytes) -> list[Told]:
    """Take a body the whole way: split, identify, map; the same way twice."""
    folder = FOLDERS[connector]
    pieces = split_body(folder, topic, body)
    assert pieces, "no piece at all"
    assert pieces == split_body(folder, topic, body)
    found = []
    for piece in pieces:
        identified = identify_piece(folder, piece, NOW)
        assert identified == identify_piece(folder, piece, NOW)
        source = Source(
            topic=identified.topic,
            body=piece.body,
            received_at=NOW,
            raised_at=identified.raised_at,
        )
        mapped = map_source(folder, source)
        if mapped.records and identified.entity:
            assert mapped.records[0].entity() == identified.entity
        found.append((identified.topic, mapped))
    return found


def fate(mapped: Mapped) -> str:
    """Name what became of a piece: a kind of record, "fetch", "ignored", or an issue's code."""
    parked = [issue for issue in mapped.issues if issue.severity is Severity.ERROR]
    if parked:
        return parked[0].code
    if mapped.records:
        return mapped.records[0].kind
    if mapped.fetch:
        return "fetch"
    return "ignored" if mapped.ignored or mapped.issues else "unhandled"


def fates(connector: str, topic: str, body: object) -> list[str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [fate(mapped) for _, mapped in walk(connector, topic, raw)]


def sample(connector: str, name: str) -> Any:
    """Return a hand-written body."""
    raw = (FOLDERS[connector].folder / "samples" / name).read_bytes()
    return json.loads(raw) if name.endswith(".json") else raw


def _stripe() -> list[tuple[str, object, list[str]]]:
    event = sample("stripe", "event_charge.json")
    charge = sample("stripe", "charge_authorised.json")
    entry = sample("stripe", "balance_transaction.json")
    payout = sample("stripe", "event_payout.json")["data"]["object"]
    listed = {"object": "list", "url": "/v1/charges", "has_more": False, "data": [charge, charge]}
    feed = {"object": "list", "data": [event, sample("stripe", "event_refund.json")]}
    return [
        ("charge.succeeded", event, ["payment"]),
        ("orders", event, ["payment"]),
        ("charges", listed, ["payment", "payment"]),
        ("pull/charge", listed, ["payment", "payment"]),
        ("anything", feed, ["payment", "payment"]),
        ("anything", {"object": "list", "data": []}, ["ignored"]),
        ("anything", charge, ["payment"]),
        ("balance_transactions", entry, ["balance_entry"]),
        ("payout", payout, ["payout"]),
        ("x", [charge, entry], ["payment", "balance_entry"]),
        ("customers", {"id": "cus_1", "object": "customer"}, ["ignored"]),
        ("refund", {"id": 1}, ["stripe.field_type"]),
        ("x", {"error": {"type": "invalid_request_error"}}, ["ingest.topic_unknown"]),
    ]


def _zendesk() -> list[tuple[str, object, list[str]]]:
    piece = sample("zendesk", "ticket.json")
    ticket, users = piece["ticket"], piece["users"]
    ticket["url"] = f"https://example.zendesk.com/api/v2/tickets/{ticket['id']}.json"
    said = sample("zendesk", "comment.json")
    comments = {"comments": [said["comment"]], "users": said["users"], "count": 1}
    paged = comments | {"links": {"next": "https://x/api/v2/tickets/35436/comments.json?page=2"}}
    page = {"tickets": [ticket, ticket], "users": users, "count": 2, "next_page": None}
    return [
        ("zen:event-type:ticket.created", sample("zendesk", "event.json"), ["fetch"]),
        ("anything", sample("zendesk", "event.json"), ["fetch"]),
        ("tickets", page, ["ticket", "ticket"]),
        ("anything", page, ["ticket", "ticket"]),
        ("pull/ticket", page, ["ticket", "ticket"]),
        ("ticket", {"ticket": ticket}, ["ticket"]),
        ("x", piece, ["ticket"]),
        ("x", ticket, ["ticket"]),
        ("tickets", [ticket], ["ticket"]),
        ("users", {"users": users, "count": 1}, ["customer"]),
        ("x", {"user": users[0]}, ["customer"]),
        ("tickets/35436/comments", comments, ["message"]),
        ("comments", paged, ["message"]),
        ("comments", comments, ["ingest.topic_unknown"]),
        ("x", {"results": [ticket | {"result_type": "ticket"}], "count": 1}, ["ticket"]),
        ("tickets", {"tickets": [], "users": []}, ["ignored"]),
        ("x", {"macros": [{"id": 1}]}, ["ignored"]),
        ("x", {"id": 1, "url": "https://x.zendesk.com/api/v2/groups/1.json"}, ["ignored"]),
        ("ticket", {"id": "x"}, ["zendesk.field_invalid"]),
        ("x", {"id": 5}, ["ingest.topic_unknown"]),
    ]


def _woocommerce() -> list[tuple[str, object, list[str]]]:
    order, product = sample("woocommerce", "order.json"), sample("woocommerce", "product.json")
    here = {"self": [{"href": "https://shop.example/wp-json/wc/v3/orders/4101"}]}
    stock = sample("woocommerce", "level.json")["level"]
    return [
        ("order.updated", order, ["order"]),
        ("orders", [order, order], ["order", "order"]),
        ("pull/order", [order], ["order"]),
        ("anything", order | {"_links": here}, ["order"]),
        ("products", order | {"_links": here}, ["order"]),
        ("order", order, ["order"]),
        ("products", [product], ["product"]),
        ("customer", sample("woocommerce", "customer.json"), ["customer"]),
        ("stock", [stock], ["inventory_level"]),
        ("orders", {"orders": [order]}, ["order"]),
        ("orders", {"create": [order], "delete": [{"id": 5}]}, ["order", "order"]),
        ("orders", [], ["ignored"]),
        ("x", [order, order], ["ingest.topic_unknown"] * 2),
        ("orders", {"code": "rest_forbidden", "message": "no"}, ["woocommerce.field_invalid"]),
    ]


def _bigcommerce() -> list[tuple[str, object, list[str]]]:
    order = sample("bigcommerce", "order.json")
    head, level = sample("bigcommerce", "order_head.json"), sample("bigcommerce", "level.json")
    item = {"identity": level["identity"], "locations": [level["location"], level["location"]]}
    product = sample("bigcommerce", "product.json")
    customer = sample("bigcommerce", "customer.json")
    return [
        ("store/order/created", sample("bigcommerce", "hook_order.json"), ["fetch"]),
        ("x", sample("bigcommerce", "hook_order.json"), ["fetch"]),
        ("products", {"data": [product, product], "meta": {}}, ["product", "product"]),
        ("pull/product", {"data": [product], "meta": {}}, ["product"]),
        ("product", {"data": product, "meta": {}}, ["product"]),
        ("product", product, ["product"]),
        ("customers", {"data": [customer], "meta": {}}, ["customer"]),
        ("orders", [head, head], ["fetch", "fetch"]),
        ("order", order["order"], ["order"]),
        ("fetch/order", order, ["order"]),
        ("x", {"data": [item], "meta": {}}, ["inventory_level"] * 2),
        ("shipments", [sample("bigcommerce", "shipment.json")], ["shipment"]),
        ("transactions", {"data": [sample("bigcommerce", "payment.json")]}, ["payment"]),
        ("x", {"data": [product]}, ["ingest.topic_unknown"]),
        ("orders", {"data": [], "meta": {}}, ["ignored"]),
    ]


def _gorgias() -> list[tuple[str, object, list[str]]]:
    ticket, message = sample("gorgias", "ticket.json"), sample("gorgias", "message.json")
    whole = ticket | {"messages": [message, message]}
    bare = {name: value for name, value in ticket.items() if name not in {"uri", "messages"}}
    alone = {name: value for name, value in ticket.items() if name != "messages"}
    return [
        ("ticket-updated", sample("gorgias", "hook.json"), ["fetch"]),
        ("x", sample("gorgias", "hook.json"), ["fetch"]),
        ("tickets", {"data": [bare, bare], "object": "list", "meta": {}}, ["ticket", "ticket"]),
        ("pull/ticket", {"data": [alone], "meta": {}}, ["ticket"]),
        ("x", {"data": [alone], "meta": {}}, ["ticket"]),
        ("ticket", whole, ["ticket", "message", "message"]),
        ("messages", {"data": [message]}, ["message"]),
        ("x", message, ["message"]),
        ("x", {"data": [bare]}, ["ingest.topic_unknown"]),
        ("tickets", {"data": []}, ["ignored"]),
        ("tickets", {"id": 3, "uri": "/api/tags/3/"}, ["ignored"]),
    ]


def _quickbooks() -> list[tuple[str, object, list[str]]]:
    invoice, item = sample("quickbooks", "invoice.json"), sample("quickbooks", "item.json")
    journal = sample("quickbooks", "journal_entry.json")
    query = {"QueryResponse": {"Invoice": [invoice, invoice], "maxResults": 2}, "time": "x"}
    gone = {"Id": "9", "status": "Deleted", "domain": "QBO"}
    changes = {"CDCResponse": [{"QueryResponse": [{"Invoice": [invoice, gone]}, {}]}]}
    return [
        ("qbo.item", sample("quickbooks", "events.json")[:2], ["fetch", "fetch"]),
        ("x", sample("quickbooks", "events.json")[:1], ["fetch"]),
        ("x", query, ["invoice", "invoice"]),
        ("x", {"Item": item, "time": "x"}, ["product", "inventory_level"]),
        ("x", changes, ["invoice", "invoice"]),
        ("JournalEntry", journal, ["journal"]),
        ("journal_entries", [journal], ["journal"]),
        ("pull/Item", item, ["product"]),
        ("item", item, ["product", "inventory_level"]),
        ("x", {"Customer": {"Id": "1"}, "time": "x"}, ["ignored"]),
        ("x", {"QueryResponse": {}, "time": "x"}, ["ignored"]),
        ("x", invoice, ["ingest.topic_unknown"]),
        ("invoice", b"<IntuitResponse/>", ["quickbooks.body_malformed"]),
    ]


def _amazon() -> list[tuple[str, object, list[str]]]:
    order, listing = sample("amazon", "order_merchant.json"), sample("amazon", "listing.json")
    level = sample("amazon", "fba_level.json")
    place = {"granularityType": "Marketplace", "granularityId": level["marketplace"]}
    stock = {"payload": {"granularity": place, "inventorySummaries": [level["summary"]]}}
    pair = ["product", "inventory_level"]
    return [
        ("notification/ORDER_CHANGE", sample("amazon", "order_change.json"), ["fetch"]),
        ("x", sample("amazon", "order_change.json"), ["fetch"]),
        ("orders", {"orders": [order, order], "pagination": {}}, ["order", "order"]),
        ("x", {"order": order}, ["order"]),
        ("x", {"payload": {"orders": [order]}}, ["order"]),
        ("x", order, ["order"]),
        ("order", order, ["order"]),
        ("x", {"numberOfResults": 1, "items": [listing]}, pair),
        ("x", listing, pair),
        ("x", stock, ["location", "inventory_level"]),
        ("summaries", level["summary"], ["amazon.field_wrong"]),
        ("orders", {"orders": []}, ["ignored"]),
        ("x", {"payload": {"Orders": [{"AmazonOrderId": "1"}]}}, ["ingest.topic_unknown"]),
    ]


def _manual() -> list[tuple[str, object, list[str]]]:
    movement = sample("manual", "movement.json")
    return [
        ("stock/movement", movement, ["stock_movement"]),
        ("movements", [movement, movement], ["stock_movement"] * 2),
        ("movement", {"movement": movement}, ["stock_movement"]),
        ("x", movement, ["ingest.topic_unknown"]),
    ]


def _odoo() -> list[tuple[str, object, list[str]]]:
    product, invoice = sample("odoo", "product.json"), sample("odoo", "invoice.json")
    journal, level = sample("odoo", "journal.json"), sample("odoo", "level.json")
    usage = {"location_id": {"id": 8, "usage": "internal"}}
    stocked = {
        "id": 41,
        "default_code": "YARN-RED",
        "stock_quant_ids": [each | usage for each in level["quants"]],
    }
    return [
        ("product.product", {"length": 2, "records": [product, product]}, ["product"] * 2),
        ("products", [product], ["product"]),
        ("pull/product", product, ["product"]),
        ("x", {"jsonrpc": "2.0", "id": 1, "result": [invoice]}, ["invoice"]),
        ("account.move", [invoice, journal], ["invoice", "journal"]),
        ("invoices", journal, ["journal"]),
        ("inventory_levels", {"length": 1, "records": [stocked]}, ["inventory_level"]),
        ("pull/inventory_level", level, ["inventory_level"]),
        ("products", [product | {"currency_id": [1, "EUR"], "categ_id": False}], ["product"]),
        ("products", [product | {"currency_id": [1, "EUR", 2]}], ["odoo.field_invalid"]),
        ("products", {"length": 0, "records": []}, ["ignored"]),
        ("x", product, ["ingest.topic_unknown"]),
        ("products", {"error": "no"}, ["odoo.field_invalid"]),
    ]


def _slack() -> list[tuple[str, object, list[str]]]:
    whole = sample("slack", "message.json")
    said = {"type": "message", "user": "U1", "text": "hello", "ts": "1772532000.000100"}
    return [
        ("message", whole, ["message"]),
        ("x", whole, ["message"]),
        ("x", whole["event"], ["message"]),
        ("messages/C07", {"ok": True, "messages": [said, said]}, ["message", "message"]),
        ("messages", {"ok": True, "messages": [said]}, ["ingest.topic_unknown"]),
        ("x", {"type": "url_verification", "challenge": "a"}, ["ignored"]),
        ("x", {"ok": False, "error": "not_authed"}, ["ingest.topic_unknown"]),
    ]


def _whatsapp() -> list[tuple[str, object, list[str]]]:
    whole = sample("whatsapp", "text.json")
    change = whole["entry"][0]["changes"][0]
    two = whole | {"entry": whole["entry"] * 2}
    return [
        ("messages", whole, ["message"]),
        ("x", whole, ["message"]),
        ("x", two, ["message", "message"]),
        ("x", sample("whatsapp", "statuses.json"), ["message"] * 3),
        ("x", [whole, whole], ["message", "message"]),
        ("x", change, ["message"]),
        ("messages", change["value"], ["message"]),
        ("account_update", {"event": "ACCOUNT_DELETED"}, ["ignored"]),
        ("x", {"object": "whatsapp_business_account"}, ["ingest.topic_unknown"]),
        ("messages", {"entry": 5}, ["whatsapp.body_malformed"]),
    ]


def _twilio() -> list[tuple[str, object, list[str]]]:
    message = sample("twilio", "message_received.json")
    page = {"messages": [message, message | {"sid": "SM" + "7" * 32}], "next_page_uri": None}
    return [
        ("message", message, ["message"]),
        ("x", message, ["message"]),
        ("messages", page, ["message", "message"]),
        ("x", sample("twilio", "received.json"), ["fetch"]),
        ("status", sample("twilio", "status_sent.json"), ["ignored"]),
        ("x", {"code": 20404, "message": "not found"}, ["ingest.topic_unknown"]),
    ]


def _smtp() -> list[tuple[str, object, list[str]]]:
    return [
        ("dsn", sample("smtp", "bounce.eml"), ["message"]),
        ("bounces", sample("smtp", "bounce.eml"), ["message"]),
        ("x", sample("smtp", "bounce.eml"), ["ingest.topic_unknown"]),
        ("dsn", b"[1]", ["smtp.not_a_report"]),
    ]


def _easypost() -> list[tuple[str, object, list[str]]]:
    event = sample("easypost", "tracker_updated.json")
    tracker, shipment = event["result"], sample("easypost", "shipment.json")
    bare = {name: value for name, value in tracker.items() if name != "object"}
    return [
        ("tracker.updated", event, ["parcel"]),
        ("x", event, ["parcel"]),
        ("x", {"trackers": [tracker, tracker], "has_more": False}, ["parcel", "parcel"]),
        ("x", {"events": [event], "has_more": False}, ["parcel"]),
        ("x", {"events": [{"id": "evt_1", "object": "Event"}]}, ["ignored"]),
        ("x", tracker, ["parcel"]),
        ("tracker", bare, ["parcel"]),
        ("x", shipment, ["parcel"]),
        ("x", {"shipments": [shipment], "has_more": False}, ["parcel"]),
        ("x", {"id": "batch_1", "object": "Batch"}, ["ignored"]),
        ("x", {"trackers": [], "has_more": False}, ["ignored"]),
        ("x", {"error": {"code": "NOT_FOUND"}}, ["ingest.topic_unknown"]),
    ]


def _delhivery() -> list[tuple[str, object, list[str]]]:
    parcel, scan = (sample("delhivery", f"{n}.json") for n in ("parcel_delivered", "scan_pushed"))
    return [
        ("scan", scan, ["parcel"]),
        ("x", scan, ["parcel"]),
        ("x", {"ShipmentData": [parcel, parcel]}, ["parcel", "parcel"]),
        ("x", parcel, ["parcel"]),
        ("x", parcel["Shipment"], ["parcel"]),
        ("parcels", parcel, ["parcel"]),
        ("x", {"ShipmentData": []}, ["ignored"]),
        ("x", {"Error": "no such waybill"}, ["ingest.topic_unknown"]),
    ]


def _shiprocket() -> list[tuple[str, object, list[str]]]:
    push = sample("shiprocket", "tracking_delivered.json")
    reading, row = (sample("shiprocket", f"{n}.json") for n in ("reading_returned", "row"))
    return [
        ("tracking", push, ["parcel"]),
        ("x", push, ["parcel"]),
        ("x", reading, ["parcel"]),
        ("x", {"19000000000055": reading, "19000000000056": reading}, ["parcel", "parcel"]),
        ("shipments", {"data": [row, row], "meta": {}}, ["fetch", "fetch"]),
        ("x", row, ["fetch"]),
        ("x", {"data": []}, ["ignored"]),
        ("x", {"message": "Unauthenticated"}, ["ingest.topic_unknown"]),
    ]


_MAKERS: dict[str, Callable[[], list[tuple[str, object, list[str]]]]] = {
    "amazon": _amazon,
    "bigcommerce": _bigcommerce,
    "delhivery": _delhivery,
    "easypost": _easypost,
    "gorgias": _gorgias,
    "manual": _manual,
    "odoo": _odoo,
    "quickbooks": _quickbooks,
    "shiprocket": _shiprocket,
    "slack": _slack,
    "smtp": _smtp,
    "stripe": _stripe,
    "twilio": _twilio,
    "whatsapp": _whatsapp,
    "woocommerce": _woocommerce,
    "zendesk": _zendesk,
}
CASES = [
    pytest.param(name, topic, body, expected, id=f"{name}-{number}-{topic}")
    for name, make in _MAKERS.items()
    for number, (topic, body, expected) in enumerate(make())
]


@pytest.mark.parametrize(("connector", "topic", "body", "expected"), CASES)
def test_each_form_of_a_body_becomes_what_it_is(
    connector: str, topic: str, body: object, expected: list[str]
) -> None:
    assert fates(connector, topic, body) == expected


def test_every_connector_with_forms_is_tried() -> None:
    assert HANDED.keys() == _MAKERS.keys()


@pytest.mark.parametrize("connector", sorted(HANDED))
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\xff\xfe", b"null", b"7", b'"x"', b"{", b"[[[]]]", b"{}", b"[1,null]"),
        *(b"[" * 5000, b'{"a":' * 5000, b'{"data":[1,{"data":2}]}', b'{"object":7,"id":[]}'),
        *(b'{"tickets":[1]}', b'{"QueryResponse":[[1]]}', b'{"entry":[{"changes":[]}]}'),
        *(b'{"payload":{"payload":{}}}', b'{"Shipment":1}', b'{"event":{"type":"message"}}'),
    ],
)
def test_a_hostile_body_is_never_lost(connector: str, body: bytes) -> None:
    for topic in ("", "x", "order", "tickets", "pull/order", "messages"):
        for _, mapped in walk(connector, topic, body):
            assert fate(mapped) != "unhandled"
            assert fate(mapped) not in {"order", "ticket"}


@pytest.mark.parametrize("connector", sorted(HANDED))
def test_an_unknown_topic_is_told_with_all_that_are_known(connector: str) -> None:
    ((topic, mapped),) = walk(connector, "no such thing", b'{"note":"of a person"}')
    (issue,) = mapped.issues
    assert topic == f"{UNTOLD}no such thing"
    assert (issue.code, issue.found) == ("ingest.topic_unknown", "no such thing")
    forms = HANDED[connector].forms
    assert forms is not None
    assert all(noun in issue.how_to_fix for noun in forms.nouns)


@pytest.mark.parametrize("connector", sorted(HANDED))
def test_every_topic_of_a_table_is_read(connector: str) -> None:
    forms = HANDED[connector].forms
    assert forms is not None
    assert set(forms.words.values()) <= forms.nouns.keys()
    for topics in forms.nouns.values():
        assert set(topics) <= forms.topics
    for topic in forms.topics:
        (piece,) = split_body(HANDED[connector], topic, b'{"none":1}')
        assert piece.topic == topic
        source = Source(topic=topic, body=piece.body, received_at=NOW)
        ignored = map_source(HANDED[connector], source).ignored or ""
        assert "nothing in the hub reads" not in ignored, topic


TELLING = {"stripe": {"events"}, "amazon": {"notifications"}, "quickbooks": {"deletions"}}
"""Resources whose bodies differ in kind, and say themselves what they are."""


@pytest.mark.parametrize("connector", sorted(HANDED))
def test_every_resource_that_is_pulled_is_a_word(connector: str) -> None:
    folder = HANDED[connector]
    assert folder.forms is not None
    resources = {pull.resource for pull in folder.manifest.pull} - TELLING.get(connector, set())
    for word in sorted(resources):
        noun = folder.forms.noun_of(f"pull/{word}")
        assert noun is not None, word
        assert folder.forms.noun_of(word.title().replace("_", "")) == noun


def test_an_empty_list_says_that_it_is_empty() -> None:
    ((topic, mapped),) = walk("stripe", "charges", b"[]")
    assert topic == f"{EMPTY}charges"
    assert mapped.ignored == "the list holds nothing"
