"""CAMT.052, .053 and .054 of ISO 20022, every version: reports, statements and notifications.

Elements are found by their local names, so a version that only adds some is read as well.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, cast

from trueup.canon.bank import StatementKind
from trueup.connectors.bank.camt_line import (
    account_of,
    day_of,
    line_of,
    money_of,
    party_of,
    signed,
)
from trueup.connectors.bank.told import BalanceTold, LineTold, Read, StatementTold, TotalTold
from trueup.connectors.bank.tree import Element, read_xml
from trueup.connectors.bank.value import iso_instant
from trueup.contract.amount import NO_CURRENCY
from trueup.contract.fault import file_fault
from trueup.errors import invariant

_MESSAGES: Final = {
    "BkToCstmrAcctRpt": ("Rpt", StatementKind.REPORT, "camt.052"),
    "BkToCstmrStmt": ("Stmt", StatementKind.STATEMENT, "camt.053"),
    "BkToCstmrDbtCdtNtfctn": ("Ntfctn", StatementKind.ADVICE, "camt.054"),
}
_VERSION: Final = re.compile(r"camt\.05[234]\.001\.[0-9]{2}")


def read_camt(content: bytes) -> list[Read]:
    """Return every statement of a file.

    Raises:
        ConfigError: it is no such message, or an element of it is wrong: line, path, expected,
            found.
    """
    root = read_xml(content, {"Ntry": line_of})
    found: list[Read] = []
    for message, (name, kind, code) in _messages(root):
        version = _VERSION.search(message.namespace)
        header = message.first("GrpHdr")
        whole = list(message.all(name))
        if not whole:
            expected = f"at least one element {name}"
            raise message.fault(expected, "none")
        name_of = version[0] if version else code
        found += [_read(each, header, kind, name_of) for each in whole]
    if not found:
        wanted = ", ".join(_MESSAGES)
        raise file_fault(root.line, root.path, f"a Document with one of {wanted}", "another root")
    return found


def _messages(root: Element) -> Iterator[tuple[Element, tuple[str, StatementKind, str]]]:
    """Yield the messages of a document, or of each document in an envelope."""
    known = _MESSAGES.get(re.sub(r"V[0-9]{2}$", "", root.name))
    if known is not None:
        yield root, known
        return
    for child in root.children:
        yield from _messages(child)


def _read(element: Element, header: Element | None, kind: StatementKind, code: str) -> Read:
    account = element.need("Acct")
    number = account_of(account)
    if number is None:
        raise account.fault("an account's number in Id", "none")
    lines = tuple(_line(child) for child in element.all("Ntry"))
    balances = tuple(_balance(child) for child in element.all("Bal"))
    currency = account.word("Ccy") or next(
        (each.amount.currency for each in balances),
        lines[0].amount.currency if lines else NO_CURRENCY,
    )
    page = element.first(*_page_of(element))
    statement = StatementTold(
        statement=kind,
        code=code,
        account=number,
        currency=currency,
        told_at=_told_at(element, header),
        owner=account.word("Ownr", "Nm") or account.word("Nm"),
        bank=_bank_of(account),
        ident=element.word("Id"),
        number=element.word("ElctrncSeqNb") or element.word("LglSeqNb"),
        page=_count(page, "PgNb") if page is not None else None,
        last_page=_flag(page, "LastPgInd") if page is not None else None,
        from_at=_instant(element, "FrToDt", "FrDtTm"),
        to_at=_instant(element, "FrToDt", "ToDtTm"),
        balances=balances,
        totals=tuple(_totals(element)),
        note=element.word(
            {"Rpt": "AddtlRptInf", "Stmt": "AddtlStmtInf"}.get(element.name, "AddtlNtfctnInf")
        ),
    )
    return Read(statement=statement, lines=lines)


def _line(element: Element) -> LineTold:
    folded = element.folded
    invariant(isinstance(folded, LineTold), "every entry was read when it ended")
    return cast("LineTold", folded)


def _page_of(element: Element) -> tuple[str, ...]:
    return (f"{element.name}Pgntn",)


def _bank_of(account: Element) -> str | None:
    servicer = account.first("Svcr")
    return party_of(servicer, "servicer").bank if servicer is not None else None


def _told_at(element: Element, header: Element | None) -> datetime:
    for each in (element, header):
        found = _instant(each, "CreDtTm") if each is not None else None
        if found is not None:
            return found
    raise element.fault("CreDtTm here or in GrpHdr", "none")


def _balance(element: Element) -> BalanceTold:
    kind = element.first("Tp", "CdOrPrtry") or element.first("Tp")
    code = kind.word("Cd") if kind is not None else None
    own = kind.word("Prtry") if kind is not None else None
    if code is None and own is None:
        raise element.fault("a balance's kind in Tp", "none")
    amount = money_of(element.need("Amt"))
    return BalanceTold(
        code=code or f"own {own}", amount=signed(amount, element), on=day_of(element, "Dt")
    )


def _totals(element: Element) -> Iterator[TotalTold]:
    for of, name in (("all", "TtlNtries"), ("credit", "TtlCdtNtries"), ("debit", "TtlDbtNtries")):
        found = element.first("TxsSummry", name)
        if found is None:
            continue
        count = _count(found, "NbOfNtries")
        total = found.first("Sum")
        amount = None if total is None else money_of(total, "").amount
        yield TotalTold(of=of, count=count, sum=amount)
    yield from _net(element)


def _net(element: Element) -> Iterator[TotalTold]:
    """Yield what credits less debits are said to be; versions from 8 on have it deeper."""
    whole = element.first("TxsSummry", "TtlNtries")
    net = whole.first("TtlNetNtry") if whole is not None else None
    amount = net.first("Amt") if net is not None else None
    holder = net
    if amount is None and whole is not None:
        amount, holder = whole.first("TtlNetNtryAmt"), whole
    if amount is None or holder is None or holder.first("CdtDbtInd") is None:
        return
    yield TotalTold(of="net", sum=signed(money_of(amount, ""), holder).amount)


def _count(element: Element, name: str) -> int | None:
    found = element.first(name)
    if found is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", found.text.strip()):
        raise found.fault("a whole number", "other text")
    return int(found.text)


def _flag(element: Element, name: str) -> bool | None:
    word = element.word(name)
    return None if word is None else word in {"true", "1"}


def _instant(element: Element, *names: str) -> datetime | None:
    found = element.first(*names)
    return None if found is None else iso_instant(found.text.strip(), found.fault)
