"""Recorded bodies of QuickBooks go the whole way; all are of the XML form, which is not spoken.

As they are, each is told to be XML. The JSON form has the same fields under the same names, so the
tests write the entities in it and map those: that holds our fields against recorded traffic.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec
import pytest

from trueup.canon.command import PostJournal, PostJournalLine
from trueup.canon.issue import Severity
from trueup.connectors.quickbooks import mapping
from trueup.connectors.quickbooks.api import errors_of, judge
from trueup.connectors.quickbooks.commands import command_receipt
from trueup.connectors.quickbooks.entity import BY_NAME, LEVEL
from trueup.contract.connector import Command, Mapped, ReceiptState, Reply, Source
from trueup.errors import RateLimited
from trueup.kernel.money import Money

pytestmark = pytest.mark.shared
PAYLOADS = Path(__file__).parents[3] / "shared/data/payloads/quickbooks"
LINE = PostJournalLine(account_ref="1", amount=Money(Decimal(0), "USD"))
NOW = datetime(2026, 11, 21, tzinfo=UTC)
_LISTS = frozenset(("Line", "CustomField", "LinkedTxn", "TaxLine", "Error"))
_NUMBERS = frozenset(
    (
        *("Amount", "TotalAmt", "Balance", "RemainingCredit", "QtyOnHand", "Qty", "UnitPrice"),
        *("TotalTax", "PurchaseCost", "HomeTotalAmt", "HomeBalance", "Deposit", "ExchangeRate"),
    )
)


ENCODER = msgspec.json.Encoder(decimal_format="number")


def parsed(path: Path) -> Element:
    """Return the file's root; an empty one where the file is no XML either."""
    text = path.read_bytes().strip()
    assert b"<!DOCTYPE" not in text  # nothing that could expand
    try:
        return fromstring(text)  # noqa: S314 - recorded files, without a document type
    except ParseError:
        return Element("broken")


def plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def as_json(element: Element) -> Any:
    """Return an element as QuickBooks writes it in JSON."""
    name, text = plain(element.tag), (element.text or "").strip()
    if name.endswith("Ref") or name == "CustomerMemo":
        told = {"value": text}
        return told | ({"name": element.attrib["name"]} if "name" in element.attrib else {})
    if not len(element):
        if name in _NUMBERS and text:
            return Decimal(text)
        return text if text not in {"true", "false"} else text == "true"
    found: dict[str, Any] = dict(element.attrib)
    found.pop("sparse", None)
    for child in element:
        key = plain(child.tag)
        if key in _LISTS:
            found.setdefault(key, []).append(as_json(child))
        else:
            found[key] = as_json(child)
    return found


def entities() -> Iterator[tuple[str, str, bytes]]:
    """Yield (file, entity, body in JSON) of every entity that is read."""
    for path in sorted(PAYLOADS.glob("*.xml")):
        root = parsed(path)
        for element in root.iter():
            name = plain(element.tag)
            if name in BY_NAME and element.find("{*}Id") is not None:
                yield path.name, name, ENCODER.encode(as_json(element))


def mean(topic: str, body: bytes) -> Mapped:
    return mapping.map_source(Source(topic=topic, body=body, received_at=NOW, raised_at=NOW))


def test_recorded_bodies_as_they_are_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Print the table: bodies, mapped, ignored, issues by code, unhandled (0)."""
    files = sorted([*PAYLOADS.glob("*.xml"), *PAYLOADS.glob("json/*.json")])
    as_is: Counter[str] = Counter()
    for path in files:
        told = mean("pull/Invoice", path.read_bytes())
        words = [f"{issue.code}: {issue.found}" for issue in told.issues]
        as_is[", ".join(words) or "unhandled"] += 1
    told_json: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    by_entity: Counter[str] = Counter()
    for _, name, body in entities():
        topics = [name, LEVEL] if name == "Item" else [name]
        for each in (mean(f"pull/{topic}", body) for topic in topics):
            end = "mapped" if each.records else "ignored" if each.ignored else "parked"
            told_json[end if each != Mapped() else "unhandled"] += 1
            by_entity[name] += 1
            issues.update(f"{issue.code} {issue.pointer}" for issue in each.issues)
            assert all(issue.severity is not Severity.ERROR for issue in each.issues), (name, each)
    xml = [path for path in files if path.suffix == ".xml"]
    broken = [path.name for path in xml if parsed(path).tag == "broken"]
    with capsys.disabled():
        print(f"\nquickbooks: {len(files)} bodies as they are: {dict(as_is)}")
        print(f"  not even XML: {broken}")
        print(f"  written in JSON: {sum(by_entity.values())} {dict(by_entity)}")
        print(f"  {dict(told_json)}; issues {dict(issues)}")
    assert as_is["unhandled"] == 0
    assert sum(as_is.values()) == len(files) > 100
    assert told_json["unhandled"] == told_json["parked"] == 0
    assert told_json["mapped"] >= 39


def test_recorded_faults_are_read_as_what_they_are() -> None:
    codes = []
    for name in ("customer_duplicate_error", "query_validation_error", "throttle_exceeded_error"):
        (fault,) = (e for e in parsed(PAYLOADS / f"{name}.xml").iter() if plain(e.tag) == "Fault")
        body = as_json(fault)
        reply = Reply(status=400, headers={}, body=ENCODER.encode({"Fault": body}))
        codes.append([error.number for error in errors_of(reply)])
        if name == "throttle_exceeded_error":
            with pytest.raises(RateLimited):
                judge(Reply(status=403, headers={}, body=reply.body))
        else:
            judge(reply)
    assert codes == [["6240"], ["4001"], ["3001"]]


def test_the_recorded_fault_in_json_is_a_refusal_in_quickbooks_words() -> None:
    (path,) = PAYLOADS.glob("json/*.json")
    reply = Reply(status=400, headers={}, body=path.read_bytes())
    judge(reply)  # it concerns the record
    content = PostJournal(number="1", posted_on=NOW.date(), lines=(LINE,))
    command = Command(kind="journal.post", key="k", ref="r", content=content, wanted_at=NOW)
    receipt = command_receipt(command, reply)
    assert (receipt.state, receipt.code) == (ReceiptState.REFUSED, "6240")
    assert "Duplicate Name" in (receipt.message or "")
