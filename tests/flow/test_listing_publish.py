"""Goal: a product is shown or hidden as wished, once, and never against what the shop's team chose.

Method: the hub's own commander against simulated Shopify and WooCommerce over sockets; what stands
is read off the shops' own books.
"""

from datetime import UTC, datetime

import msgspec
import pytest

from tests.db.test_outbox import selling
from tests.flow.test_order_holds import CUTS, carried
from tests.flow.test_woocommerce_commands import NAME, shop_of
from tests.flow.test_woocommerce_commands import carried as carried_at_woocommerce
from trueup.canon.command import PublishListing
from trueup.contract.connector import Command, Reply
from trueup.contract.loader import find_connectors
from trueup.errors import ContractBroken
from trueup.sandbox.faults import ApiFault, ApiFaultKind

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", CUTS)
async def test_a_product_of_shopify_is_hidden_and_shown(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with selling(database_url, call_timeout_s="0.5") as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        product = shop.by_sku["TEE"].product
        told = shop.counters["products/create"], shop.counters.get("products/update", 0)
        fault = ApiFault(kind=kind, next_calls=1, operation="productUpdate")
        for number, shown in enumerate((False, False, True, True)):
            shop.faults.rules.append(msgspec.structs.replace(fault))
            content = PublishListing(product_ref=str(product.id), published=shown)
            assert (await carried(spine, dispatcher, f"p{number}", content))[0] == "done"
            assert product.status == ("active" if shown else "draft")
            shop.faults.rules.clear()
        assert shop.faults.struck == {kind: 2}, "what stands already is not written again"
        assert shop.counters["products/update"] == told[1] + 2


async def test_what_the_team_of_a_shopify_shop_chose_stays(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        shop = sandbox.shop("north")
        product = shop.by_sku["TEE"].product
        for number, (status, shown, told) in enumerate(
            (
                ("archived", True, ("refused", "status_of_others")),
                ("archived", False, ("done", None)),
                ("unlisted", True, ("refused", "status_of_others")),
                ("unlisted", False, ("refused", "status_of_others")),
            )
        ):
            product.status = status
            content = PublishListing(product_ref=str(product.id), published=shown)
            assert await carried(spine, dispatcher, f"p{number}", content) == told
            assert product.status == status
        for ref, code in (("404", "not_found"), ("tee", "connector.refused")):
            gone = PublishListing(product_ref=ref, published=True)
            assert await carried(spine, dispatcher, ref, gone) == ("refused", code)
        product.status = "active"
        scopes = tuple(s for s in shop.settings.scopes if s != "write_products")
        shop.settings = msgspec.structs.replace(shop.settings, scopes=scopes)
        denied = PublishListing(product_ref=str(product.id), published=False)
        told = await carried(spine, dispatcher, "denied", denied)
        assert told == ("refused", "connector.refused")
        assert dispatcher.commander._caller.breaker.state == "closed"


@pytest.mark.parametrize("kind", CUTS)
async def test_a_product_of_woocommerce_is_hidden_and_shown(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with shop_of(database_url) as (brand, shop):
        item = next(iter(shop.items.values()))
        for number, shown in enumerate((False, False, True, True)):
            if number in {0, 2}:
                shop.strike(ApiFault(kind=kind, next_calls=1, operation="products"))
            content = PublishListing(product_ref=str(item.id), published=shown)
            assert (await carried_at_woocommerce(brand, f"p{number}", content))[0] == "done"
            assert item.status == ("publish" if shown else "draft")
        assert shop.worked("products") == 2


async def test_what_the_team_of_a_woocommerce_shop_chose_stays(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        item = next(iter(shop.items.values()))
        for status, shown, state in (
            ("private", True, "refused"),
            ("private", False, "done"),
            ("pending", True, "refused"),
        ):
            item.status = status
            content = PublishListing(product_ref=str(item.id), published=shown)
            told = await carried_at_woocommerce(brand, f"{status}-{shown}", content)
            assert (told[0], item.status) == (state, status)
        for ref in ("404", "lamp"):
            gone = PublishListing(product_ref=ref, published=True)
            assert (await carried_at_woocommerce(brand, ref, gone))[0] == "refused"
        item.status, shop.keeps = "publish", False
        hidden = PublishListing(product_ref=str(item.id), published=False)
        await brand.order(NAME, "undone", hidden)
        await brand.work(NAME)
        assert await brand.state("undone") == "unknown", "a plugin undid it"


def test_replies_that_say_nothing_are_no_receipts() -> None:
    for connector in ("shopify", "woocommerce"):
        room = find_connectors()[connector].commands
        content = PublishListing(product_ref="7", published=False)
        command = Command(
            kind=content.command, key="k", ref="r", content=content, wanted_at=datetime.now(UTC)
        )
        for body in (b"{}", b"[", b'{"data":{"productUpdate":null}}'):
            with pytest.raises(ContractBroken):
                room.command_receipt(command, Reply(status=200, headers={}, body=body))
    shopify = find_connectors()["shopify"].commands
    for body in (
        b'{"data":{"productUpdate":{"product":null}}}',
        b'{"data":{"productUpdate":{"product":{"id":"gid://shopify/Product/7","status":"ACTIVE"}}}}',
    ):
        reply = Reply(status=200, headers={}, body=body)
        command = msgspec.structs.replace(command, content=content)
        assert shopify.command_receipt(command, reply).state == "unknown"
