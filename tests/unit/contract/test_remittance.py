"""Cash that couriers remit: rows come to the remittance, and each finds its parcel and its order."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from trueup.canon.link import Link, LinkSpace
from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.connectors.delhivery import files as delhivery
from trueup.connectors.delhivery import mapping as delhivery_mapping
from trueup.connectors.delhivery import webhook as delhivery_webhook
from trueup.connectors.shiprocket import files as shiprocket
from trueup.connectors.shiprocket import mapping as shiprocket_mapping
from trueup.connectors.shiprocket import webhook as shiprocket_webhook
from trueup.contract.connector import Piece, Source
from trueup.contract.remittance import remittance_pieces
from trueup.errors import ConfigError

AT = datetime(2026, 3, 5, tzinfo=UTC)
ZONE = "Asia/Kolkata"
COLUMNS = (
    'day="%d-%m-%Y"\n[columns]\nremittance="CRF"\nutr="UTR"\nremitted_on="Date"\ntotal="Total"\n'
    'awb="AWB"\norder="Order"\ncod_amount="COD"\nfreight="Freight"\ncod_fee="Fee"\nnet="Net"\n'
    'adjustment="Adj"\ndelivered_on="Delivered"\n[constants]\ncurrency="INR"\n'
)
HEAD = "CRF,UTR,Date,Total,AWB,Order,COD,Freight,Fee,Net,Adj,Delivered\n"
ROWS = (
    '9001,N0912,03-03-2026,"2,020.00",A1,#1001,"1,190.00",100,50,"1,040.00",,28-02-2026\n'
    '9001,N0912,03-03-2026,"2,020.00",A2,1002,1000,0,0,1000,,01-03-2026\n'
    '9001,N0912,03-03-2026,"2,020.00",,,,,,-20,-20,\n'
)


def records_of(content: str, columns: str = COLUMNS) -> tuple[list[Payout], list[BalanceEntry]]:
    records: list[Record] = []
    for piece in remittance_pieces(content.encode(), columns, ZONE):
        source = Source(topic=piece.topic, body=piece.body, received_at=AT)
        mapped = shiprocket_mapping.map_source(source)
        assert not mapped.issues
        assert mapped == delhivery_mapping.map_source(source)
        identified = shiprocket_webhook.identify_piece(piece)
        assert identified == delhivery_webhook.identify_piece(piece)
        assert [identified.entity] == [record.entity() for record in mapped.records]
        records += mapped.records
    payouts = [each for each in records if isinstance(each, Payout)]
    return payouts, [each for each in records if isinstance(each, BalanceEntry)]


def refusal(content: str, columns: str = COLUMNS) -> dict[str, object]:
    with pytest.raises(ConfigError) as caught:
        remittance_pieces(content.encode(), columns, ZONE)
    return dict(caught.value.context)


def test_rows_come_to_the_remittance() -> None:
    (payout,), entries = records_of(HEAD + ROWS)
    assert (payout.ref, payout.amount.amount) == ("9001", Decimal("2020.00"))
    assert (payout.bank_ref, payout.state) == ("N0912", PayoutState.IN_TRANSIT)
    assert payout.arrives_on == date(2026, 3, 3)
    assert sum(entry.net.amount for entry in entries) == payout.amount.amount
    assert [entry.entry for entry in entries] == [
        *(EntryKind.CHARGE, EntryKind.CHARGE, EntryKind.ADJUSTMENT)
    ]
    first = entries[0]
    assert (first.gross.amount, first.fee.amount) == (Decimal("1190.00"), Decimal(150))
    assert first.payout_ref == "9001"
    assert first.occurred_at == datetime(2026, 2, 27, 18, 30, tzinfo=UTC)
    for link in (
        Link(LinkSpace.TRACKING, "A1"),
        Link(LinkSpace.ORDER, "#1001"),
        Link(LinkSpace.PAYOUT, "N0912"),
    ):
        assert link in first.links


def test_several_remittances_and_a_parcel_that_comes_twice() -> None:
    more = ROWS.replace("9001", "9002").replace("N0912", "")
    twice = ROWS.replace("A2", "A1")
    payouts, entries = records_of(HEAD + more + twice)
    assert [payout.state for payout in payouts] == [PayoutState.PENDING, PayoutState.IN_TRANSIT]
    assert len({entry.ref for entry in entries}) == 6


def test_without_a_number_of_its_own_the_transfer_names_a_remittance() -> None:
    columns = COLUMNS.replace('remittance="CRF"\n', "")
    (payout,), _ = records_of(HEAD + ROWS, columns)
    assert payout.ref == "N0912"
    assert refusal(HEAD + ROWS.replace("N0912", ""), columns)["column"] == "UTR"


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (HEAD, 2, ""),
        (HEAD + ROWS.replace('"2,020.00"', "2021"), 2, "Total"),
        (HEAD + ROWS.replace('"1,040.00"', "1041"), 2, "Net"),
        (
            HEAD + ROWS.replace('N0912,03-03-2026,"2,020.00",A2', 'X1,03-03-2026,"2,020.00",A2'),
            3,
            "UTR",
        ),
        (HEAD + ROWS.replace('03-03-2026,"2,020.00",A2', '04-03-2026,"2,020.00",A2'), 3, "Date"),
        (HEAD + ROWS.replace('03-03-2026,"2,020.00",A2', "03-03-2026,2021,A2"), 3, "Total"),
        (HEAD + ROWS.replace("03-03-2026", ""), 2, "Date"),
        (HEAD + ROWS.replace('"1,190.00"', "x"), 2, "COD"),
        ("CRF\n", 1, "UTR"),
    ],
)
def test_a_table_at_fault_is_refused_whole_with_the_place(
    content: str, line: int, column: str
) -> None:
    context = refusal(content)
    assert (context["line"], context["column"]) == (line, column)


def test_a_file_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match="bytes"):
        remittance_pieces(b" " * (50 * 1024 * 1024 + 1), COLUMNS, ZONE)


@pytest.mark.parametrize("files", [delhivery, shiprocket])
def test_the_usual_columns_hold_where_none_are_declared(files: object) -> None:
    read = files.read_file  # type: ignore[attr-defined]
    words = {
        "delhivery-remittance": ("UTR", "Remittance Date", "Waybill", "Order No", "Delivery Date"),
        "shiprocket-remittance": ("UTR", "Remittance Date", "AWB", "Order ID", "Delivered Date"),
    }
    name = files.FORMAT  # type: ignore[attr-defined]
    head = ",".join((*words[name], "COD Amount", "CRF ID"))
    row = "N1,2026-03-03,A1,1001,2026-03-01,1190,9001"
    pieces = read(name, f"{head}\n{row}\n".encode())
    assert [piece.topic for piece in pieces] == ["remittance/payout", "remittance/entry"]
    with pytest.raises(ConfigError) as caught:
        read(name, b"a,b\n")
    assert caught.value.context["line"] == 1
    with pytest.raises(ConfigError):
        read("camt", b"")


@pytest.mark.parametrize("mapping", [delhivery_mapping, shiprocket_mapping])
@pytest.mark.parametrize("body", [b"{", b"{}", b'{"ref":"\\u0000"}', b"\xff"])
def test_a_body_that_no_file_made_is_told(mapping: object, body: bytes) -> None:
    for topic in ("remittance/payout", "remittance/entry"):
        source = Source(topic=topic, body=body, received_at=AT)
        (issue,) = mapping.map_source(source).issues  # type: ignore[attr-defined]
        assert issue.code.partition(".")[0] in {"delhivery", "shiprocket"}
        assert shiprocket_webhook.identify_piece(Piece(topic=topic, body=body)).entity == ""


def test_an_amount_beyond_all_bounds_is_told() -> None:
    (piece, *_) = remittance_pieces((HEAD + ROWS).encode(), COLUMNS, ZONE)
    body = piece.body.replace(b'"2020.00"', b'"1e30"')
    assert body != piece.body
    source = Source(topic=piece.topic, body=body, received_at=AT)
    (issue,) = shiprocket_mapping.map_source(source).issues
    assert issue.code == "shiprocket.field_invalid"
