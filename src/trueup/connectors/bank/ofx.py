"""OFX 1.0.2 to 2.2 and QFX: statements of banks, of cards, and the cash side of investments."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

from trueup.canon.bank import BankReferences, StatementKind
from trueup.connectors.bank.sgml import read_sgml
from trueup.connectors.bank.text import text_of
from trueup.connectors.bank.told import (
    BalanceTold,
    LineTold,
    PartTold,
    PartyTold,
    Read,
    StatementTold,
)
from trueup.connectors.bank.tree import Element
from trueup.connectors.bank.value import currency_of, end_of, reference
from trueup.contract.amount import NO_CURRENCY
from trueup.kernel.money import Money

_STATEMENTS: Final = ("STMTRS", "CCSTMTRS", "INVSTMTRS")
_ACCOUNTS: Final = ("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM")
_INSTANT: Final = re.compile(
    r"([0-9]{8})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?(?:[.:,][0-9]{1,6})?"
    r"\s*(?:\[\s*([+-]?[0-9]{1,2}(?:[.:][0-9]{1,2})?)\s*(?::[^\]]*)?\])?"
)
_AMOUNT: Final = re.compile(r"[+-]?([0-9]{1,18}([.,][0-9]{0,12})?|[.,][0-9]{1,12})")


def read_ofx(content: bytes) -> list[Read]:
    """Return every statement of a file.

    Raises:
        ConfigError: it is no such file, or an element of it is wrong: line, path, expected, found.
    """
    text = text_of(content, _charset(content))
    root = read_sgml(text)
    server = root.first("SIGNONMSGSRSV1", "SONRS", "DTSERVER")
    read = [_read(element, server) for element in _statements(root)]
    if not read:
        _check_status(root)
        raise root.fault("at least one statement (STMTRS, CCSTMTRS or INVSTMTRS)", "none")
    return read


def _check_status(root: Element) -> None:
    """Refuse a reply that says no; why stands in its status."""
    for status in _named(root, "STATUS"):
        code = status.word("CODE")
        if status.word("SEVERITY") == "ERROR":
            raise status.fault("a statement", f"the bank's refusal {code}")


def _charset(content: bytes) -> str:
    head = content[:4096]
    found = re.search(rb"(?i)<\?xml[^>]*encoding=[\"']([A-Za-z0-9_-]{1,40})[\"']", head)
    if found is None:
        found = re.search(rb"(?im)^\s*CHARSET:\s*([A-Za-z0-9_-]{1,40})", head)
    if found is None or found[1] == b"NONE":
        found = re.search(rb"(?im)^\s*ENCODING:\s*(UTF-?8|UNICODE)", head)
    return found[1].decode() if found is not None else ""


def _statements(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.name in _STATEMENTS:
            yield child
        else:
            yield from _statements(child)


def _named(element: Element, name: str) -> Iterator[Element]:
    for child in element.children:
        if child.name == name:
            yield child
        yield from _named(child, name)


def _read(element: Element, server: Element | None) -> Read:
    account = next((a for a in map(element.first, _ACCOUNTS) if a is not None), None)
    if account is None:
        raise element.fault("an account (BANKACCTFROM, CCACCTFROM or INVACCTFROM)", "none")
    number = account.word("ACCTID")
    if number is None:
        raise account.fault("the number of the account in ACCTID", "nothing")
    booked = list(_named(element, "STMTTRN"))
    pending = list(_named(element, "STMTTRNP"))
    told_currency = element.word("CURDEF")
    home = told_currency and currency_of(told_currency, element.need("CURDEF").fault)
    lines = (
        *(_line(each, home, None) for each in booked),
        *(_line(each, home, "PDNG") for each in pending),
    )
    currency = home or next((line.amount.currency for line in lines), NO_CURRENCY)
    bank = account.word("BANKID") or account.word("BROKERID")
    listed = element.first("BANKTRANLIST") or element.first("INVTRANLIST")
    # A list that nobody closed has its content beside it.
    period = listed if listed is not None and listed.children else element
    told = StatementTold(
        statement=StatementKind.STATEMENT,
        code=f"OFX {element.name}",
        account=f"{bank}/{number}" if bank else number,
        currency=currency,
        told_at=_told_at(element, server, period, lines),
        bank=bank,
        from_at=_instant_in(period, "DTSTART"),
        to_at=_instant_in(period, "DTEND"),
        balances=tuple(_balances(element, currency)),
        skipped=tuple(_skipped(listed)),
    )
    return Read(statement=told, lines=lines)


def _line(element: Element, home: str | None, state: str | None) -> LineTold:
    amount = element.need("TRNAMT")
    decimal = _amount(amount)
    posted = element.first("DTPOSTED") or element.first("DTTRAN")
    if posted is None:
        raise element.fault("a day in DTPOSTED", "none")
    converted, original = element.first("CURRENCY"), element.first("ORIGCURRENCY")
    told = converted.word("CURSYM") if converted is not None else None
    currency = told or home
    if currency is None:
        raise element.fault("a currency in CURRENCY or in CURDEF of the statement", "none")
    currency_of(currency, element.fault)
    rate = next((e.word("CURRATE") for e in (original, converted) if e is not None), None)
    available = element.first("DTAVAIL") or element.first("VALUEDATE")
    payee, to = element.first("PAYEE"), element.first("BANKACCTTO") or element.first("CCACCTTO")
    name = element.word("NAME") or (payee.word("NAME") if payee is not None else None)
    party = PartyTold(
        role="counterparty",
        name=name,
        account=to.word("ACCTID") if to is not None else None,
        bank=to.word("BANKID") if to is not None else None,
    )
    words = (element.word("EXTDNAME"), element.word("MEMO"))
    part = PartTold(
        parties=(party,) if party.name or party.account else (),
        remittance=tuple(word for word in words if word),
        rate=rate,
    )
    cheque = (element.word("CHECKNUM") or "").strip("0")
    return LineTold(
        amount=Money(decimal, currency),
        value_on=_day(available) if available is not None and available.text else None,
        booked_on=_day(posted),
        state=state,
        code=element.word("TRNTYPE"),
        references=BankReferences(
            bank=reference(element.word("FITID")),
            customer=reference(element.word("REFNUM")),
            cheque=element.word("CHECKNUM") if cheque else None,
            transaction=reference(element.word("SRVRTID")),
        ),
        note=_corrected(element),
        parts=(part,),
        bank_id=reference(element.word("FITID")),
    )


def _corrected(element: Element) -> str | None:
    fitid = element.word("CORRECTFITID")
    return f"{element.word('CORRECTACTION') or 'REPLACE'} {fitid}" if fitid else None


def _balances(element: Element, currency: str) -> Iterator[BalanceTold]:
    for name, code in (("LEDGERBAL", "CLBD"), ("AVAILBAL", "CLAV")):
        for found in element.all(name):
            amount = found.first("BALAMT")
            if amount is None or not amount.text:
                continue
            on = found.first("DTASOF")
            yield BalanceTold(
                code=code,
                amount=Money(_amount(amount), currency),
                on=_day(on) if on is not None and on.text else None,
            )
    cash = element.first("INVBAL", "AVAILCASH")
    if cash is not None and cash.text:
        yield BalanceTold(code="CLAV", amount=Money(_amount(cash), currency))


def _skipped(period: Element | None) -> Iterator[str]:
    """Yield what an investment account tells besides money: purchases, sales, transfers."""
    counts: dict[str, int] = {}
    for child in period.children if period is not None else []:
        if child.children and child.name not in {"STMTTRN", "STMTTRNP", "INVBANKTRAN"}:
            counts[child.name] = counts.get(child.name, 0) + 1
    for name, count in sorted(counts.items()):
        yield f"{count} {name}"


def _told_at(
    element: Element, server: Element | None, period: Element, lines: Sequence[LineTold]
) -> datetime:
    """Return when the bank said it: its own stamp, else the day of what it tells."""
    ends = period.first("DTEND")
    for each in (element.first("DTASOF"), server, element.first("LEDGERBAL", "DTASOF"), ends):
        if each is not None and each.text:
            return _instant(each)
    days = [line.booked_on for line in lines if line.booked_on is not None]
    if not days:
        raise element.fault("an instant in DTSERVER or DTASOF", "none")
    return end_of(max(days))


def _amount(element: Element) -> Decimal:
    text = element.text.strip()
    if not _AMOUNT.fullmatch(text):
        raise element.fault("an amount such as -12.50", "other text" if text else "nothing")
    return Decimal(text.replace(",", "."))


def _parts_of(element: Element) -> re.Match[str]:
    text = element.text.strip()
    match = _INSTANT.fullmatch(text)
    if match is None:
        expected = "a day such as 20260131 or 20260131120000.000[-5:EST]"
        raise element.fault(expected, "other text" if text else "nothing")
    return match


def _day(element: Element) -> date:
    """Return the day as it is written: the bank's own, whatever the zone."""
    text = _parts_of(element)[1]
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError as error:
        raise element.fault("a day such as 20260131", "a day that there is not") from error


def _instant_in(period: Element, name: str) -> datetime | None:
    found = period.first(name)
    return _instant(found) if found is not None and found.text else None


def _instant(element: Element) -> datetime:
    match = _parts_of(element)
    day = _day(element)
    hour, minute, second = (int(match[n] or 0) for n in (2, 3, 4))
    if hour > 23 or minute > 59 or second > 60:
        raise element.fault("a time of day such as 235959", "another one")
    zone = timezone(_offset(match[5] or "0", element))
    local = datetime(day.year, day.month, day.day, hour, minute, min(second, 59), tzinfo=zone)
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise element.fault("a day of our time", "another one") from error


def _offset(text: str, element: Element) -> timedelta:
    """Return the zone's distance: hours, or hours with a decimal part (5.30 means five and 0.3)."""
    hours, _, part = text.replace(":", ".").partition(".")
    minutes = round(float(f"0.{part or 0}") * 60)
    found = timedelta(hours=abs(int(hours)), minutes=minutes)
    if found >= timedelta(hours=24):
        raise element.fault("a zone of less than 24 hours", "another one")
    return -found if hours.startswith("-") else found
