"""Goal: an order is held and released as wished, once, whatever breaks between.

Method: the hub's own commander against a simulated Shopify over sockets; what stands is read off
the shop's own books.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.db.test_outbox import selling
from tests.support.spine import Spine, open_spine
from trueup.canon.command import CommandContent, HoldOrder, ReleaseOrder
from trueup.connectors.shopify import hold as holding
from trueup.contract.connector import Command, Receipt, Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused, Unavailable
from trueup.outbox.command import list_commands
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import holds
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Cancel, Checkout, Fulfil
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import Hold

pytestmark = pytest.mark.anyio
TRIES = 10
CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout", "timeout_after_work"]


def sold(sandbox: Sandbox, *, parts: int = 1) -> Order:
    """Sell an order that is sent from so many places."""
    cart = Cart(lines=[CartLine(sku="TEE", quantity=1)] * parts)
    order = sandbox.shop("north").orders[
        sandbox.do("north", Checkout(cart=cart, insist=True)).order_id
    ]
    for number, line in enumerate(order.lines[1:]):
        line.location_id = number
    return order


def handles(sandbox: Sandbox, order: Order) -> list[list[str]]:
    shop = sandbox.shop("north")
    parts = holds.parts_of(shop, order)
    return [[held.handle for held in shop.holds.get(part.id, [])] for part in parts]


async def carried(
    spine: Spine, dispatcher: Dispatcher, ref: str, content: CommandContent
) -> tuple[str, str | None]:
    """Order a command and carry it out as far as it comes; returns its state and code.

    A call that surely did nothing, as one to a vendor slower than the short time-out of these
    tests, is tried again without the wait.
    """
    await ordered(spine, ref, content)
    for _ in range(TRIES):
        while await dispatcher.commander.step():
            pass
        if await state(spine, ref) != ("due", Unavailable.code):
            break
        await spine.rows("UPDATE outbox.command SET due_at = now() WHERE ref = %s RETURNING 1", ref)
    return await state(spine, ref)


async def ordered(spine: Spine, ref: str, content: CommandContent) -> None:
    wanted = WantedCommand(
        connection_id=spine.numbers["north"],
        kind=content.command,
        key=f"order/{ref}",
        ref=ref,
        content=content,
        wanted_at=datetime.now(UTC),
    )
    async with spine.conn.transaction():
        await want_commands(spine.conn, spine.hub.vault, [wanted])


async def state(spine: Spine, ref: str) -> tuple[str, str | None]:
    (row,) = await list_commands(spine.conn, ref=ref)
    return row["state"], row["code"]


async def test_an_order_is_held_under_each_name_once_and_released(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order, ref = sold(sandbox), ""
        ref = str(order.id)
        fraud = HoldOrder(order_ref=ref, reason="fraud", name="fraud", note="Card of another land")
        address = HoldOrder(order_ref=ref, reason="address", name="address")
        for number, content in enumerate((fraud, fraud, address)):
            assert (await carried(spine, dispatcher, f"h{number}", content))[0] == "done"
        assert handles(sandbox, order) == [["fraud", "address"]]
        (part,) = holds.parts_of(sandbox.shop("north"), order)
        held = sandbox.shop("north").holds[part.id][0]
        assert (held.reason, held.note) == ("HIGH_RISK_OF_FRAUD", "Card of another land")
        assert sandbox.do("north", Fulfil(order=order.name)).status == "skipped"
        for number, name in enumerate(("fraud", "fraud", "address")):
            release = ReleaseOrder(order_ref=ref, name=name)
            assert (await carried(spine, dispatcher, f"r{number}", release))[0] == "done"
        assert handles(sandbox, order) == [[]]
        assert sandbox.do("north", Fulfil(order=order.name)).status == "done"


async def test_a_hold_of_somebody_else_is_not_released(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = sold(sandbox)
        (part,) = holds.parts_of(sandbox.shop("north"), order)
        theirs = Hold(7, "trueup", "OTHER", ours=False)
        sandbox.shop("north").holds[part.id] = [theirs]
        hold, release = HoldOrder(order_ref=str(order.id)), ReleaseOrder(order_ref=str(order.id))
        assert (await carried(spine, dispatcher, "hold", hold))[0] == "done"
        assert len(handles(sandbox, order)[0]) == 2
        assert (await carried(spine, dispatcher, "release", release))[0] == "done"
        assert sandbox.shop("north").holds[part.id] == [theirs]


@pytest.mark.parametrize("kind", CUTS)
async def test_a_cut_line_ends_in_one_hold(database_url: str, kind: ApiFaultKind) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        order = sold(sandbox)
        faults = sandbox.shop("north").faults
        cut = ApiFault(kind=kind, next_calls=1, operation="fulfillmentOrderHold")
        faults.rules.append(cut)
        hold = HoldOrder(order_ref=str(order.id))
        assert (await carried(spine, dispatcher, "hold", hold))[0] == "done"
        assert faults.struck == {kind: 1}
        assert handles(sandbox, order) == [["trueup"]]
        faults.rules.append(
            msgspec.structs.replace(cut, operation="fulfillmentOrderReleaseHold", next_calls=1)
        )
        release = ReleaseOrder(order_ref=str(order.id))
        assert (await carried(spine, dispatcher, "release", release))[0] == "done"
        assert faults.struck == {kind: 2}
        assert handles(sandbox, order) == [[]]


async def test_a_process_that_dies_between_two_parts_goes_on_with_the_second(
    database_url: str,
) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = sold(sandbox, parts=2)
        await ordered(spine, "hold", HoldOrder(order_ref=str(order.id)))
        claimed = await dispatcher.commander._claim()
        assert claimed is not None
        assert claimed.command is not None
        commands, caller = spine.folder.commands, dispatcher.commander._caller
        look = await caller.send(commands.command_request(claimed.command, "k"))
        first = commands.next_request(claimed.command, "k", [look])
        assert first is not None
        await caller.send(first)
        assert handles(sandbox, order) == [["trueup"], []]
        assert (await state(spine, "hold"))[0] == "sending"
        successor = Dispatcher(spine.conn, spine.hub.vault, caller)
        assert await successor.commander.recover() == 1
        assert (await state(spine, "hold"))[0] == "done"
        assert handles(sandbox, order) == [["trueup"], ["trueup"]]


async def test_a_reply_that_can_not_be_read_is_looked_into_and_stops_no_line(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = sold(sandbox)

        def unreadable(*_: object) -> Receipt:
            raise ContractBroken

        with monkeypatch.context() as broken:
            broken.setattr(holding, "receipt", unreadable)
            command = HoldOrder(order_ref=str(order.id))
            told = await carried(spine, dispatcher, "hold", command)
        assert told == ("unknown", "connector.contract_broken")
        await spine.rows("UPDATE outbox.command SET due_at = now() RETURNING 1")
        assert await dispatcher.commander.recover() == 1
        assert (await state(spine, "hold"))[0] == "done"
        assert handles(sandbox, order) == [["trueup"]]


async def test_what_a_part_is_refused_for_is_told(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        order = sold(sandbox)
        (part,) = holds.parts_of(sandbox.shop("north"), order)
        many = [Hold(n, f"h{n}", "OTHER") for n in range(holds.HOLDS_MAX)]
        sandbox.shop("north").holds[part.id] = many
        refused = await carried(spine, dispatcher, "hold", HoldOrder(order_ref=str(order.id)))
        assert refused == ("refused", "fulfillment_order_hold_limit_reached")


async def test_an_order_without_parts_yet_is_held_later(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        shop, order = sandbox.shop("north"), sold(sandbox)
        at_once = shop.settings
        shop.settings = msgspec.structs.replace(at_once, parts_delay_s=300)
        hold = HoldOrder(order_ref=str(order.id))
        assert await carried(spine, dispatcher, "hold", hold) == ("due", "no_fulfillment_orders")
        shop.settings = at_once
        await spine.rows("UPDATE outbox.command SET due_at = now() RETURNING 1")
        assert await dispatcher.commander.step() == 1
        assert (await state(spine, "hold"))[0] == "done"
        assert handles(sandbox, order) == [["trueup"]]


async def test_what_can_not_be_held_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        sent, gone, many = sold(sandbox), sold(sandbox), sold(sandbox, parts=9)
        sandbox.do("north", Fulfil(order=sent.name))
        sandbox.do("north", Cancel(order=gone.name))
        for number, (order_ref, code) in enumerate(
            (
                (str(sent.id), "nothing_to_hold"),
                (str(gone.id), "nothing_to_hold"),
                (str(many.id), "too_many_parts"),
                ("404", "not_found"),
                ("A-1", "connector.refused"),
            )
        ):
            ref = f"hold{number}"
            hold = HoldOrder(order_ref=order_ref)
            assert await carried(spine, dispatcher, ref, hold) == ("refused", code)
        release = ReleaseOrder(order_ref=str(sent.id))
        assert (await carried(spine, dispatcher, "release", release))[0] == "done"
        assert sandbox.shop("north").holds == {}


async def test_a_missing_scope_refuses_the_hold_and_stops_nothing_else(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        shop, order = sandbox.shop("north"), sold(sandbox)
        scopes = tuple(s for s in shop.settings.scopes if "write_merchant" not in s)
        shop.settings = msgspec.structs.replace(shop.settings, scopes=scopes)
        hold = HoldOrder(order_ref=str(order.id))
        assert await carried(spine, dispatcher, "hold", hold) == ("refused", "connector.refused")
        assert handles(sandbox, order) == [[]]
        assert dispatcher.commander._caller.breaker.state == "closed"


async def test_replies_that_say_nothing_are_no_receipts(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        commands = spine.folder.commands
        for content in (HoldOrder(order_ref="7"), ReleaseOrder(order_ref="7")):
            command = Command(
                kind=content.command, key="k", ref="r", content=content, wanted_at=datetime.now(UTC)
            )
            for body in (b"{}", b"[", b'{"data":{"fulfillmentOrderHold":null}}'):
                with pytest.raises(ContractBroken):
                    commands.command_receipt(command, Reply(status=200, headers={}, body=body))
            with pytest.raises(ContractBroken):
                commands.next_request(command, "k", [Reply(status=200, headers={}, body=b"[")])


async def test_what_shopify_can_not_do_is_refused_here(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        content: Any = CommandContent()
        command = Command(
            kind="order.sing", key="k", ref="r", content=content, wanted_at=datetime.now(UTC)
        )
        reply = Reply(status=200, headers={}, body=b"{}")
        with pytest.raises(Refused, match=r"order\.sing"):
            spine.folder.commands.command_request(command, "k")
        with pytest.raises(Refused, match=r"order\.sing"):
            spine.folder.commands.command_receipt(command, reply)
        assert spine.folder.commands.next_request(command, "k", [reply]) is None


@pytest.mark.parametrize("name", ["", "Fraud", "a,b", "x" * 41])
def test_a_name_that_shops_can_not_keep_is_a_bug(name: str) -> None:
    with pytest.raises(InvariantBroken):
        HoldOrder(order_ref="1", name=name)
    with pytest.raises(InvariantBroken):
        ReleaseOrder(order_ref="1", name=name)
