"""Settlement files: both layouts, every way to write amounts and instants, and what is no file."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.connectors.amazon.entry import entry_kind
from trueup.connectors.amazon.files import read_file
from trueup.connectors.amazon.mapping import map_source
from trueup.connectors.amazon.settlement import unreadable_piece
from trueup.contract.connector import Mapped, Piece, Source
from trueup.errors import ConfigError

FLAT = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "merchant-order-id"),
    *("amount-type", "amount-description", "amount", "posted-date", "posted-date-time"),
    *("order-item-code", "sku", "quantity-purchased", "promotion-id"),
)
OLD = (
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id", "posted-date"),
    *("order-item-code", "sku", "quantity-purchased", "price-type", "price-amount"),
    *("item-related-fee-type", "item-related-fee-amount", "other-fee-amount"),
    *("other-fee-reason-description", "other-amount"),
)
HEAD = {
    "settlement-id": "77",
    "settlement-start-date": "2026-03-01T00:00:00+00:00",
    "settlement-end-date": "2026-03-15T00:00:00+00:00",
    "deposit-date": "2026-03-17T00:00:00+00:00",
    "total-amount": "8.50",
    "currency": "EUR",
}


def row(columns: tuple[str, ...], **cells: str) -> str:
    return "\t".join(cells.get(name.replace("-", "_"), cells.get(name, "")) for name in columns)


def table(columns: tuple[str, ...], *rows: dict[str, str], head: dict[str, str] = HEAD) -> bytes:
    lines = ["\t".join(columns), row(columns, **head)]
    lines += [row(columns, **{"settlement-id": "77"} | each) for each in rows]
    return ("\n".join(lines) + "\n").encode()


SOLD = {"transaction-type": "Order", "order-id": "302-1", "posted-date": "2026-03-02"}
PRICE = SOLD | {"amount-type": "ItemPrice", "amount-description": "Principal", "amount": "10.00"}
FEE = SOLD | {"amount-type": "ItemFees", "amount-description": "Commission", "amount": "-1.50"}


def mapped(piece: Piece) -> Mapped:
    at = datetime(2026, 4, 1, tzinfo=UTC)
    return map_source(Source(topic=piece.topic, body=piece.body, received_at=at))


def records(content: bytes) -> list[Record]:
    found = [mapped(piece) for piece in read_file("amazon-settlement", content)]
    assert not [issue for each in found for issue in each.issues]
    return [record for each in found for record in each.records]


def test_the_newer_layout() -> None:
    more = {"sku": "LAMP", "quantity-purchased": "2", "order-item-code": "9"}
    payout, price, fee = records(table(FLAT, PRICE | more, FEE | more))
    assert isinstance(payout, Payout)
    assert isinstance(price, BalanceEntry)
    assert isinstance(fee, BalanceEntry)
    assert (payout.ref, str(payout.amount), payout.state) == (
        "77",
        "8.50 EUR",
        PayoutState.IN_TRANSIT,
    )
    assert str(payout.arrives_on) == "2026-03-17"
    assert (price.entry, price.quantity, price.sku) == (EntryKind.CHARGE, 2, "LAMP")
    assert (fee.entry, str(fee.net), fee.entry_code) == (
        EntryKind.FEE,
        "-1.50 EUR",
        "Order / ItemFees / Commission",
    )
    assert price.order_ref == "302-1"
    assert price.occurred_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert [link.value for link in price.links] == ["302-1", "77"]


def test_the_older_layout_with_two_amounts_in_a_row_and_units_in_a_row_of_their_own() -> None:
    sold = SOLD | {"order-item-code": "9", "sku": "LAMP"}
    content = table(
        OLD,
        sold | {"quantity-purchased": "3"},
        sold | {"price-type": "Principal", "price-amount": "10.00"},
        {
            "transaction-type": "ServiceFee",
            "item-related-fee-type": "Cost of Advertising",
            "item-related-fee-amount": "-1.25",
            "other-fee-reason-description": "TaxAmount",
            "other-fee-amount": "-0.25",
        },
    )
    _, price, ads, tax = records(content)
    assert isinstance(price, BalanceEntry)
    assert isinstance(ads, BalanceEntry)
    assert isinstance(tax, BalanceEntry)
    assert (price.quantity, price.ref) == (3, "77-3")
    assert (ads.entry, tax.entry) == (EntryKind.FEE, EntryKind.TAX)
    assert {ads.ref, tax.ref} == {"77-4", "77-4-1"}
    assert ads.occurred_at == datetime(2026, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10.00", "10.00"),
        ("10,00", "10.00"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("-0,01", "-0.01"),
        ("+7", "7.00"),
        ("\u22123,5", "-3.50"),
        (" 12.50 ", "12.50"),
    ],
)
def test_amounts_with_points_and_commas(text: str, amount: str) -> None:
    head = HEAD | {"total-amount": text}
    _, entry = records(table(FLAT, PRICE | {"amount": text}, head=head))
    assert isinstance(entry, BalanceEntry)
    assert entry.net.amount == Decimal(amount)
    assert str(entry.net.amount) == amount


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T14:23:00+00:00",
        "2026-03-02T15:23:00+01:00",
        "2026-03-02 14:23:00 UTC",
        "2026-03-02 14:23:00",
        "02.03.2026 14:23:00 UTC",
        "02.03.2026 14:23:00",
        "2026/03/02 14:23:00",
        "2026-03-02T14:23:00Z",
    ],
)
def test_instants_with_and_without_a_zone(text: str) -> None:
    cells = PRICE | {"posted-date-time": text, "amount": "8.50"}
    _, entry = records(table(FLAT, cells))
    assert isinstance(entry, BalanceEntry)
    assert entry.occurred_at == datetime(2026, 3, 2, 14, 23, tzinfo=UTC)


def test_rows_may_lack_columns_at_their_end_and_be_empty() -> None:
    content = table(FLAT, PRICE, FEE).decode().replace("\t\t\t\t\n", "\n") + "\n\t\t\n"
    assert len(records(content.encode())) == 3


def test_other_encodings_and_line_ends() -> None:
    content = table(FLAT, PRICE, FEE).replace(b"\n", b"\r\n")
    assert len(records(b"\xef\xbb\xbf" + content)) == 3
    western = table(FLAT, PRICE | {"sku": "Kissen-groß"}, FEE).decode().encode("cp1252")
    (_, entry, _) = records(western)
    assert isinstance(entry, BalanceEntry)
    assert entry.sku == "Kissen-groß"


def test_several_settlements_in_one_file_stay_apart() -> None:
    other = row(FLAT, **HEAD | {"settlement-id": "78", "total-amount": "0"})
    content = table(FLAT, PRICE, FEE) + other.encode()
    assert [r.ref for r in records(content) if isinstance(r, Payout)] == ["77", "78"]


def test_what_is_not_above_zero_is_not_sent() -> None:
    (payout,) = records(table(FLAT, head=HEAD | {"total-amount": "0"}))
    assert isinstance(payout, Payout)
    assert payout.state is PayoutState.PENDING


def test_a_sum_that_differs_is_told() -> None:
    first = read_file("amazon-settlement", table(FLAT, PRICE))[0]
    (issue,) = mapped(first).issues
    assert (issue.code, issue.expected[:8], issue.found[:9]) == (
        "amazon.settlement_sum_differs",
        "8.50 EUR",
        "10.00 EUR",
    )


def test_a_transfer_to_the_bank_is_no_part_of_the_sum() -> None:
    moved = {"transaction-type": "Transfer", "amount": "-8.50", "posted-date": "2026-03-17"}
    found = records(table(FLAT, PRICE, FEE, moved))
    last = found[-1]
    assert isinstance(last, BalanceEntry)
    assert last.entry is EntryKind.PAYOUT


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "settlement-id"),
        (b"a,b,c\n1,2,3", "settlement-id"),
        (table(FLAT).split(b"\n")[0], "settlement-id"),
        (table(FLAT, PRICE | {"amount": "ten"}), "amount"),
        (table(FLAT, PRICE | {"amount": "1e9"}), "amount"),
        (table(FLAT, PRICE | {"posted-date-time": "yesterday"}), "posted-date-time"),
        (table(FLAT, PRICE | {"quantity-purchased": "1.5"}), "quantity-purchased"),
        (table(FLAT, PRICE | {"settlement-id": " "}), "settlement-id"),
        (table(FLAT, head=HEAD | {"total-amount": ""}), "total-amount"),
        (table(FLAT, head=HEAD | {"currency": "euro"}), "currency"),
        (table(FLAT, head=HEAD | {"settlement-end-date": ""}), "settlement-end-date"),
        (table(FLAT, PRICE).replace(b"amount-type", b"currency"), "currency"),
        (table(FLAT, PRICE)[:-1] + b"\x00\n", ""),
        (table(FLAT, PRICE)[:-1] + b"\tx\n", ""),
    ],
)
def test_what_is_no_settlement_is_refused_with_its_place(content: bytes, where: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_file("amazon-settlement", content)
    assert refused.value.context["column"] == where
    piece = unreadable_piece("doc-1", refused.value)
    (issue,) = mapped(piece).issues
    assert issue.code == "amazon.settlement_unreadable"
    assert json.loads(piece.body)["report"] == "doc-1"


def test_another_format_is_refused() -> None:
    with pytest.raises(ConfigError):
        read_file("amazon-orders", b"")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("Order", "ItemPrice", "Principal"), EntryKind.CHARGE),
        (("Order", "ItemPrice", "GiftWrap"), EntryKind.CHARGE),
        (("Order", "ItemPrice", "Shipping"), EntryKind.SHIPPING),
        (("Order", "ItemPrice", "Tax"), EntryKind.TAX),
        (("Order", "ItemWithheldTax", "MarketplaceFacilitatorTax-Principal"), EntryKind.TAX),
        (("Order", "ItemFees", "Commission"), EntryKind.FEE),
        (("Order", "Promotion", "Principal"), EntryKind.PROMOTION),
        (("Refund", "ItemPrice", "Principal"), EntryKind.REFUND),
        (("Refund", "ItemPrice", "Goodwill"), EntryKind.ADJUSTMENT),
        (("Refund", "ItemFees", "RefundCommission"), EntryKind.FEE),
        (("A-to-z Guarantee Refund", "ItemPrice", "Principal"), EntryKind.DISPUTE),
        (("Chargeback Refund", "ItemPrice", "Principal"), EntryKind.DISPUTE),
        (("ServiceFee", "Cost of Advertising", "TransactionTotalAmount"), EntryKind.FEE),
        (("other-transaction", "other-transaction", "Subscription Fee"), EntryKind.FEE),
        (("other-transaction", "FBA Inventory Reimbursement", "X"), EntryKind.ADJUSTMENT),
        (("other-transaction", "other-transaction", "WAREHOUSE_LOST"), EntryKind.ADJUSTMENT),
        (
            ("other-transaction", "other-transaction", "Current Reserve Amount"),
            EntryKind.RESERVE_HELD,
        ),
        (
            ("other-transaction", "other-transaction", "Previous Reserve Amount Balance"),
            EntryKind.RESERVE_RELEASED,
        ),
        (("Successful charge", "Other", ""), EntryKind.TOP_UP),
        (("Transfer", "", ""), EntryKind.PAYOUT),
        (("Order", "ItemPrice", "Moon"), EntryKind.UNKNOWN),
        (("Moon", "ItemPrice", "Principal"), EntryKind.UNKNOWN),
        (("Order", "Moon", "Principal"), EntryKind.UNKNOWN),
        (("", "", ""), EntryKind.UNKNOWN),
    ],
)
def test_the_kinds_of_amounts(words: tuple[str, str, str], kind: EntryKind) -> None:
    assert entry_kind(*words) is kind
