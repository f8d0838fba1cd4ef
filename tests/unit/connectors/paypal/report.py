"""Settlement reports, written by hand, and what they become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.canon.bank import BankStatement
from trueup.canon.issue import Issue
from trueup.canon.payout import BalanceEntry, Payout
from trueup.connectors.paypal.files import read_file
from trueup.connectors.paypal.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError

AT = datetime(2026, 3, 5, tzinfo=UTC)
COLUMNS = (
    '"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type",'
    '"Transaction Event Code","Transaction Initiation Date","Transaction Completion Date",'
    '"Transaction Debit or Credit","Gross Transaction Amount","Gross Transaction Currency",'
    '"Fee Debit or Credit","Fee Amount","Fee Currency","Custom Field","Consumer ID",'
    '"Payment Tracking ID","Store ID","Bank Reference ID","Credit Transactional Fee",'
    '"Credit Promotional Fee","Credit Term"'
)
HEAD = (
    '"RH",2026/03/03 02:44:19 -0800,"A","MERCHANT77AAA",009,\n"FH",01\n'
    '"SH",2026/03/02 00:00:00 -0800,2026/03/02 23:59:59 -0800,"MERCHANT77AAA",""\n'
)


def body(
    transaction: str = "TX1",
    event: str = "T0006",
    gross: str = '"CR",3000,"USD"',
    fee: str = '"DR",117,"USD"',
    *,
    invoice: str = "1001",
    reference: str = '"",""',
    bank: str = "",
) -> str:
    at = "2026/03/02 01:00:00 -0800"
    return (
        f'"SB","{transaction}","{invoice}",{reference},"{event}",{at},{at},{gross},{fee},'
        f'"Ada, gift","PAYER1","","","{bank}",,,""'
    )


def footer(
    kind: str = "SF",
    currency: str = "USD",
    totals: str = "3000,0,0,117",
    balances: str = '"CR",500,"CR",3383,"CR",0,"CR",0',
) -> str:
    return f'"{kind}","{currency}",{totals},{balances}'


def report(*rows: str, end: tuple[str, ...] | None = None) -> str:
    """Return a report with one section of some rows and footers, and its ends."""
    count = sum(row.startswith('"SB"') for row in rows)
    last = end if end is not None else (f'"SC",{count}', '"FF"', '"RF"', f'"RC",{count}')
    return HEAD + "\n".join((COLUMNS, *rows, *last)) + "\n"


class Became:
    def __init__(self, content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        self.pieces = read_file("paypal-settlement", raw)
        mapped = [
            map_source(Source(topic=piece.topic, body=piece.body, received_at=AT))
            for piece in self.pieces
        ]
        records = [record for each in mapped for record in each.records]
        self.entries = [each for each in records if isinstance(each, BalanceEntry)]
        self.payouts = [each for each in records if isinstance(each, Payout)]
        self.statements = [each for each in records if isinstance(each, BankStatement)]
        self.issues: list[Issue] = [issue for each in mapped for issue in each.issues]


def refusal(content: str | bytes) -> dict[str, Any]:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(ConfigError) as caught:
        read_file("paypal-settlement", raw)
    return dict(caught.value.context)
