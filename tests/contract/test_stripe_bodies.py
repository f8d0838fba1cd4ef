"""Every body of Stripe's under ../shared becomes a record, a named issue, or is left aside."""

import json
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from tests.support.stripe_bodies import RECORDED, recorded, rows, seeds
from trueup.canon.payout import BalanceEntry, Payout
from trueup.canon.record import Record
from trueup.connectors.stripe.mapping import map_source
from trueup.connectors.stripe.webhook import identify_piece
from trueup.contract.connector import Mapped, Piece, Source
from trueup.quality.subject import RAISED_AT, RECEIVED_AT

# Bodies that are not of the shape that Stripe documents: very old, or in the form of the database
# of the library that they were taken from (amounts as text).
ODD = {
    ("webhook-events/charge.dispute.closed.json", "stripe.field_missing", "/id"),
    ("webhook-events/charge.dispute.updated.json", "stripe.field_missing", "/id"),
    ("webhook-events/charge.updated.json", "stripe.field_missing", "/status"),
    ("dj-stripe/dispute_ch_fakefakefakefake01.json", "stripe.field_type", "/amount"),
    ("dj-stripe/payout_custom_card.json", "stripe.field_type", "/amount"),
}


def mean(topic: str, body: bytes) -> Mapped:
    source = Source(topic=topic, body=body, received_at=RECEIVED_AT, raised_at=RAISED_AT)
    mapped = map_source(source)
    assert mapped == map_source(source)
    return mapped


@pytest.mark.shared
def test_every_body_maps_or_is_a_named_issue() -> None:
    table: dict[str, Counter[str]] = defaultdict(Counter)
    codes: Counter[str] = Counter()
    odd = set()
    for name, topic, body in recorded():
        folder = name.partition("/")[0]
        mapped = mean(topic, body)
        entity = identify_piece(Piece(topic=topic, body=body)).entity
        assert {record.entity() for record in mapped.records} <= {entity}, name
        codes.update(issue.code for issue in mapped.issues)
        odd |= {(name, issue.code, issue.pointer.rstrip("`")) for issue in mapped.issues}
        column = "mapped" if mapped.records else "issue" if mapped.issues else "ignored"
        table[folder].update(["bodies", column if mapped != Mapped() else "unhandled"])
    print(f"\n{'stripe':18}{'bodies':>8}{'mapped':>8}{'issue':>8}{'ignored':>9}{'unhandled':>11}")
    for folder, row in sorted(table.items()):
        counts = [row[name] for name in ("bodies", "mapped", "issue", "ignored", "unhandled")]
        print(f"{folder:18}{counts[0]:>8}{counts[1]:>8}{counts[2]:>8}{counts[3]:>9}{counts[4]:>11}")
    print("issues by code:", dict(codes))
    assert sum(row["unhandled"] for row in table.values()) == 0
    assert odd == ODD
    assert len(table) == len([path for path in RECORDED.iterdir() if path.is_dir()])
    assert table["warehouse-seeds"]["mapped"] == table["warehouse-seeds"]["bodies"] > 50


@pytest.mark.shared
def test_amounts_of_the_warehouse_are_exact_to_the_cent() -> None:
    for noun, told in seeds():
        record = one(noun, told)
        if isinstance(record, BalanceEntry):
            assert record.gross.amount * 100 == told["amount"]
            assert record.net.amount * 100 == told["net"]
            assert record.gross - record.fee == record.net
        if isinstance(record, Payout):
            assert record.amount.amount * 100 == told["amount"]


# The extract keeps nine lines of nine payouts or more. Of these payouts it holds all lines: each
# sums to the payout to the cent. Of the others it holds one line of many, or no payout at all.
WHOLE = {"po_0IFUKBig6peNXzgDZQM7WPAo": "19808.10", "po_0IV4rIig6peNXzgD51VFKdaB": "187.59"}


@pytest.mark.shared
def test_payouts_equal_the_sum_of_their_lines_where_the_extract_holds_them() -> None:
    told = {(noun, each["id"]): one(noun, each) for noun, each in seeds()}
    lines: dict[str, list[BalanceEntry]] = defaultdict(list)
    for row in rows("balance_transaction_data"):
        record = told["balance_transaction", row["id"]]
        assert isinstance(record, BalanceEntry)
        lines[row["payout_id"] or "(waits)"].append(record)
    equal: dict[str, str] = {}
    print(f"\n{'payout':32}{'told by its row':>17}{'by its own line':>17}{'sum of lines':>14}")
    for ref, entries in sorted(lines.items()):
        payout = told.get(("payout", ref))
        assert payout is None or isinstance(payout, Payout)
        own = [-entry.net.amount for entry in entries if entry.entry == "payout"]
        rest = sum((e.net.amount for e in entries if e.entry != "payout"), Decimal(0))
        amounts = {*own, *([payout.amount.amount] if payout else [])}
        if amounts == {rest}:
            equal[ref] = str(rest)
        row_says, line_says = (payout.amount.amount if payout else "-"), (own[0] if own else "-")
        verdict = "equal" if ref in equal else "cut" if amounts else "no payout in the extract"
        print(f"{ref:32}{row_says!s:>17}{line_says!s:>17}{rest!s:>14}  {verdict}")
    assert equal == WHOLE


@pytest.mark.shared
def test_the_table_that_links_lines_to_payouts_contradicts_the_lines() -> None:
    """So it is not used above: the anonymised link table names other payouts than the lines do."""
    of = {row["id"]: row["payout_id"] for row in rows("balance_transaction_data")}
    links = rows("payout_balance_transaction_data")
    known = [row for row in links if row["balance_transaction_id"] in of]
    agreeing = [row for row in known if of[row["balance_transaction_id"]] == row["payout_id"]]
    print(f"\n{len(links)} links, {len(known)} to lines that are there, {len(agreeing)} agreeing")
    assert (len(links), len(known), len(agreeing)) == (15, 9, 0)


def one(noun: str, told: dict[str, object]) -> Record:
    mapped = mean(f"pull/{noun}", json.dumps(told).encode())
    (record,) = mapped.records
    return record
