"""Goal: returns are opened, answered and paid back once, whatever breaks or who else is there.

Method: the hub's own commander against a simulated Shopify over sockets; what stands is read off
the shop's own books.
"""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.db.test_outbox import selling
from tests.flow.test_order_changes import at_shop, command
from tests.flow.test_order_holds import CUTS, carried, ordered, state
from tests.support.spine import open_spine
from trueup.canon.command import CommandContent
from trueup.canon.return_command import (
    LINES_MAX,
    ApproveReturn,
    DeclineReturn,
    OpenReturn,
    RefundReturn,
    Settled,
    WantedBack,
)
from trueup.contract.connector import Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused
from trueup.kernel.money import Money
from trueup.outbox.dispatch import Dispatcher
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.model import Order

pytestmark = pytest.mark.anyio
_ANSWERS = ("returnApproveRequest", "returnDeclineRequest")


def sent(sandbox: Sandbox, units: int = 2, **cart: Any) -> Order:
    """Sell units of the tee, and send them."""
    lines = [CartLine(sku="TEE", quantity=units)]
    sold = sandbox.do("north", commands.Checkout(cart=Cart(lines=lines, **cart), insist=True))
    sandbox.do("north", commands.Fulfil(order=sold.order))
    return sandbox.shop("north").orders[sold.order_id]


def back(sandbox: Sandbox, units: int = 2, *, approved: bool = True, **cart: Any) -> Order:
    """Sell and send units of which the customer wants to send all back."""
    order = sent(sandbox, units, **cart)
    wanted = commands.OpenReturn(order=order.name, units={"TEE": units}, approved=approved)
    sandbox.do("north", wanted)
    return order


def opened(order: Order, units: int = 1, **other: Any) -> OpenReturn:
    wanted = WantedBack(line_ref=str(order.lines[0].id), quantity=units, reason="too_small")
    return OpenReturn(order_ref=str(order.id), lines=(wanted,), **other)


def answers(order: Order) -> tuple[ApproveReturn, DeclineReturn]:
    refs = {"order_ref": str(order.id), "return_ref": str(order.returns[0].id)}
    return ApproveReturn(**refs), DeclineReturn(**refs, reason="late", note="It was too long ago.")


def paid_back(order: Order, amount: str, units: int = 1, **settled: Any) -> RefundReturn:
    line = Settled(line_ref=str(order.lines[0].id), quantity=units, **settled)
    return RefundReturn(
        order_ref=str(order.id),
        return_ref=str(order.returns[0].id),
        amount=Money(Decimal(amount), order.exchange.shop),
        lines=(line,),
    )


def cut(sandbox: Sandbox, kind: ApiFaultKind, operation: str) -> None:
    rule = ApiFault(kind=kind, next_calls=1, operation=operation)
    sandbox.shop("north").faults.rules.append(rule)


@pytest.mark.parametrize("kind", CUTS)
async def test_a_cut_line_ends_in_one_return_and_one_refund(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        shop, order = sandbox.shop("north"), sent(sandbox)
        cut(sandbox, kind, "returnCreate")
        wanted = opened(order, 2, note="Asked for by mail")
        assert (await carried(spine, dispatcher, "open", wanted))[0] == "done"
        (made,) = order.returns
        (line,) = made.lines
        assert (made.status, line.quantity, line.reason) == ("open", 2, "size_too_small")
        assert line.note == "Asked for by mail [trueup:open]"
        assert await spine.one("SELECT vendor_ref FROM outbox.command") == str(made.id)
        place, before = next(iter(shop.locations)), available(sandbox, order)
        cut(sandbox, kind, "returnProcess")
        settled = paid_back(order, "500", 2, restocked=1, location_ref=str(place))
        assert (await carried(spine, dispatcher, "pay", settled))[0] == "done"
        (refund,) = order.refunds
        assert (refund.return_id, refund.note) == (made.id, "[trueup:pay]")
        assert sum(each.amount.shop for each in refund.transactions) == worth(order)
        assert [(d.type, d.quantity) for d in line.dispositions] == [
            ("restocked", 1),
            ("not_restocked", 1),
        ]
        assert (made.status, available(sandbox, order) - before) == ("closed", 1)
        assert (await carried(spine, dispatcher, "again", settled))[0] == "done", "it stands"
        assert (len(order.refunds), shop.faults.struck) == (1, {kind: 2})


def worth(order: Order) -> Decimal:
    """Return what the goods were sold for, taxes included."""
    return sum((line.net.shop + line.tax.shop for line in order.lines), Decimal(0))


def available(sandbox: Sandbox, order: Order) -> int:
    variant = order.lines[0].variant
    assert variant is not None
    levels = sandbox.shop("north").levels.values()
    return sum(level.available for level in levels if level.item_id == variant.item.id)


async def test_what_a_customer_asked_for_is_answered_once(database_url: str) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        agreed, declined = (back(sandbox, approved=False) for _ in range(2))
        for number, order in enumerate((agreed, declined)):
            cut(sandbox, "timeout_after_work", _ANSWERS[number])
            content = answers(order)[number]
            assert (await carried(spine, dispatcher, f"first{number}", content))[0] == "done"
            assert (await carried(spine, dispatcher, f"again{number}", content))[0] == "done"
            other = await carried(spine, dispatcher, f"other{number}", answers(order)[1 - number])
            assert other == ("refused", "answered_by_others")
        assert agreed.returns[0].status == "open"
        assert declined.returns[0].decline == ("RETURN_PERIOD_ENDED", "It was too long ago.")
        assert sandbox.shop("north").counters["returns/approve"] == 1
        assert sandbox.shop("north").counters["returns/decline"] == 1


async def test_a_refund_of_a_person_of_the_shop_is_never_followed_by_ours(
    database_url: str,
) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        whole, part, beside = (back(sandbox) for _ in range(3))
        sandbox.do("north", commands.CloseReturn(order=whole.name))
        sandbox.do("north", commands.Refund(order=part.name, units={"TEE": 1}))
        for order, told in (
            (whole, ("done", None)),
            (part, ("refused", "refunded_by_others")),
        ):
            content = paid_back(order, "500", 2)
            assert await carried(spine, dispatcher, order.name, content) == told
            assert len(order.refunds) == 1
        # Who knows of the unit that was refunded beside the return has the other one paid.
        sandbox.do("north", commands.Refund(order=beside.name, units={"TEE": 1}))
        assert (await carried(spine, dispatcher, "b", paid_back(beside, "500", refunded=1)))[0] == (
            "done"
        )
        assert [each.return_id for each in beside.refunds] == [None, beside.returns[0].id]


async def test_never_more_goes_back_than_was_ordered_or_than_it_is_worth(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        part, kept = back(sandbox), back(sandbox)
        assert (await carried(spine, dispatcher, "p", paid_back(part, "7.5")))[0] == "done"
        assert [t.amount.shop for t in part.refunds[0].transactions] == [Decimal("7.50")]
        assert part.returns[0].status == "open", "the other unit has still to come"
        rest = paid_back(part, "500", refunded=1, quarantined=1, location_ref=place_of(part))
        assert (await carried(spine, dispatcher, "r", rest))[0] == "done"
        assert sum(t.amount.shop for r in part.refunds for t in r.transactions) < worth(part)
        assert (await carried(spine, dispatcher, "k", paid_back(kept, "500", 2, absent=2)))[0] == (
            "done"
        )
        (line,) = kept.returns[0].lines
        assert [(d.type, d.location_id) for d in line.dispositions] == [("missing", None)]
        assert (kept.returns[0].status, available(sandbox, kept)) == ("closed", 3 - 4)


def place_of(order: Order) -> str:
    return str(order.lines[0].location_id)


async def test_a_process_that_dies_after_it_paid_does_not_pay_again(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = back(sandbox)
        await ordered(spine, "pay", paid_back(order, "500", 2))
        claimed = await dispatcher.commander._claim()
        assert claimed is not None
        assert claimed.command is not None
        await dispatcher.commander._carry(claimed, claimed.command)
        assert (await state(spine, "pay"))[0] == "sending"
        successor = Dispatcher(spine.conn, spine.hub.vault, dispatcher.commander._caller)
        assert await successor.commander.recover() == 1
        assert ((await state(spine, "pay"))[0], len(order.refunds)) == ("done", 1)


async def test_what_can_not_be_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        wanted, one = back(sandbox, approved=False), back(sandbox)
        swapped, dollars, unpaid = back(sandbox), back(sandbox), back(sandbox)
        swapped.returns[0].exchanged = [(7, 1)]
        unpaid.transactions.clear()
        abroad = back(sandbox, presentment_currency="EUR", presentment_rate="0.9")
        euros = msgspec.structs.replace(paid_back(dollars, "1"), amount=Money(Decimal(1), "EUR"))
        nowhere = msgspec.structs.replace(paid_back(one, "1"), return_ref="404")
        elsewhere = paid_back(one, "1", restocked=1, location_ref="404")
        gone = msgspec.structs.replace(opened(one), order_ref="404")
        for number, (content, code) in enumerate(
            (
                (gone, "not_found"),
                (opened(one, 1), "not_returnable"),
                (msgspec.structs.replace(opened(one), order_ref="x"), "connector.refused"),
                (msgspec.structs.replace(answers(one)[0], return_ref="404"), "not_found"),
                (nowhere, "not_found"),
                (elsewhere, "not_found"),
                (paid_back(one, "1", 3), "not_in_return"),
                (paid_back(one, "1", refunded=1), "refunded_by_others"),
                (paid_back(one, "1", restocked=1, location_ref="x"), "connector.refused"),
                (paid_back(wanted, "1"), "not_open"),
                (paid_back(swapped, "1"), "has_exchange"),
                (paid_back(unpaid, "1"), "nothing_to_pay"),
                (paid_back(abroad, "1"), "other_currency"),
                (euros, "wrong_currency"),
            )
        ):
            told = await carried(spine, dispatcher, f"c{number}", content)
            assert told == ("refused", code), content
        every = (wanted, one, swapped, dollars, unpaid, abroad)
        assert not any(order.refunds for order in every)
        assert (await carried(spine, dispatcher, "abroad", paid_back(abroad, "500", 2)))[
            0
        ] == "done"
        assert abroad.refunds[0].transactions[0].amount.shop == worth(abroad)


async def test_a_missing_scope_refuses_it_and_stops_nothing_else(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = back(sandbox)
        scopes = sandbox.shop("north").settings.scopes
        at_shop(sandbox, scopes=tuple(each for each in scopes if each != "write_returns"))
        denied = await carried(spine, dispatcher, "pay", paid_back(order, "500"))
        assert denied == ("refused", "connector.refused")
        assert (order.refunds, dispatcher.commander._caller.breaker.state) == ([], "closed")


async def test_replies_that_say_nothing_are_no_receipts(database_url: str) -> None:
    def reply(body: str) -> Reply:
        return Reply(status=200, headers={}, body=body.encode())

    async with open_spine(database_url, "north") as spine:
        room, settled = spine.folder.commands, Settled(line_ref="1", quantity=1)
        amount = Money(Decimal(1), "EUR")
        contents: tuple[CommandContent, ...] = (
            OpenReturn(order_ref="1", lines=(WantedBack(line_ref="1", quantity=1),)),
            ApproveReturn(order_ref="1", return_ref="2"),
            RefundReturn(order_ref="1", return_ref="2", amount=amount, lines=(settled,)),
        )
        nulls = '{"data":{"returnCreate":null,"returnProcess":null,"returnApproveRequest":null}}'
        for content in contents:
            for body in ("[", nulls):
                with pytest.raises(ContractBroken):
                    room.command_receipt(command(content), reply(body))
        nothing = reply('{"data":{"returnApproveRequest":{}}}')
        assert room.command_receipt(command(contents[1]), nothing).state == "unknown"
        with pytest.raises(Refused):
            room.confirm_request(command(contents[2]), "7")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Settled(line_ref="1", quantity=0),
        lambda: Settled(line_ref="1", quantity=1, restocked=1),
        lambda: Settled(line_ref="1", quantity=1, absent=2),
        lambda: Settled(line_ref="1", quantity=1, restocked=-1, location_ref="2"),
        lambda: WantedBack(line_ref="1", quantity=0),
        lambda: OpenReturn(order_ref="1", lines=()),
        lambda: OpenReturn(order_ref="1", lines=(WantedBack(line_ref="1", quantity=1),) * 2),
        lambda: OpenReturn(
            order_ref="1",
            lines=tuple(WantedBack(line_ref=str(n), quantity=1) for n in range(LINES_MAX + 1)),
        ),
        lambda: DeclineReturn(order_ref="1", return_ref="2", note="x" * 501),
        lambda: RefundReturn(
            order_ref="1",
            return_ref="2",
            amount=Money(Decimal(0), "EUR"),
            lines=(Settled(line_ref="1", quantity=1),),
        ),
    ],
)
def test_what_no_shop_could_do_is_a_bug(wrong: Any) -> None:
    with pytest.raises(InvariantBroken):
        wrong()
