"""Goal: of any order, whatever is kept of it, each command ends in what was asked for, or in words.

Method: the connector's own calls on an order in memory, without a line; each is carried out twice,
and once more after each call that may be the last one made.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from trueup.canon.command import CancelOrder, CommandContent, HoldOrder, ReleaseOrder, TagOrder
from trueup.connectors.bigcommerce import commands
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, Refused

DONE, REFUSED = ReceiptState.DONE, ReceiptState.REFUSED
HELD_BY_US = '{"holds":["trueup"],"held_from":11}'


class Shelf:
    """One order of a store, and our metafield; `deaf` takes no status, `numb` keeps no metafield."""

    def __init__(self, status: int, value: str | None = None, paid: str = "captured") -> None:
        self.status, self.value, self.paid = status, value, paid
        self.deaf = self.numb = False
        self.writes = 0

    def answer(self, request: Request) -> Reply:
        body = json.loads(request.body) if request.body else {}
        self.writes += request.method != "GET"
        if request.path.startswith("/v2/"):
            if "status_id" in body and not self.deaf:
                self.status = body["status_id"]
            return self._said({"id": 7, "status_id": self.status, "payment_status": self.paid})
        if request.method == "GET":
            return self._said({"data": [] if self.value is None else [self._field()]})
        assert (request.method == "POST") is (self.value is None), "it is made once"
        self.value = "{}" if self.numb else body["value"]
        return self._said({"data": self._field()})

    def _field(self) -> dict[str, object]:
        return {"id": 9, "namespace": "trueup", "key": "standing", "value": self.value}

    def _said(self, body: object) -> Reply:
        return Reply(status=200, headers={}, body=json.dumps(body).encode())


def command(content: CommandContent) -> Command:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Command(kind=content.command, key="k", ref="ours", content=content, wanted_at=now)


def carry(shelf: Shelf, content: CommandContent, most: int = 9) -> Receipt:
    """Carry a command out; at most so many calls are made, as where a process dies."""
    asked = command(content)
    replies = [shelf.answer(commands.command_request(asked, "k"))]
    while len(replies) < most and (step := commands.next_request(asked, "k", replies)) is not None:
        replies.append(shelf.answer(step))
    return commands.command_receipt(asked, replies[-1])


@pytest.mark.parametrize(
    ("content", "status", "value", "ends"),
    [
        (HoldOrder(order_ref="7"), 11, None, (12, {"holds": ["trueup"], "held_from": 11})),
        (
            HoldOrder(order_ref="7", name="b"),
            12,
            HELD_BY_US,
            (12, {"holds": ["trueup", "b"], "held_from": 11}),
        ),
        (HoldOrder(order_ref="7"), 9, HELD_BY_US, (12, {"holds": ["trueup"], "held_from": 9})),
        (HoldOrder(order_ref="7"), 12, "no json", (12, {"holds": ["trueup"]})),
        (ReleaseOrder(order_ref="7"), 12, HELD_BY_US, (11, {})),
        (ReleaseOrder(order_ref="7"), 10, HELD_BY_US, (10, {})),
        (
            ReleaseOrder(order_ref="7"),
            12,
            '{"holds":["trueup","b"],"held_from":11}',
            (12, {"holds": ["b"], "held_from": 11}),
        ),
        (
            TagOrder(order_ref="7", added=("a", "b")),
            10,
            '{"tags":["b"]}',
            (10, {"tags": ["b", "a"]}),
        ),
        (TagOrder(order_ref="7", removed=("b",)), 10, '{"tags":["b"]}', (10, {})),
        (CancelOrder(order_ref="7", refund=False), 12, None, (5, {"cancelled_by": "ours"})),
    ],
)
def test_each_ends_in_what_was_asked_for_whatever_breaks_between(
    content: CommandContent, status: int, value: str | None, ends: tuple[int, object]
) -> None:
    for broken in range(1, 6):
        shelf = Shelf(status, value)
        carry(shelf, content, broken)
        told = carry(shelf, content)
        assert (told.state, told.vendor_ref) == (DONE, "7")
        assert (shelf.status, json.loads(shelf.value or "{}")) == ends
        written = shelf.writes
        assert carry(shelf, content).state is DONE
        assert shelf.writes == written, "what stands is not written again"


@pytest.mark.parametrize(
    ("content", "shelf", "code"),
    [
        (HoldOrder(order_ref="7"), Shelf(2), "nothing_to_hold"),
        (CancelOrder(order_ref="7"), Shelf(2), "invalid"),
        (CancelOrder(order_ref="7"), Shelf(11), "refund_apart"),
        (CancelOrder(order_ref="7"), Shelf(9, paid=""), "refund_apart"),
        (CancelOrder(order_ref="7"), Shelf(5), "cancelled_by_others"),
    ],
)
def test_what_can_not_be_is_refused_in_words_and_nothing_is_written(
    content: CommandContent, shelf: Shelf, code: str
) -> None:
    told = carry(shelf, content)
    assert (told.state, told.code, bool(told.message)) == (REFUSED, code, True)
    assert shelf.writes == 0


@pytest.mark.parametrize(
    "content",
    [
        HoldOrder(order_ref="7/products"),
        CancelOrder(order_ref="7", restock=False),
        ReleaseOrder(order_ref="\u0667"),
    ],
)
def test_what_can_not_be_said_is_refused_before_the_first_call(content: CommandContent) -> None:
    with pytest.raises(Refused):
        commands.command_request(command(content), "k")


CHANGES: Sequence[tuple[CommandContent, int, str | None]] = (
    (HoldOrder(order_ref="7"), 11, None),
    (ReleaseOrder(order_ref="7"), 12, HELD_BY_US),
    (TagOrder(order_ref="7", added=("a",)), 11, None),
    (CancelOrder(order_ref="7", refund=False), 11, None),
)


@pytest.mark.parametrize(("deaf", "numb"), [(True, False), (False, True)])
def test_what_does_not_stand_after_it_was_written_is_never_called_done(
    *, deaf: bool, numb: bool
) -> None:
    for content, status, value in CHANGES:
        shelf = Shelf(status, value)
        shelf.deaf, shelf.numb = deaf, numb
        told = carry(shelf, content)
        # A tag needs no status; the last hold is gone where nothing is kept at all.
        spared = (TagOrder if deaf else ReleaseOrder).command
        wanted = DONE if content.command == spared else ReceiptState.UNKNOWN
        assert told.state is wanted, content


@pytest.mark.parametrize("body", [b"{}", b"<html>", b"[]", b'{"data":null}'])
def test_a_reply_that_says_nothing_is_no_receipt(body: bytes) -> None:
    with pytest.raises(ContractBroken):
        commands.command_receipt(
            command(HoldOrder(order_ref="7")), Reply(status=200, headers={}, body=body)
        )


def test_what_bigcommerce_has_not_is_refused_by_its_name() -> None:
    strange = msgspec.structs.replace(command(CommandContent()), kind="order.sing")
    with pytest.raises(Refused, match=r"order\.sing"):
        commands.command_request(strange, "k")
