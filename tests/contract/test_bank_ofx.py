"""Every OFX file beside the checkout: lines, sums and places, by the files' own figures."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.leftout import SHARED
from trueup.canon.bank import BankLine, BankStatement
from trueup.connectors.bank.files import read_file
from trueup.connectors.bank.mapping import map_source
from trueup.contract.connector import Source
from trueup.errors import ConfigError

pytestmark = pytest.mark.shared

FOLDER = SHARED / "payloads/bank/ofx"
FILES = sorted(FOLDER.rglob("*.ofx"))

# Where ours refuses a file: line, element, found.
REFUSED = {
    "account_listing_aggregation.ofx": (11, "OFX", "none"),  # accounts, and no statement
    "date_missing.ofx": (33, "STMTTRN", "none"),
    "decimal_error.ofx": (37, "TRNAMT", "other text"),
    "signon_fail.ofx": (11, "STATUS", "the bank's refusal 15500"),
    "signon_success.ofx": (11, "OFX", "none"),
    "signon_success_no_message.ofx": (11, "OFX", "none"),
}

# What of investment accounts is not money on an account.
SKIPPED = {
    "investment_401k.ofx": ["1 BUYMF", "2 TRANSFER"],
    "tiaacref.ofx": ["1 TRANSFER"],
    "vanguard.ofx": ["1 SELLMF"],
    "vanguard401k.ofx": ["4 BUYMF", "1 TRANSFER"],
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_read_whole_or_refused_with_its_place(path: Path) -> None:
    content = path.read_bytes()
    if path.name in REFUSED:
        with pytest.raises(ConfigError) as caught:
            read_file("ofx", content)
        line, element, found = REFUSED[path.name]
        context = caught.value.context
        assert (context["line"], context["found"]) == (line, found)
        assert str(context["column"]).endswith(element)
        return
    at = datetime(2026, 11, 30, tzinfo=UTC)
    mapped = [
        map_source(Source(topic=piece.topic, body=piece.body, received_at=at))
        for piece in read_file("ofx", content)
    ]
    issues = [issue for each in mapped for issue in each.issues]
    assert [issue.found for issue in issues] == SKIPPED.get(path.name, [])
    records = [record for each in mapped for record in each.records]
    lines = [record for record in records if isinstance(record, BankLine)]
    statements = [record for record in records if isinstance(record, BankStatement)]
    # Counted by another way: the file's own amounts, tag by tag.
    text = content.decode("latin-1")
    amounts = re.findall(r"<STMTTRN>.*?<TRNAMT>\s*([-+0-9.]+)", text, re.DOTALL)
    assert sorted(line.amount.amount for line in lines) == sorted(map(Decimal, amounts))
    told = len(re.findall(r"<(?:STMTRS|CCSTMTRS|INVSTMTRS)>", text))
    assert len(statements) == told
    ledger = re.findall(r"<LEDGERBAL>\s*<BALAMT>([-0-9.]+)", text)
    closing = [str(each.closing.amount.amount) for each in statements if each.closing]
    assert closing == ledger
    assert len({line.ref for line in lines}) == len(lines)
