"""Files of statements, written by hand, and what they become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from trueup.canon.bank import BankLine, BankStatement
from trueup.canon.issue import Issue
from trueup.connectors.bank.files import read_file
from trueup.connectors.bank.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError

AT = datetime(2026, 3, 5, tzinfo=UTC)
OWN = "DE02120300000000202051"


class Became:
    """The records and issues of one file."""

    def __init__(self, format_name: str, content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        mapped = [
            map_source(Source(topic=piece.topic, body=piece.body, received_at=AT))
            for piece in read_file(format_name, raw)
        ]
        records = [record for each in mapped for record in each.records]
        self.statements = [each for each in records if isinstance(each, BankStatement)]
        self.lines = [each for each in records if isinstance(each, BankLine)]
        self.issues: list[Issue] = [issue for each in mapped for issue in each.issues]

    @property
    def refs(self) -> list[str]:
        return [line.ref for line in self.lines]


def refusal(format_name: str, content: str | bytes) -> dict[str, Any]:
    """Return where and why a file is refused."""
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(ConfigError) as caught:
        read_file(format_name, raw)
    return dict(caught.value.context)


def entry(
    amount: str = "10.00",
    mark: str = "CRDT",
    *,
    state: str = "<Sts><Cd>BOOK</Cd></Sts>",
    ref: str = "<AcctSvcrRef>R-1</AcctSvcrRef>",
    days: str = "<BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-02</Dt></ValDt>",
    more: str = "",
    currency: str = "EUR",
) -> str:
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>{state}{days}{ref}'
        f"{more}</Ntry>"
    )


def balance(code: str, amount: str, mark: str = "CRDT", currency: str = "EUR") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>2026-03-02</Dt></Dt></Bal>"
    )


def statement(*inner: str, ident: str = "S-1", created: str = "2026-03-02T18:00:00Z") -> str:
    return (
        f"<Id>{ident}</Id><CreDtTm>{created}</CreDtTm><Acct><Id><IBAN>{OWN}</IBAN></Id></Acct>"
        + "".join(inner)
    )


def camt(*statements: str, message: str = "053", version: str = "08") -> str:
    """Return a whole message: 052 holds reports, 053 statements, 054 notifications."""
    root, name = {
        "052": ("BkToCstmrAcctRpt", "Rpt"),
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[message]
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version}"
    head = "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-03-02T17:00:00Z</CreDtTm></GrpHdr>"
    whole = "".join(f"<{name}>{each}</{name}>" for each in statements)
    return f'<Document xmlns="{space}"><{root}>{head}{whole}</{root}></Document>'
