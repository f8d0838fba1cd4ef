"""SWIFT's MT940 (statements) and MT942 (reports in the course of a day), as banks write them.

A message is a list of fields: `:61:` begins one, further lines belong to it. What stands between
messages (SWIFT's own blocks, a bank's lines of address) is envelope and says nothing.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from trueup.canon.bank import StatementKind
from trueup.connectors.bank.mt940_details import with_details
from trueup.connectors.bank.mt940_line import Field, day_of, line_of, mt_amount
from trueup.connectors.bank.text import lines_of, text_of
from trueup.connectors.bank.told import BalanceTold, LineTold, Read, StatementTold, TotalTold
from trueup.connectors.bank.value import end_of
from trueup.contract.fault import file_fault
from trueup.kernel.money import Money

_TAG: Final = re.compile(r":([0-9]{2}[A-Z]?|NS):(.*)", re.DOTALL)
_END: Final = re.compile(r"-(\}.*|XXX)?\s*")
_BIC_AND_IBAN: Final = re.compile(
    r"([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)/([A-Z]{2}[0-9]{2}[A-Z0-9]{11,30})"
)
_BALANCE: Final = re.compile(r"([DC])([0-9]{6})([A-Z]{3})\s?([0-9.,]{1,22})\s*")
_BALANCES: Final = {
    "60F": "OPBD",
    "60M": "ITBD",
    "62F": "CLBD",
    "62M": "ITBD",
    "64": "CLAV",
    "65": "FWAV",
}
_KNOWN: Final = frozenset(
    ("20", "21", "25", "25P", "28", "28C", "61", "86", "13", "13D", "34F", "90D", "90C", "NS")
).union(_BALANCES)
_AFTER_DETAILS: Final = frozenset(
    ("61", "86", "NS", "62F", "62M", "64", "65", "90D", "90C", "28C", "60F")
)
_BANNERS: Final = frozenset((":940:", ":942:"))
"""What some banks write in a line of its own before the first message."""

_FRAMES: Final = "\x01\x02\x03\x1a"
"""What frames messages on their way, and stays in files now and then."""

FIELDS_MAX: Final = 1_000_000
_ONCE: Final = ("20", "21", "25", "25P", "28", "28C", "60F", "60M", "62F", "62M", "64")


def read_mt940(content: bytes) -> list[Read]:
    """Return every statement of a file; the pages of one are several.

    Raises:
        ConfigError: it is no such file, or a field of it is wrong: line, field, expected, found.
    """
    # Some banks break the line within the tag; the number of lines stays.
    text = re.sub(r"\n:\n(?=[0-9]{2}[A-Z]?:)", "\n\n:", text_of(content))
    whole = text.endswith("\n")
    read = [_read(message, is_last_line_whole=whole) for message in _messages(text)]
    if not read:
        raise file_fault(1, ":20:", "a message that begins with :20:", "none")
    return read


def _messages(text: str) -> Iterator[list[Field]]:
    """Yield the fields of each message.

    A line with a dash alone ends one, unless more fields of it follow: then it is content.
    """
    message: list[Field] = []
    ended = False
    for number, raw in enumerate(lines_of(text), 1):
        line = raw.strip(_FRAMES)
        match = _TAG.fullmatch(line)
        if match is not None and match[1] == "20":
            if message:
                yield message
            message, ended = [_field(match, number)], False
        elif match is not None and message and _is_field(match[1], message[-1]):
            if ended:
                message[-1].lines.append("-")
            message.append(_field(match, number))
            ended = False
            if len(message) > FIELDS_MAX:
                raise file_fault(number, "", f"at most {FIELDS_MAX} fields in a message", "more")
        elif message and not ended:
            ended = _END.fullmatch(line) is not None
            message[-1].lines.extend([] if ended else [line])
        elif match is not None and match[0] not in _BANNERS:
            raise file_fault(number, f":{match[1]}:", "the beginning of a message, :20:", "another")
    if message:
        yield message


def _field(match: re.Match[str], number: int) -> Field:
    return Field(tag=match[1], line=number, lines=[match[2]])


def _is_field(tag: str, before: Field) -> bool:
    """Tell whether a line that looks like a field is one: in details it may be a time of day."""
    return tag in _AFTER_DETAILS if before.tag in {"86", "NS"} else True


def _read(fields: Sequence[Field], *, is_last_line_whole: bool) -> Read:
    by_tag: dict[str, Field] = {}
    for field in fields:
        if field.tag in by_tag and field.tag in _ONCE:
            raise field.fault(f"one field :{field.tag}: in a message", "another one")
        by_tag.setdefault(field.tag, field)
    balances = tuple(_balance(field) for field in fields if field.tag in _BALANCES)
    is_report = not balances and ("34F" in by_tag or "13D" in by_tag or "13" in by_tag)
    currency = _currency(fields, balances, is_report=is_report)
    lines, notes = _lines(fields, currency)
    _check_whole(fields, balances, is_report=is_report, is_last_line_whole=is_last_line_whole)
    account, bank = _account(fields, currency)
    number, page = _number(by_tag.get("28C") or by_tag.get("28"))
    told = StatementTold(
        statement=StatementKind.REPORT if is_report else StatementKind.STATEMENT,
        code="MT942" if is_report else "MT940",
        account=account,
        currency=currency,
        told_at=_told_at(by_tag, balances, lines, fields[0]),
        bank=bank,
        ident=fields[0].text.strip() or None,
        number=number,
        page=page,
        last_page=("62F" in by_tag) if balances else None,
        balances=balances,
        totals=tuple(_totals(fields)),
        note="\n".join(notes) or None,
        skipped=tuple(_skipped(fields)),
    )
    return Read(statement=told, lines=lines)


def _check_whole(
    fields: Sequence[Field],
    balances: Sequence[BalanceTold],
    *,
    is_report: bool,
    is_last_line_whole: bool,
) -> None:
    """Refuse a message that may have been cut within a line, where an amount may lack digits."""
    closed = is_report or any(each.code == "CLBD" for each in balances)
    closed = closed or any(field.tag == "62M" for field in fields)
    if not closed and not is_last_line_whole:
        raise fields[-1].fault("the closing balance :62F: before the end", "the end of the file")


def _lines(fields: Sequence[Field], currency: str) -> tuple[tuple[LineTold, ...], list[str]]:
    """Return the lines, each with the details that follow it, and what belongs to none."""
    lines: list[LineTold] = []
    notes: list[str] = []
    begun: LineTold | None = None
    details: list[str] = []
    for field in fields:
        if field.tag in {"86", "NS"}:
            (details if begun is not None else notes).append(field.text)
            continue
        if begun is not None:
            lines.append(with_details(begun, details))
        begun, details = (line_of(field, currency) if field.tag == "61" else None), []
    if begun is not None:
        lines.append(with_details(begun, details))
    return tuple(lines), [note.strip() for note in notes if note.strip()]


def _balance(field: Field) -> BalanceTold:
    match = _BALANCE.fullmatch(field.text)
    if match is None:
        raise field.fault("a balance such as C260131EUR12,50", "other text")
    amount = mt_amount(match[4], field)
    return BalanceTold(
        code=_BALANCES[field.tag],
        amount=Money(-amount if match[1] == "D" else amount, match[3]),
        on=day_of(match[2], field),
    )


def _currency(fields: Sequence[Field], balances: Sequence[BalanceTold], *, is_report: bool) -> str:
    if balances:
        told = {each.amount.currency for each in balances}
        if len(told) > 1:
            field = next(field for field in fields if field.tag in _BALANCES)
            raise field.fault("balances of one currency", "several currencies")
        return told.pop()
    for field in fields:
        match = re.match(r"([0-9]{1,5})?([A-Z]{3})", field.text)
        if match and field.tag in {"34F", "90D", "90C"}:
            return match[2]
    wanted = "a limit :34F: with a currency" if is_report else "an opening balance :60F:"
    raise fields[0].fault(wanted, "none")


def _account(fields: Sequence[Field], currency: str) -> tuple[str, str | None]:
    field = next((field for field in fields if field.tag in {"25", "25P"}), None)
    if field is None:
        raise fields[0].fault("an account :25: in the message", "none")
    account, _, bank = field.text.strip().partition("\n")
    account = account.strip()
    bare = account.removesuffix(currency).rstrip(" /").lstrip("/")
    if bare != account and bare[-1:].isdigit():
        account = bare  # some banks put the currency behind the number
    iban = _BIC_AND_IBAN.fullmatch(account)
    if iban is not None:
        bank, account = bank or iban[1], iban[2]
    if not account or len(account) > 60:
        raise field.fault("the number of an account", "nothing" if not account else "a long text")
    return account, bank.strip() or None


def _number(field: Field | None) -> tuple[str | None, int | None]:
    if field is None:
        return None, None
    match = re.fullmatch(r"([0-9]{1,18})(?:/([0-9]{1,9}))?", field.text.strip())
    if match is None:
        raise field.fault("a number such as 17/1", "other text")
    return match[1], int(match[2]) if match[2] else None


def _told_at(
    by_tag: dict[str, Field],
    balances: Sequence[BalanceTold],
    lines: Sequence[LineTold],
    first: Field,
) -> datetime:
    indicated = by_tag.get("13D") or by_tag.get("13")
    if indicated is not None:
        return _indicated(indicated)
    days = [each.on for each in balances if each.on and each.code in {"OPBD", "CLBD", "ITBD"}]
    days += [day for line in lines for day in (line.booked_on or line.value_on,) if day]
    closing = next((each.on for each in balances if each.code == "CLBD"), None)
    day = closing or max(days, default=None)
    if day is None:
        raise first.fault("a day by :13D:, a balance or a line", "none")
    return end_of(day)


def _indicated(field: Field) -> datetime:
    match = re.fullmatch(
        r"([0-9]{6})([0-9]{2})([0-9]{2})(?:([+-])([0-9]{2})([0-9]{2}))?", field.text.strip()
    )
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise field.fault("an instant such as 2601311730+0100", "other text")
    away = timedelta(hours=int(match[5] or 0), minutes=int(match[6] or 0))
    local = end_of(day_of(match[1], field)).replace(hour=int(match[2]), minute=int(match[3]))
    local = local.replace(second=0)
    return local + away if match[4] == "-" else local - away


def _totals(fields: Sequence[Field]) -> Iterator[TotalTold]:
    for field in fields:
        if field.tag not in {"90D", "90C"}:
            continue
        match = re.fullmatch(r"([0-9]{1,5})[A-Z]{3}([0-9.,]{1,22})", field.text.strip())
        if match is None:
            raise field.fault("a number and a sum such as 2EUR12,50", "other text")
        of = "debit" if field.tag == "90D" else "credit"
        yield TotalTold(of=of, count=int(match[1]), sum=mt_amount(match[2], field))


def _skipped(fields: Sequence[Field]) -> Iterator[str]:
    unknown = sorted({field.tag for field in fields} - _KNOWN)
    if unknown:
        yield "fields " + ", ".join(f":{tag}:" for tag in unknown)
