"""Every MT940 and MT942 beside the checkout, field by field against the parse beside it."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.leftout import SHARED
from tests.support.mt940_expected import expected_of, plain
from trueup.canon.bank import BankLine, BankStatement
from trueup.connectors.bank.files import read_file
from trueup.connectors.bank.mapping import map_source
from trueup.connectors.bank.mt940 import read_mt940
from trueup.connectors.bank.told import LineTold, PartTold, Read
from trueup.contract.connector import Source
from trueup.errors import ConfigError

pytestmark = pytest.mark.shared

FOLDER = SHARED / "payloads/bank/mt940"
FILES = sorted(path for path in FOLDER.glob("*/*") if path.suffix in {".sta", ".txt"})
FILES = [path for path in FILES if path.name != "requirements.txt"]

# Files that hold no statement: single fields, or nothing. (line, field) where ours refuses them.
NO_STATEMENT = {
    "betterplace/amount_formats.sta": (1, ":60F:"),
    "betterplace/currency_in_25.sta": (1, ":25:"),
    "betterplace/empty_86.sta": (1, ":86:"),
    "betterplace/empty_entry_date.sta": (1, ":61:"),
    "betterplace/empty_line.sta": (2, ":20:"),
    "betterplace/missing_crlf_at_end.sta": (1, ":62F:"),
    "betterplace/sepa_snippet_broken.sta": (6, ":25:"),  # :25: stands where :86: belongs
    "cmxl/account_balance_credit.sta": (1, ":60F:"),
    "cmxl/account_balance_debit.sta": (1, ":60F:"),
    "cmxl/account_identification_iban.sta": (1, ":25:"),
    "cmxl/account_identification_legacy.sta": (1, ":25:"),
    "cmxl/available_balance.sta": (1, ":64:"),
    "cmxl/closing_balance.sta": (1, ":62F:"),
    "cmxl/reference.sta": (1, ":20:"),
    "cmxl/statement_details.sta": (1, ":61:"),
    "cmxl/statement_line.sta": (1, ":61:"),
    "cmxl/statement_number.sta": (1, ":28C:"),
    "self-provided/account_identification.sta": (1, ":20:"),
    "self-provided/empty_non_swift.sta": (1, ":NS:"),
    "self-provided/invalid_statement.sta": (1, ":20:"),
    "self-provided/sparkassen.sta": (1, ":61:"),
}

# Samples whose own figures do not add up: what the file says, and what its lines come to.
DIFFER = {
    "betterplace/sepa_snippet.sta": [("-4472049.09 EUR", "-4472349.17")],
    "jejik/abnamro.sta": [("876.84 EUR", "2914.84"), ("1849.75 EUR", "2852.35")],
    "jejik/ing.sta": [("3.47 EUR", "-45.59")],
    "jejik/knab.sta": [("798.98 EUR", "-3701.02")],
    "jejik/rabobank.sta": [("395.82 EUR", "-740.11"), ("1250.87 EUR", "1014.31")],
    "jejik/triodos.sta": [("4370.79 EUR", "4259.39")],
    "self-provided/details_60-63.sta": [("12345.98 EUR", "12111.97")],
    "self-provided/malformed_details.sta": [("12345.98 EUR", "12111.97")],
    "self-provided/overly_long_details.sta": [("12345.98 EUR", "12111.97")],
    "self-provided/whitespace.sta": [("12345.98 EUR", "12111.97")],
    "self-provided/mt942.sta": [("2.30", "0.42")],
}


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def completed(content: bytes) -> bytes:
    """Return single fields as a message, so that they can be compared as well."""
    text = content.decode("latin-1").replace("\r", "").replace("\n:\n86:", "\n:86:")
    lines = text.strip("\n-").split("\n")
    lines = [line for line in lines if line.strip()]
    tags = [line[:5].strip(":").partition(":")[0] for line in lines]
    lines = [x for n, x in enumerate(lines) if tags[n] not in tags[n + 1 :] or tags[n] != "60F"]
    head = [(":20:", ":20:X"), (":25", ":25:1"), (":60", ":60F:C140101EUR0,00")]
    before = [line for tag, line in head if not any(each.startswith(tag) for each in lines)]
    if not any(each.startswith(":61") for each in lines) and lines[0].startswith(":86"):
        before.append(":61:140101C0,00NTRF")
    order = ["20", "21", "25", "28", "60", "61", "NS", "86", "62", "64"]
    whole = before + lines
    if not any(each.startswith(":61") for each in lines):
        whole.sort(key=lambda line: order.index(line[1:3]))
    return "\n".join([*whole, ""]).encode("latin-1")


def _part(line: LineTold) -> PartTold:
    return line.parts[0] if line.parts else PartTold()


def _text(line: LineTold) -> str:
    part = _part(line)
    words = [*part.remittance, line.note or "", part.note or ""]
    words += [f"{p.name}{p.account}{p.bank}" for p in part.parties]
    words += [str(value) for value in (part.references.end_to_end, part.references.mandate)]
    return plain("".join(words))


def _held(line: LineTold, wanted: Any) -> Any:
    return wanted if plain(wanted) in _text(line) else _text(line)


def _same(found: str | None, wanted: Any) -> Any:
    return wanted if found is not None and plain(found) == plain(wanted) else found


def _in_code(line: LineTold, wanted: Any) -> Any:
    return wanted if wanted in (line.code or "").split("+") else line.code


def _status(line: LineTold, _: Any) -> str:
    taken = line.amount.amount < 0
    if line.reversal:
        return "RC" if taken else "RD"
    return "D" if taken else "C"


def _customer(line: LineTold, wanted: str) -> Any:
    found = _part(line).references.customer or line.references.customer
    if wanted.strip() in {"", "NONREF", "KREF+", "EREF"}:
        return wanted if found is None else found
    # The other reader puts the word of :61: before what :86: says.
    return wanted if plain(found) == plain(wanted.removeprefix("KREF+\n")) else found


def _purpose(line: LineTold, wanted: str) -> Any:
    told = plain("".join(_part(line).remittance))
    return wanted if plain(wanted) in told else told


def _named(line: LineTold, attribute: str) -> str | None:
    parties = [p for p in _part(line).parties if p.role == "counterparty"]
    return getattr(parties[0], attribute) if parties else None


SAYS: dict[str, Callable[[LineTold, Any], Any]] = {
    "amount": lambda line, w: (
        {"amount": line.amount.amount, "currency": w["currency"] and line.amount.currency}
    ),
    "currency": lambda line, _: line.amount.currency,
    "date": lambda line, _: str(line.value_on),
    "entry_date": lambda line, _: str(line.booked_on),
    "guessed_entry_date": lambda line, _: str(line.booked_on),
    "status": _status,
    "id": lambda line, w: w if (line.code or "").startswith(w.strip()) else line.code,
    "customer_reference": _customer,
    "bank_reference": lambda line, w: _same(line.references.bank, w),
    "extra_details": _held,
    "transaction_details": _held,
    "posting_text": _held,
    "purpose": _purpose,
    "additional_purpose": _purpose,
    "prima_nota": _in_code,
    "return_debit_notes": _in_code,
    "transaction_code": _in_code,
    "applicant_bin": lambda line, w: _same(_named(line, "bank"), w),
    "applicant_iban": lambda line, w: _same(_named(line, "account"), w),
    "applicant_name": lambda line, w: _same(_named(line, "name"), w),
    "end_to_end_reference": lambda line, w: _same(
        _part(line).references.end_to_end or ("NONREF" if w == "NONREF" else None), w
    ),
    "transaction_reference": lambda _, w: w,
    "additional_position_reference": lambda line, w: _same(_part(line).references.mandate, w),
    "applicant_creditor_id": lambda line, w: _same(_part(line).references.creditor, w),
    "non_swift": _held,
}


ARGUED: dict[tuple[str, str], str] = {
    ("betterplace/sepa_mt9401.sta", "amount"): (
        "RC takes back a credit, so it takes money; the balances add up only so"
    ),
    ("cmxl/mt940.sta", "transaction_details"): "details in named or numbered form are taken apart",
    ("jejik/rabobank-iban.sta", "transaction_details"): "the same",
    ("jejik/triodos.sta", "transaction_details"): "the same",
    ("jejik/ing.sta", "transaction_details"): (
        "what stands behind the closing balance belongs to the statement, not to the last line"
    ),
    ("betterplace/sepa_snippet_broken.sta", ""): "refused: :25: stands where :86: belongs",
    ("self-provided/long_statement_number.sta", "statement_number"): (
        "1810118101 stands there without a stroke: one number"
    ),
    ("self-provided/long_statement_number.sta", "sequence_number"): "the same: no page",
    ("self-provided/account_identification.sta", ""): "refused: no balance, so no currency",
}
NOT_READ = {
    "funds_code": "the third letter of the currency, which the balance names whole",
    "non_swift_": "the bank's own subfields; compared whole as non_swift",
    "related_reference": "names a message, not money",
    "floor_limit": "above which lines are reported; moves nothing",
}


def _balance(code: str) -> Callable[[list[Read], Any], Any]:
    """Say the balance where one of a file's statements has it; the other reader keeps one a file."""

    def says(read: list[Read], wanted: dict[str, Any]) -> Any:
        found = [b for each in read for b in each.statement.balances if b.code == code]
        amount = (wanted["amount"]["amount"], wanted["amount"]["currency"], wanted["date"])
        told = [(b.amount.amount, b.amount.currency, str(b.on)) for b in found]
        return wanted if amount in told else told

    return says


def _last(name: str) -> Callable[[list[Read], Any], Any]:
    def says(read: list[Read], wanted: Any) -> Any:
        told = [getattr(each.statement, name) for each in read]
        found = ([None] + [each for each in told if each is not None])[-1]
        number = isinstance(found, int) and found == int(wanted)
        return wanted if number or plain(found) == plain(wanted) else found

    return says


def _account(read: list[Read], wanted: str) -> Any:
    told = read[-1].statement
    return wanted if wanted in {told.account, told.account + told.currency} else told.account


def _debits(read: list[Read], wanted: dict[str, Any]) -> Any:
    (total,) = read[0].statement.totals
    told = {"amount": -(total.sum or 0), "number": str(total.count)}
    return wanted if all(told[name] == wanted[name] for name in told) else told


WHOLE: dict[str, Callable[[list[Read], Any], Any]] = {
    "account_identification": _account,
    "final_opening_balance": _balance("OPBD"),
    "final_closing_balance": _balance("CLBD"),
    "intermediate_opening_balance": _balance("ITBD"),
    "intermediate_closing_balance": _balance("ITBD"),
    "available_balance": _balance("CLAV"),
    "statement_number": _last("number"),
    "sequence_number": _last("page"),
    "transaction_reference": _last("ident"),
    "non_swift": _last("note"),
    "sum_debit_entries": _debits,
    "date": lambda read, w: w if str(read[0].statement.told_at.date()) == w else read,
}


class Tally:
    """What was compared, and what came of it."""

    def __init__(self) -> None:
        self.compared: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.argued: Counter[tuple[str, str]] = Counter()
        self.deviations: list[str] = []

    def hold(
        self,
        name: str,
        fields: dict[str, Any],
        says: dict[str, Callable[[Any, Any], Any]],
        ours: Any,
    ) -> None:
        """Compare every field that is expected of a file, or of a line of it."""
        for field, wanted in fields.items():
            if field not in says:
                self.left[field] += 1
                continue
            self.compared[field] += 1
            found = says[field](ours, wanted)
            if found != wanted and (name, field) in ARGUED:
                self.argued[name, field] += 1
            elif found != wanted:
                self.deviations.append(f"{name} {field}: {wanted!r} expected, {found!r} found")


def hold_file(tally: Tally, path: Path) -> None:
    whole, lines = expected_of(path.with_suffix(".yml"))
    name, content = name_of(path), path.read_bytes()
    if (name, "") in ARGUED:
        tally.argued[name, ""] += 1
        return
    read = read_mt940(completed(content) if name in NO_STATEMENT else content)
    ours = [line for each in read for line in each.lines]
    assert len(ours) == len(lines)
    tally.hold(name, whole, WHOLE, read)
    for line, wanted in zip(ours, lines, strict=True):
        tally.hold(name, wanted, SAYS, line)


def test_every_field_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    paths = [path for path in FILES if path.with_suffix(".yml").exists()]
    paths = [path for path in paths if any(expected_of(path.with_suffix(".yml")))]
    for path in paths:
        hold_file(tally, path)
    with capsys.disabled():
        print(f"\nMT940: {tally.compared.total()} fields of {len(tally.compared)} kinds", end=" ")
        print(f"in {len(paths)} files, {len(tally.deviations)} differ,", end=" ")
        print(f"{tally.argued.total()} for a reason; {tally.left.total()} are not read")
        print(*tally.deviations, sep="\n")
        print(*(f"{n} x {p} {f}: {ARGUED[p, f]}" for (p, f), n in tally.argued.items()), sep="\n")
    assert not tally.deviations
    assert [name for name in tally.left if not any(part in name for part in NOT_READ)] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_statement_becomes_records_and_adds_up(path: Path) -> None:
    name = name_of(path)
    if name in NO_STATEMENT:
        with pytest.raises(ConfigError) as caught:
            read_mt940(path.read_bytes())
        assert (caught.value.context["line"], caught.value.context["column"]) == NO_STATEMENT[name]
        return
    at = datetime(2026, 11, 30, tzinfo=UTC)
    found = [
        map_source(Source(topic=piece.topic, body=piece.body, received_at=at))
        for piece in read_file("mt940", path.read_bytes())
    ]
    records = [record for each in found for record in each.records]
    assert len({record.ref for record in records}) == len(records)
    differs = [issue for each in found for issue in each.issues]
    told = [(i.expected.partition(",")[0], i.found.partition(",")[0]) for i in differs]
    assert told == DIFFER.get(name, [])
    for statement in (each for each in records if isinstance(each, BankStatement)):
        lines = [r for r in records if isinstance(r, BankLine) and r.statement_ref == statement.ref]
        assert statement.line_count == len(lines)
        if statement.opening and statement.closing and not told:
            total = sum((line.amount.amount for line in lines), statement.opening.amount.amount)
            assert total == statement.closing.amount.amount
