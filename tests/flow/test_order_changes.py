"""Goal: orders are tagged and cancelled, and codes given, once, whatever breaks between.

Method: the hub's own commander against a simulated Shopify over sockets; what stands is read off
the shop's own books.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.db.test_outbox import selling
from tests.flow.test_order_holds import CUTS, carried, ordered, sold, state
from tests.support.spine import Spine, open_spine
from trueup.canon.command import CancelOrder, CommandContent, CreateDiscount, TagOrder
from trueup.connectors.shopify.mark import CHARS_MAX, mark_of
from trueup.contract.connector import Command, Reply
from trueup.errors import ContractBroken, InvariantBroken, Refused
from trueup.kernel.money import Money
from trueup.outbox.dispatch import Dispatcher
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.commands import Cancel, Fulfil, OpenReturn
from trueup.sandbox.shopify.customers import CustomerSeed, find_or_create
from trueup.sandbox.shopify.shop import Code

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def give(code: str = "SORRY-1", **other: Any) -> CreateDiscount:
    given: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + timedelta(days=30)}
    given |= {} if "amount" in other else {"percent": 15}
    return CreateDiscount(code=code, **(given | other))


async def asked_until(spine: Spine, dispatcher: Dispatcher, ref: str, wanted: str) -> None:
    """Let the hub ask what became of a command as if a minute had passed each time."""
    for _ in range(200):  # the vendor's job takes a while of its own clock
        if (await state(spine, ref))[0] == wanted:
            return
        await spine.rows("UPDATE outbox.command SET due_at = now() RETURNING 1")
        await dispatcher.commander.ask()
        await dispatcher.commander.recover()
        await asyncio.sleep(0.05)
    raise AssertionError(await state(spine, ref))


def at_shop(sandbox: Sandbox, **settings: Any) -> None:
    shop = sandbox.shop("north")
    shop.settings = msgspec.structs.replace(shop.settings, **settings)


# -- tags ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_tags_are_added_and_removed_and_others_stay(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        order = sold(sandbox)
        order.tags = ("vip", "new")
        faults = sandbox.shop("north").faults
        faults.rules.append(ApiFault(kind=kind, next_calls=1, operation="tagsAdd"))
        tag = TagOrder(order_ref=str(order.id), added=("late", "vip"), removed=("new", "gone"))
        assert (await carried(spine, dispatcher, "tag", tag))[0] == "done"
        assert (await carried(spine, dispatcher, "again", tag))[0] == "done"
        assert (faults.struck, order.tags) == ({kind: 1}, ("vip", "late"))
        away = TagOrder(order_ref=str(order.id), removed=("late",))
        assert (await carried(spine, dispatcher, "away", away))[0] == "done"
        assert order.tags == ("vip",)


async def test_a_tag_that_can_not_be_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        ref = str(sold(sandbox).id)
        for number, (content, code) in enumerate(
            (
                (TagOrder(order_ref="404", added=("late",)), "user_error"),
                (TagOrder(order_ref=ref, added=("x" * 41,)), "user_error"),
                (TagOrder(order_ref=ref, added=("a,b",)), "connector.refused"),
                (TagOrder(order_ref=ref, removed=(" ",)), "connector.refused"),
            )
        ):
            assert await carried(spine, dispatcher, f"t{number}", content) == ("refused", code)


# -- cancellations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_an_order_is_cancelled_and_paid_back_once(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        at_shop(sandbox, cancel_delay_s=0.3)
        order = sold(sandbox)
        faults = sandbox.shop("north").faults
        faults.rules.append(ApiFault(kind=kind, next_calls=1, operation="orderCancel"))
        cancel = CancelOrder(order_ref=str(order.id), reason="fraud", note="Two cards")
        assert (await carried(spine, dispatcher, "cancel", cancel))[0] in {"submitted", "done"}
        await asked_until(spine, dispatcher, "cancel", "done")
        assert faults.struck == {kind: 1}
        assert (order.cancel_reason, order.cancel_note) == ("fraud", "Two cards [trueup:cancel]")
        assert (order.financial_status, len(order.refunds)) == ("refunded", 1)
        assert await spine.one("SELECT vendor_ref FROM outbox.command") == str(order.id)


async def test_a_process_that_dies_after_it_asked_does_not_ask_for_another_cancellation(
    database_url: str,
) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        at_shop(sandbox, cancel_delay_s=0)
        order = sold(sandbox)
        await ordered(spine, "cancel", CancelOrder(order_ref=str(order.id), refund=False))
        claimed = await dispatcher.commander._claim()
        assert claimed is not None
        assert claimed.command is not None
        await dispatcher.commander._carry(claimed, claimed.command)
        assert (await state(spine, "cancel"))[0] == "sending"
        successor = Dispatcher(spine.conn, spine.hub.vault, dispatcher.commander._caller)
        assert await successor.commander.recover() == 1
        assert (await state(spine, "cancel"))[0] == "done"
        assert len(sandbox.shop("north").jobs) == 1
        assert order.financial_status == "paid", "no money was to go back"


async def test_what_can_not_be_cancelled_is_refused_in_words(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        sent, back, gone = sold(sandbox), sold(sandbox), sold(sandbox)
        sandbox.do("north", Fulfil(order=sent.name))
        sandbox.do("north", Fulfil(order=back.name))
        sandbox.do("north", OpenReturn(order=back.name, units={"TEE": 1}))
        sandbox.do("north", Cancel(order=gone.name))
        for order_ref, code in (
            (str(sent.id), "invalid"),
            (str(back.id), "invalid"),
            (str(gone.id), "cancelled_by_others"),
            ("404", "not_found"),
            ("x", "connector.refused"),
        ):
            cancel = CancelOrder(order_ref=order_ref)
            assert await carried(spine, dispatcher, order_ref, cancel) == ("refused", code)
        assert sandbox.shop("north").jobs == {}


async def test_a_job_that_ends_without_its_work_is_told(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        at_shop(sandbox, cancel_delay_s=0)
        sandbox.shop("north").jobs_fail = True
        order = sold(sandbox)
        cancel = CancelOrder(order_ref=str(order.id))
        assert (await carried(spine, dispatcher, "cancel", cancel))[0] == "submitted"
        await asked_until(spine, dispatcher, "cancel", "refused")
        assert await state(spine, "cancel") == ("refused", "not_cancelled")


async def test_a_job_that_takes_its_time_is_asked_about_again(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        at_shop(sandbox, cancel_delay_s=3600)
        order = sold(sandbox)
        await carried(spine, dispatcher, "cancel", CancelOrder(order_ref=str(order.id)))
        await spine.rows("UPDATE outbox.command SET due_at = now() RETURNING 1")
        assert await dispatcher.commander.ask() == 1
        assert (await state(spine, "cancel"))[0] == "submitted"
        sandbox.do("north", Cancel(order=order.name))
        await asked_until(spine, dispatcher, "cancel", "refused")
        assert await state(spine, "cancel") == ("refused", "cancelled_by_others")


# -- codes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_a_code_is_made_once_for_its_customer(database_url: str, kind: ApiFaultKind) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        customer = str(find_or_create(shop, CustomerSeed(email="ada@buyers.example")).id)
        shop.faults.rules.append(
            ApiFault(kind=kind, next_calls=1, operation="discountCodeBasicCreate")
        )
        content = give(customer_ref=customer)
        assert (await carried(spine, dispatcher, "code", content))[0] == "done"
        assert shop.faults.struck == {kind: 1}
        (made,) = shop.codes.values()
        assert (made.code, made.share, made.amount) == ("SORRY-1", Decimal("0.15"), None)
        assert (made.uses, made.customers, made.title) == (1, (int(customer),), "trueup:code")
        assert (made.starts_at, made.ends_at) == (NOW, NOW + timedelta(days=30))
        assert await spine.one("SELECT vendor_ref FROM outbox.command") == str(made.id)
        again = await carried(spine, dispatcher, "other", content)
        assert again == ("refused", "code_taken"), "another command may not take it for its own"


async def test_an_amount_is_in_the_shops_currency(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        euros = give("EUR-10", amount=Money(Decimal("10.00"), "EUR"))
        assert await carried(spine, dispatcher, "eur", euros) == ("refused", "wrong_currency")
        assert shop.codes == {}
        dollars = give("USD-10", amount=Money(Decimal("10.00"), "USD"), uses=3)
        assert (await carried(spine, dispatcher, "usd", dollars))[0] == "done"
        (made,) = shop.codes.values()
        assert (made.amount, made.share, made.uses) == (Decimal("10.00"), None, 3)


async def test_a_code_of_somebody_else_is_left_alone(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        theirs = Code(7, "sorry-1", "Sorry", NOW, None, Decimal("0.5"), None, None)
        sandbox.shop("north").codes["sorry-1"] = theirs
        assert await carried(spine, dispatcher, "code", give()) == ("refused", "code_taken")
        assert sandbox.shop("north").codes == {"sorry-1": theirs}


async def test_a_code_for_nobody_known_is_refused(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        unknown = await carried(spine, dispatcher, "unknown", give(customer_ref="404"))
        assert unknown == ("refused", "invalid")
        by_mail = await carried(spine, dispatcher, "mail", give(email="ada@buyers.example"))
        assert by_mail == ("refused", "connector.refused")
        at_shop(sandbox, scopes=("read_orders",))
        denied = await carried(spine, dispatcher, "denied", give())
        assert denied == ("refused", "connector.refused")
        assert dispatcher.commander._caller.breaker.state == "closed"
        assert sandbox.shop("north").codes == {}


# -- what is said and read -------------------------------------------------------------------------


def command(content: CommandContent) -> Command:
    return Command(kind=content.command, key="k", ref="r", content=content, wanted_at=NOW)


async def test_replies_that_say_nothing_are_no_receipts(database_url: str) -> None:
    def reply(body: str) -> Reply:
        return Reply(status=200, headers={}, body=body.encode())

    async with open_spine(database_url, "north") as spine:
        room = spine.folder.commands
        tag = TagOrder(order_ref="1", added=("a",))
        for content in (tag, CancelOrder(order_ref="1"), give()):
            for body in ("{}", "[", '{"data":{"tagsAdd":null,"orderCancel":null}}'):
                with pytest.raises(ContractBroken):
                    room.command_receipt(command(content), reply(body))
        jobless = reply('{"data":{"orderCancel":{"job":null}}}')
        assert room.command_receipt(command(CancelOrder(order_ref="1")), jobless).state == "unknown"
        nothing = reply('{"data":{"discountCodeBasicCreate":{}}}')
        assert room.command_receipt(command(give()), nothing).state == "unknown"
        gone = reply('{"data":{"shop":{"currencyCode":"USD"},"codeDiscountNodeByCode":null}}')
        assert room.command_receipt(command(give()), gone).state == "unknown"
        with pytest.raises(Refused):
            room.confirm_request(command(tag), "7")


def test_a_long_name_of_ours_fits_where_it_stands() -> None:
    assert mark_of("decision/7") == "trueup:decision/7"
    long = mark_of("x" * 200)
    assert len(long) <= CHARS_MAX
    assert long != mark_of("x" * 201)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "no"},
        {"code": "lower-case"},
        {"percent": 0},
        {"percent": 101},
        {"percent": None},
        {"percent": 5, "amount": Money(Decimal(1), "EUR")},
        {"amount": Money(Decimal(0), "EUR")},
        {"uses": 0},
        {"ends_at": NOW},
    ],
)
def test_a_code_that_no_shop_can_make_is_a_bug(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvariantBroken):
        give(**({"code": "FINE-1"} | wrong))


@pytest.mark.parametrize("tags", [{}, {"added": ("a",), "removed": ("a",)}])
def test_tags_that_contradict_each_other_are_a_bug(tags: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(InvariantBroken):
        TagOrder(order_ref="1", **tags)
