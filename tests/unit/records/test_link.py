"""Names are compared in one form, and stand in no plain part of a stored record."""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.unit.ledger.stories import line, order
from trueup.canon.link import Link, LinkSpace, normal_links, normal_value
from trueup.canon.order import Order
from trueup.canon.record import decode, encode
from trueup.contract.connector import Source
from trueup.govern.vault import Vault
from trueup.records.links import digests_of, digests_of_name
from trueup.records.merge import take_apart

AT = datetime(2026, 3, 2, tzinfo=UTC)
SOURCE = Source(topic="t", body=b"", received_at=AT)


@pytest.mark.parametrize(
    ("space", "written", "compared"),
    [
        (LinkSpace.TRACKING, " 1z 42\tab ", "1Z42AB"),
        (LinkSpace.ORDER, " #A-1001 ", "a-1001"),
        (LinkSpace.ORDER, "# 1001", "1001"),
        (LinkSpace.ORDER, "##1", "#1"),
        (LinkSpace.EMAIL, " Ann@B.Example", "ann@b.example"),
        (LinkSpace.PHONE, "+49 (30) 1", "49301"),
        (LinkSpace.PAYMENT, " ch_aB ", "ch_aB"),
        (LinkSpace.TRACKING, " ", ""),
    ],
)
def test_a_name_is_compared_in_one_form(space: LinkSpace, written: str, compared: str) -> None:
    assert normal_value(space, written) == compared
    assert normal_value(space, compared.replace("#", "")) == compared.replace("#", "")


def test_links_are_each_once_and_in_order_and_empty_ones_are_none() -> None:
    links = [Link(LinkSpace.TRACKING, each) for each in ("b", "A", "B ", "", " ")]
    assert normal_links(links) == (("tracking", "A"), ("tracking", "B"))


def linked(*names: str) -> Order:
    record: Order = msgspec.structs.replace(
        order(line(quantity=1)), links=tuple(Link(LinkSpace.PAYMENT, name) for name in names)
    )
    return record


def test_links_stand_in_no_stored_part_and_make_another_version() -> None:
    bare, one, other = (take_apart(linked(*names), SOURCE) for names in ((), ("ch_1",), ("ch_2",)))
    assert b"ch_" not in one.body + (one.personal or b"")
    assert one.links == (("payment", "ch_1"),)
    assert bare.body == one.body == other.body
    assert len({bare.stamp.digest, one.stamp.digest, other.stamp.digest}) == 3
    twice = take_apart(linked("ch_2", "ch_1"), SOURCE)
    assert twice.stamp == take_apart(linked("ch_1", "ch_2", "ch_1 "), SOURCE).stamp


def test_links_go_through_json() -> None:
    record = linked("ch_1")
    assert decode("order", encode(record)) == record


def test_equal_names_of_other_kinds_have_other_digests() -> None:
    vault = Vault(bytes(32))
    kinds = [digests_of(vault, [(space, "x1")])[0][1] for space in LinkSpace]
    assert len(set(kinds)) == len(LinkSpace)
    assert ("order", vault.index("order", "1001")) in digests_of_name(vault, "#1001")
    assert digests_of(Vault(bytes(range(32))), [("order", "1")]) != digests_of(
        vault, [("order", "1")]
    )
