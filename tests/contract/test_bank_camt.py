"""Every CAMT statement beside the checkout, field by field against the parse that lies beside it."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.camt_expected import SAYS, Spot, leaves
from tests.support.leftout import SHARED
from trueup.canon.bank import BankLine, BankStatement
from trueup.connectors.bank.camt import read_camt
from trueup.connectors.bank.files import read_file
from trueup.connectors.bank.mapping import map_source
from trueup.contract.connector import Mapped, Source
from trueup.errors import ConfigError

pytestmark = pytest.mark.shared

FOLDER = SHARED / "payloads/bank/camt"
FILES = sorted(FOLDER.glob("*.xml"))
NO_STATEMENT = "camt053.v2.wrong.xml"

# What ours leaves out, each with the reason; every other leaf must be equal.
NOT_READ = {
    "getIndex": "a place in the file; nothing may depend on it",
    "getCopyDuplicateIndicator": "a copy has the same lines with the same names",
    "getCharges/getRecords": "points to the record that is compared",
    "getAmountDetails": "compared as the part's amount",
    "getCreditorReferenceInformation/getCode": "the kind of a reference: the reference tells",
    "getCreditorReferenceInformation/getProprietary": "the same",
    "getIdentification/getOtherIssuer": "who gave a party its number; the number is kept",
    "getIdentification/getOtherSchemeName": "the same",
    "OfBirth": "more about a person than a payment needs",
    "getBirthDate": "the same",
}
ARGUED = {
    "getCharges/getRecord/getAmount": "ours counts what costs the owner above zero",
    "getRelatedAgentType/getName": "a bank that has a BIC is known by that",
    "getAccount/getName": "the party's own name goes before that of its account",
}

# Samples whose own figures do not fit together.
DIFFER = {
    "camt053.v2.all-balance-types.xml": ("4.04 EUR, as the statement says", "9.86, by its lines"),
    **dict.fromkeys(
        (
            *("camt053.v2.minimal.xml", "camt053.v2.minimal.ultimate.xml", "camt053.v4.xml"),
            *("camt053.v2.with-party-ids.xml", "camt053.v8.xml"),
        ),
        # 18.15 EUR, then 8.85 EUR, then -27.00 SEK
        ("one currency, as the statement says", "EUR, SEK, by its lines"),
    ),
}


def mapped(content: bytes) -> list[Mapped]:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    return [
        map_source(Source(topic=piece.topic, body=piece.body, received_at=at))
        for piece in read_file("camt", content)
    ]


def reason(reasons: dict[str, str], pattern: str) -> str:
    return next((why for part, why in reasons.items() if part in pattern), "")


def test_every_leaf_is_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    compared: Counter[str] = Counter()
    left: Counter[str] = Counter()
    argued: Counter[str] = Counter()
    deviations: list[str] = []
    for path in FILES:
        if path.name == NO_STATEMENT:
            continue
        expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["getEntries"]
        read = read_camt(path.read_bytes())
        ours = [(each, line) for each in read for line in each.lines]
        assert len(ours) == len(expected), path.name
        for (each, line), entry in zip(ours, expected, strict=True):
            for leaf, kind, wanted in leaves(entry):
                pattern = re.sub(r"/\d+", "/#", leaf).removeprefix("/")
                if pattern not in SAYS:
                    left[pattern] += 1
                    continue
                numbers = [int(number) for number in re.findall(r"/(\d+)", leaf)]
                found = SAYS[pattern](Spot(each, line, numbers, kind), wanted)
                compared[pattern] += 1
                argued[pattern] += found != wanted and bool(reason(ARGUED, pattern))
                if found != wanted and not reason(ARGUED, pattern):
                    deviations.append(f"{path.name} {leaf}: {wanted!r} expected, {found!r} found")
    with capsys.disabled():
        print(f"\nCAMT: {compared.total()} leaves of {len(compared)} kinds compared,", end=" ")
        print(
            f"{len(deviations)} differ, {argued.total()} for a reason; {left.total()} of {len(left)} kinds are not read"
        )
        print(
            *deviations, *(f"{n} x {p}: {reason(NOT_READ, p)}" for p, n in left.items()), sep="\n"
        )
    assert not deviations
    assert [pattern for pattern in left if not reason(NOT_READ, pattern)] == []


@pytest.mark.parametrize("path", [p for p in FILES if p.name != NO_STATEMENT], ids=lambda p: p.name)
def test_every_file_becomes_records_and_its_balances_add_up(path: Path) -> None:
    found = mapped(path.read_bytes())
    records = [record for each in found for record in each.records]
    assert {type(record) for record in records} == {BankStatement, BankLine}
    assert len({record.ref for record in records}) == len(records)
    for statement in (record for record in records if isinstance(record, BankStatement)):
        lines = [r for r in records if isinstance(r, BankLine) and r.statement_ref == statement.ref]
        assert statement.line_count == len(lines)
    differs = [(issue.expected, issue.found) for each in found for issue in each.issues]
    assert differs == ([DIFFER[path.name]] if path.name in DIFFER else [])


def test_a_message_without_a_statement_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        read_camt((FOLDER / NO_STATEMENT).read_bytes())
    assert caught.value.context["line"] == 3
    assert caught.value.context["column"] == "Document/BkToCstmrStmt"
