"""Goal: store credit is given once, and a bought label stands on its return once.

Method: the hub's own commander against a simulated Shopify over sockets; what stands is read off
the shop's own books.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.db.test_outbox import selling
from tests.flow.test_order_changes import at_shop, command
from tests.flow.test_order_holds import carried, state
from tests.flow.test_return_commands import back, cut
from tests.support.spine import Spine, open_spine
from trueup.canon.command import GiveCredit
from trueup.canon.postage import AttachLabel
from trueup.connectors.shopify import credit
from trueup.contract.connector import Reply
from trueup.errors import ContractBroken, InvariantBroken
from trueup.kernel.money import Money
from trueup.outbox.dispatch import Dispatcher
from trueup.sandbox.faults import ApiFaultKind
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import commands
from trueup.sandbox.shopify.customers import CustomerSeed, find_or_create
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import Credit

pytestmark = pytest.mark.anyio
CUTS: list[ApiFaultKind] = ["reset", "timeout_after_work"]
GIVE = "storeCreditAccountCredit"
ATTACH = "reverseDeliveryCreateWithShipping"
NUMBER = "9400 1002 0830 3109 5056 57"


def buyer(sandbox: Sandbox) -> str:
    seed = CustomerSeed(email="ada@buyers.example")
    return str(find_or_create(sandbox.shop("north"), seed).id)


def give(customer: str, **other: Any) -> GiveCredit:
    given: dict[str, Any] = {
        "amount": Money(Decimal("5.00"), "USD"),
        "expires_on": date(2099, 6, 30),
    }
    return GiveCredit(customer_ref=customer, **(given | other))


def given(sandbox: Sandbox) -> list[Credit]:
    return [each for kept in sandbox.shop("north").credits.values() for each in kept]


async def doubted(spine: Spine, dispatcher: Dispatcher, ref: str) -> tuple[str, str | None]:
    """Look again as often as the hub does, until it leaves the command to a person."""
    for _ in range(40):
        await spine.rows(
            "UPDATE outbox.command SET due_at = now() WHERE due_at < now() + interval '1 year'"
            " RETURNING 1"
        )
        if not await dispatcher.commander.recover():
            break
    return await state(spine, ref)


# -- store credit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_credit_is_given_once(database_url: str, kind: ApiFaultKind) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        content = give(buyer(sandbox), notify=True)
        cut(sandbox, kind, GIVE)
        assert (await carried(spine, dispatcher, "credit", content))[0] == "done"
        assert sandbox.shop("north").faults.struck == {kind: 1}
        (made,) = given(sandbox)
        assert (made.amount, made.currency, made.notified) == (Decimal("5.00"), "USD", True)
        assert made.ends_at == credit.ends_at("credit", content)
        assert made.ends_at is not None
        assert made.ends_at.date() == date(2099, 6, 30)
        assert await spine.one("SELECT vendor_ref FROM outbox.command") == str(made.id)


async def test_credit_that_looks_alike_is_left_to_a_person(database_url: str) -> None:
    """A shop that rounds when credit ends, and a credit that a person gave: nothing is sent."""
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        at_shop(sandbox, credit_ends_by_day=True)
        customer = buyer(sandbox)
        cut(sandbox, "timeout_after_work", GIVE)
        await carried(spine, dispatcher, "rounded", give(customer))
        assert await doubted(spine, dispatcher, "rounded") == ("unknown", "given_alike")
        assert len(given(sandbox)) == 1
        other = give(customer, amount=Money(Decimal("7.00"), "USD"), expires_on=None)
        assert (await carried(spine, dispatcher, "other", other))[0] == "done"
        await carried(spine, dispatcher, "again", other)
        assert await doubted(spine, dispatcher, "again") == ("unknown", "given_alike")
        assert [each.amount for each in given(sandbox)] == [Decimal("5.00"), Decimal("7.00")]
        # What was given long before the order is no other telling of it.
        for each in given(sandbox):
            each.given_at -= timedelta(days=1)
        assert (await carried(spine, dispatcher, "later", other))[0] == "done"
        assert len(given(sandbox)) == 3


async def test_credit_that_can_not_be_given_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        customer = buyer(sandbox)
        for number, (content, code) in enumerate(
            (
                (give("404"), "not_found"),
                (give("x"), "connector.refused"),
                (give(customer, amount=Money(Decimal(5), "EUR")), "unsupported_currency"),
                (give(customer, amount=Money(Decimal(20_000), "USD")), "credit_limit_exceeded"),
                (give(customer, expires_on=date(2020, 1, 1)), "expires_at_in_past"),
            )
        ):
            assert await carried(spine, dispatcher, f"c{number}", content) == ("refused", code)
        at_shop(sandbox, scopes=("read_customers",))
        denied = await carried(spine, dispatcher, "denied", give(customer))
        assert denied == ("refused", "connector.refused")
        assert given(sandbox) == []
    with pytest.raises(InvariantBroken):
        give("1", amount=Money(Decimal(0), "USD"))


# -- labels of returns -----------------------------------------------------------------------------


def attach(order: Order, **other: Any) -> AttachLabel:
    wanted: dict[str, Any] = {
        "tracking_number": NUMBER,
        "tracking_url": "https://track.example/1",
        "label_url": "https://labels.example/1.pdf",
    }
    refs = {"order_ref": str(order.id), "return_ref": str(order.returns[0].id)}
    return AttachLabel(**(refs | wanted | other))


@pytest.mark.parametrize("kind", CUTS)
async def test_a_label_stands_on_its_return_once(database_url: str, kind: ApiFaultKind) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        order = back(sandbox)
        cut(sandbox, kind, ATTACH)
        assert (await carried(spine, dispatcher, "label", attach(order)))[0] == "done"
        assert sandbox.shop("north").faults.struck == {kind: 1}
        (made,) = order.returns[0].deliveries
        assert (made.number, made.url) == (NUMBER, "https://track.example/1")
        assert (made.label_url, made.notified) == ("https://labels.example/1.pdf", False)
        assert await spine.one("SELECT vendor_ref FROM outbox.command") == str(made.id)
        same = attach(order, tracking_number=NUMBER.replace(" ", ""))
        assert (await carried(spine, dispatcher, "same", same))[0] == "done"
        assert len(order.returns[0].deliveries) == 1
        another = attach(order, tracking_number="94001", tracking_url=None, label_url=None)
        assert (await carried(spine, dispatcher, "another", another))[0] == "done"
        assert [each.number for each in order.returns[0].deliveries] == [NUMBER, "94001"]


async def test_a_label_that_fits_no_return_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        asked, closed = back(sandbox, approved=False), back(sandbox)
        sandbox.do("north", commands.CloseReturn(order=closed.name))
        bad = back(sandbox)
        for number, (content, code) in enumerate(
            (
                (attach(bad, return_ref="404"), "not_found"),
                (attach(bad, return_ref="x"), "connector.refused"),
                (attach(asked), "not_open"),
                (attach(closed), "not_open"),
                (attach(bad, label_url="ftp://labels"), "invalid"),
            )
        ):
            assert await carried(spine, dispatcher, f"l{number}", content) == ("refused", code)
        assert all(not each.returns[0].deliveries for each in (asked, closed, bad))
        with pytest.raises(InvariantBroken):
            attach(bad, tracking_number=" ")


# -- what replies mean -----------------------------------------------------------------------------


def reply(field: str, value: object) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps({"data": {field: value}}).encode())


def page(*nodes: object, cut_short: bool = False) -> dict[str, object]:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": cut_short}}


def credits_of(*nodes: object, cut_short: bool = False, currency: str = "USD") -> Reply:
    account = {
        "id": "gid://shopify/StoreCreditAccount/1",
        "balance": {"currencyCode": currency},
        "transactions": page(*nodes, cut_short=cut_short),
    }
    return reply("customer", {"id": "1", "storeCreditAccounts": page(account)})


def one_credit(at: datetime, amount: str = "5.0", **other: object) -> dict[str, object]:
    told = {"amount": amount, "currencyCode": "USD"}
    return {"amount": told, "createdAt": at.isoformat(), "id": "gid://shopify/X/7", **other}


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_what_a_look_at_credit_says(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        room = spine.folder.commands
        wanted = command(give("1"))
        end = credit.ends_at(wanted.ref, give("1"))
        assert end is not None
        old, fresh = NOW - timedelta(days=3), NOW + timedelta(seconds=5)
        ours = one_credit(old, expiresAt=end.replace(microsecond=9).isoformat())
        for look, due in (
            (credits_of(), True),
            (credits_of(one_credit(old)), True),
            (credits_of(one_credit(fresh, "6.0"), one_credit(fresh, "4.99")), True),
            (credits_of(one_credit(fresh), currency="EUR"), True),
            (credits_of(one_credit(old), cut_short=True), True),
            (credits_of(one_credit(fresh)), True),  # it never ends, and ours does
            (credits_of(one_credit(fresh, expiresAt="2099-06-30T23:10:07Z")), True),
            (credits_of(one_credit(fresh, expiresAt="2099-06-30T23:59:59Z")), False),
            (credits_of(one_credit(fresh, expiresAt="2099-07-01T00:00:00Z")), False),
            (credits_of(one_credit(old, expiresAt="2099-06-30T23:59:59Z")), True),
            (credits_of(one_credit(fresh, "9"), cut_short=True), False),
            (credits_of(ours), False),
            (reply("customer", None), False),
        ):
            sent = room.next_request(wanted, "", [look])
            assert (sent is not None) == due, look.body
            assert sent is None or room.next_request(wanted, "", [look, look]) is None
        assert room.command_receipt(wanted, credits_of(ours)).vendor_ref == "7"
        cut_short = credits_of(one_credit(fresh, "9"), cut_short=True)
        assert room.command_receipt(wanted, cut_short).state == "unknown"
        forever = msgspec.structs.replace(wanted, content=give("1", expires_on=None))
        assert room.next_request(forever, "", [credits_of(ours)]) is not None
        assert room.next_request(forever, "", [credits_of(one_credit(fresh))]) is None


async def test_replies_that_say_nothing_are_no_receipts(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        room = spine.folder.commands
        label = AttachLabel(order_ref="1", return_ref="1", tracking_number="9")
        for content, field in ((give("1"), GIVE), (label, ATTACH)):
            ordered = command(content)
            for body in (b"{}", b"[", b'{"data":{"customer":7,"return":7}}'):
                with pytest.raises(ContractBroken):
                    room.command_receipt(ordered, Reply(status=200, headers={}, body=body))
            assert room.command_receipt(ordered, reply(field, {})).state == "unknown"
        ways = [{"id": "w", "status": "OPEN", "reverseDeliveries": page(cut_short=True)}]
        crowded = {"id": "1", "status": "OPEN", "reverseFulfillmentOrders": page(*ways)}
        assert room.next_request(command(label), "", [reply("return", crowded)]) is None
        said = room.command_receipt(command(label), reply("return", crowded))
        assert (said.state, said.code) == ("refused", "too_many")
        done = {**crowded, "reverseFulfillmentOrders": page({**ways[0], "status": "CLOSED"})}
        done["reverseFulfillmentOrders"]["nodes"][0]["reverseDeliveries"] = page()
        said = room.command_receipt(command(label), reply("return", done))
        assert (said.state, said.code) == ("refused", "nothing_open")


def test_two_commands_end_their_credit_at_seconds_of_their_own() -> None:
    ends = {credit.ends_at(f"decision/{number}", give("1")) for number in range(50)}
    assert len(ends) > 45
    assert {end.date() for end in ends if end is not None} == {date(2099, 6, 30)}
    assert not {end.second for end in ends if end is not None} & {0, 59}
