"""The head of a real settlement report beside the checkout: its columns, its cells, its faults."""

import re
from decimal import Decimal

import pytest

from tests.support.leftout import SHARED
from tests.unit.connectors.paypal.report import Became, refusal
from trueup.canon.payout import EntryKind

pytestmark = pytest.mark.shared

HEAD = SHARED / "payloads/paypal/report-shape/settlement_report_head.csv"


def test_the_fragment_itself_is_refused_because_its_masking_broke_the_quotes() -> None:
    context = refusal(HEAD.read_bytes())
    assert context["line"] > 0
    assert context["expected"]


def test_mended_and_ended_it_is_read() -> None:
    """Quotes as they were before the masking, and the rows that the fragment lacks."""
    lines = HEAD.read_text(encoding="utf-8").splitlines()
    head = [lines[0].replace("**********", "MERCHANT"), lines[1]]
    section = '"SH",2024/08/20 00:00:00 -0700,2024/08/20 23:59:59 -0700,"MERCHANT",""'
    columns = next(line for line in lines if '"CH"' in line or "CH" in line.split(",")[0])
    columns = re.sub(r'^.*?"CH"', '"CH"', columns)
    body = (
        '"SB","TX1","","REF1","","T0000",2024/08/20 00:01:17 -0700,2024/08/20 00:01:17 -0700,'
        '"DR",3000,"USD","",,"","","PAYER","","","","",,,""'
    )
    ends = ('"SF","USD",0,3000,0,0,"CR",3000,"CR",0', '"SC",1', '"FF"', '"RF"', '"RC",1')
    found = Became("\n".join((*head, section, columns, body, *ends)) + "\n")
    (entry,) = found.entries
    assert (entry.net.amount, entry.entry) == (Decimal("-30.00"), EntryKind.TRANSFER)
    assert found.issues == []
