"""What happens at each simulated vendor while a play goes on, beyond what its twin does alone."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from trueup.canon.command import (
    CancelOrder,
    CommandContent,
    ConfirmShipment,
    CreateDiscount,
    RefundPayment,
)
from trueup.kernel.money import Money
from trueup.sandbox.shopify import commands as shopify
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.customers import CustomerSeed

Contents = Mapping[str, CommandContent]


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """What is special about one vendor.

    Attributes:
        happen: lets something happen, given how much happened before.
        order: what the hub orders next, by kind, given how much was ordered before.
        done: how often what was ordered stands done, by kind.
        once: kinds that only set something: however often it is ordered, it stands once.
        levels: what each SKU of ours shows at the vendor; none where it holds no stock.
        settings: of the connection, beyond the twin's.
        secrets: of another connection to the same account, where they are not the same.
        over_limit: how many calls came too fast.
    """

    happen: Callable[[Any, int], None] = lambda twin, _: twin.happen(1)
    order: Callable[[Any, int], Contents] = lambda twin, _: twin.contents()
    done: Callable[[Any, str], int] = lambda twin, kind: twin.done(kind)
    once: frozenset[str] = frozenset(
        (
            *("ticket.change", "profile.change", "listing.flag"),
            *("order.hold", "order.release", "order.tag", "listing.publish"),
            *("return.open", "return.approve", "return.decline", "return.refund", "return.label"),
            "list.change",
        )
    )
    levels: Callable[[Any], Mapping[str, int]] = lambda _: {}
    settings: Callable[[Any], Mapping[str, str]] = lambda _: {}
    secrets: Callable[[Any], Mapping[str, str]] = lambda _: {}
    over_limit: Callable[[Any], int] = lambda twin: twin.over_limit() or 0


# -- carriers --------------------------------------------------------------------------------------


def _ship(twin: Any, number: int) -> None:
    if number % 3 == 0:
        twin.vendor.ship(f"#{1000 + number}")


# -- payments --------------------------------------------------------------------------------------


def _pay(twin: Any, number: int) -> None:
    account = twin.vendor.account
    ref = account.sell(2_000 + number, metadata={"order_id": f"Q-{number}"})
    if number % 4 == 1:
        account.refund({"charge": ref, "amount": "700"})
    if number % 8 == 2:
        account.close_dispute(account.dispute(ref), won=number % 16 == 2)
    if number % 24 == 23:
        for payout in account.end_day():
            account.arrive(payout)


def _refund(twin: Any, number: int) -> Contents:
    ref = twin.vendor.account.sell(5_000 + number, metadata={"play": "ours"})
    refund = RefundPayment(payment_ref=ref, amount=Money(Decimal("20.00"), "EUR"))
    return {refund.command: refund}


def _refunded(twin: Any, kind: str) -> int:
    del kind
    account = twin.vendor.account
    ours = {ref for ref, charge in account.charges.items() if "play" in charge["metadata"]}
    return sum(refund["charge"] in ours for refund in account.refunds.values())


# -- books -----------------------------------------------------------------------------------------


def _post(twin: Any, number: int) -> Contents:
    journal = twin._journal(f"OURS-{number}", twin._accounts[1])
    return {journal.command: journal}


def _posted(twin: Any, kind: str) -> int:
    del kind
    (company,) = twin.vendor.companies.values()
    entries = company.entities.get("JournalEntry", {}).values()
    return sum(str(entry.get("DocNumber")).startswith("OURS") for entry in entries)


# -- messages --------------------------------------------------------------------------------------


def _talk(twin: Any, number: int) -> None:
    ts = twin.vendor.say("C07ORDERS", f"Order {1_000 + number} is late")
    if number % 3 == 1:
        twin.vendor.change("C07ORDERS", ts, f"Order {1_000 + number} is here")


def _write(twin: Any, number: int) -> None:
    twin.vendor.write("+491701234567", f"Where is order {1_000 + number}?")


# -- channels --------------------------------------------------------------------------------------


def _buy_at_amazon(twin: Any, number: int) -> None:
    vendor = twin.vendor
    by_amazon = number % 6 == 5
    sku = "LAMP-FBA" if by_amazon else ("LAMP", "SHADE")[number % 2]
    order = vendor.buy({sku: 1}, by_amazon=by_amazon, pending=number % 4 == 1)
    if number % 4 == 1:
        vendor.pay(order)
    if number % 12 == 3:
        vendor.cancel(order)
    if number % 24 == 20:
        vendor.settle()


def _confirm(twin: Any, number: int) -> Contents:
    order = twin.vendor.orders[twin.vendor.buy({"LAMP": 1})]
    shipment = ConfirmShipment(
        order_ref=order["orderId"],
        carrier="DHL",
        tracking_number=f"OURS{number:012d}",
        shipped_at=twin.now() - timedelta(minutes=1),
        lines=((order["orderItems"][0]["orderItemId"], 1),),
    )
    return {shipment.command: shipment}


def _confirmed(twin: Any, kind: str) -> int:
    del kind
    packages = [p for order in twin.vendor.orders.values() for p in order.get("packages", [])]
    return sum(package["trackingNumber"].startswith("OURS") for package in packages)


def _buy_at_shopify(twin: Any, number: int) -> None:
    sku = ("TEE", "MUG")[number % 2]
    customer = CustomerSeed(email=f"buyer{number}@buyers.example")
    cart = Cart(lines=[CartLine(sku=sku, quantity=1)], customer=customer)
    sold = twin._do(shopify.Checkout(cart=cart))
    if number % 4 == 1:
        twin._do(shopify.Fulfil(order=sold.order))
    elif number % 4 == 2:
        twin._do(shopify.Cancel(order=sold.order))
    elif number % 4 == 3:
        twin._do(shopify.ChangeProduct(sku="MUG", title=f"Mug {number}"))


def _fresh(contents: Contents, number: int, order_ref: str) -> Contents:
    """Cancel another order and give another code each time; the rest only sets something."""
    fresh = {CancelOrder.command: ("order_ref", order_ref)}
    fresh[CreateDiscount.command] = ("code", f"PLAY-{number}")
    return {
        kind: msgspec.structs.replace(content, **dict((fresh[kind],))) if kind in fresh else content
        for kind, content in contents.items()
    }


def _say(twin: Any, number: int) -> Contents:
    ((kind, said),) = twin.contents().items()
    return {kind: msgspec.structs.replace(said, text=f"Your order {1_000 + number} is late.")}


def _order_at_shopify(twin: Any, number: int) -> Contents:
    sold = twin._do(shopify.Checkout(cart=Cart(lines=[CartLine(sku="MUG")])))
    return _fresh(twin.contents(), number, str(sold.order_id))


def _done_at_shopify(twin: Any, kind: str) -> int:
    if kind == CancelOrder.command:
        return len({job.order_id for job in twin.shop.jobs.values()})
    return int(twin.done(kind))


def _order_at_woocommerce(twin: Any, number: int) -> Contents:
    return _fresh(twin.contents(), number, str(twin.vendor.order({"TWIN-LAMP": 1}).id))


def _done_at_woocommerce(twin: Any, kind: str) -> int:
    if kind == CancelOrder.command:
        orders = twin.vendor.orders.values()
        return sum("_trueup_cancelled_by" in order.meta for order in orders)
    return int(twin.done(kind))


def _order_at_bigcommerce(twin: Any, number: int) -> Contents:
    return _fresh(twin.contents(), number, str(twin.vendor.order({"TWIN-KETTLE": 1}).id))


def _done_at_bigcommerce(twin: Any, kind: str) -> int:
    if kind == CancelOrder.command:
        orders = twin.vendor.orders.values()
        return sum("cancelled_by" in each["value"] for order in orders for each in order.fields)
    return int(twin.done(kind))


def _shopify_levels(twin: Any) -> Mapping[str, int]:
    location = next(iter(twin.shop.locations))
    by_sku = {sku: variant.item.id for sku, variant in twin.shop.by_sku.items()}
    return {sku: twin.shop.levels[item, location].available for sku, item in by_sku.items()}


def _limited_at_shopify(twin: Any) -> int:
    counters: Mapping[str, int] = twin.sandbox.door("quality").counters
    return counters.get("THROTTLED", 0)


def _let_in(twin: Any) -> Mapping[str, str]:
    """Give a refresh token that nobody has used: each is good once."""
    return {"refresh_token": twin.vendor.let_in()[1]}


_CARRIER = Play(happen=_ship)
_PLAYS: Mapping[str, Play] = MappingProxyType(
    {
        "amazon": Play(
            happen=_buy_at_amazon,
            order=_confirm,
            done=_confirmed,
            levels=lambda twin: {sku: twin.vendor.units_of(sku) for sku in ("LAMP", "SHADE")},
        ),
        "bigcommerce": Play(order=_order_at_bigcommerce, done=_done_at_bigcommerce),
        "delhivery": _CARRIER,
        "easypost": _CARRIER,
        "quickbooks": Play(
            order=_post,
            done=_posted,
            secrets=_let_in,
        ),
        "shiprocket": _CARRIER,
        "shopify": Play(
            happen=_buy_at_shopify,
            order=_order_at_shopify,
            done=_done_at_shopify,
            levels=_shopify_levels,
            over_limit=_limited_at_shopify,
            settings=lambda twin: {
                "shop_domain": "quality.myshopify.com",
                "stock_location": str(next(iter(twin.shop.locations))),
            },
        ),
        "slack": Play(happen=_talk),
        "stripe": Play(happen=_pay, order=_refund, done=_refunded),
        "twilio": Play(order=_say),
        "whatsapp": Play(happen=_write),
        "woocommerce": Play(order=_order_at_woocommerce, done=_done_at_woocommerce),
        "xero": Play(secrets=_let_in),
    }
)


def play_of(connector: str) -> Play:
    """Return what is special about a connector's vendor."""
    return _PLAYS.get(connector, Play())
