"""Connecting an account, reading its history, opening the books and comparing, by commands."""

from pathlib import Path

import pytest

from tests.flow.command import Commands
from tests.flow.shop import PUBLIC_URL, Connected, open_shop

pytestmark = pytest.mark.anyio

SECRETS = {
    "TRUEUP_SECRET_ACCESS_TOKEN": "shpat_sandbox",
    "TRUEUP_SECRET_CLIENT_SECRET": "sandbox-secret",
}


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


async def join(
    trueup: Commands, stage: Connected, *more: str, status: int = 0
) -> dict[str, object]:
    base = ("--set", "shop_domain=north.myshopify.com", "--set", f"api_base={stage.base_url}/north")
    command = ("connect", "shopify", "--name", "north", *base, *more)
    found: dict[str, object] = await trueup.in_thread(*command, status=status, env=SECRETS)
    return found


async def test_an_account_is_tried_and_then_stored(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        told = await join(trueup, stage, "--set", f"public_url={PUBLIC_URL}")
        location = str(next(iter(stage.shop.locations)))
        assert told["stock_location"] == location
        assert told["hooks"]["registered"] > 40  # type: ignore[index]
        (one,) = (await trueup.in_thread("connections"))["connections"]
        assert (one["health"], one["hooks"]["registered"] > 40) == ("healthy", True)
        assert one["secrets"] == ["access_token", "client_secret"]
        assert "shpat" not in str(one)


async def test_wrong_credentials_store_nothing(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url, access_token="other") as stage:
        told = await join(trueup, stage, status=1)
        assert told["error"]["code"] == "connector.auth_expired"  # type: ignore[index]
        assert (await trueup.in_thread("connections"))["connections"] == []


async def test_a_vendor_that_is_down_is_a_dependency(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        stage.fail(kind="status", status=503, probability=1.0)
        await join(trueup, stage, status=3)


async def test_missing_scopes_and_wrong_fields_are_told(
    trueup: Commands, database_url: str
) -> None:
    async with open_shop(database_url, scopes=("read_orders",)) as stage:
        told = await join(trueup, stage, status=2)
        assert "read_products" in told["error"]["message"]  # type: ignore[index]
        told = await join(trueup, stage, "--set", "colour=red", status=2)
        assert "no field 'colour'" in told["error"]["message"]  # type: ignore[index]
        told = await join(trueup, stage, "--set", "location_sites=[x", status=2)
        assert "location_sites" in told["error"]["message"]  # type: ignore[index]


async def test_several_locations_ask_which(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url, locations=("Main", "Berlin")) as stage:
        told = await join(trueup, stage, status=2)
        assert "stock_location" in told["error"]["message"]  # type: ignore[index]
        second = str(list(stage.shop.locations)[1])
        told = await join(trueup, stage, "--set", f"stock_location={second}")
        assert told["stock_location"] == second


async def test_history_books_and_the_comparison(trueup: Commands, database_url: str) -> None:
    """Nine orders before the hub: the books open with what the shop shows, and agree."""
    async with open_shop(database_url, available=50) as stage:
        stage.buy(9)
        await join(trueup, stage)
        done = await trueup.in_thread("backfill", "north")
        assert {each["resource"]: each["done"] for each in done["resources"]}["orders"] == 9
        waiting = await trueup.in_thread("stock", "open", "--from", "north", status=2)
        assert "wait to be applied" in waiting["error"]["message"]
        await stage.apply()
        plan = await trueup.in_thread("stock", "open", "--from", "north", "--dry-run")
        assert not plan["booked"]
        told = await trueup.in_thread("stock", "open", "--from", "north")
        assert {m["sku"]: m["quantity"] for m in told["opening"]["movements"]} == {
            "TEE": 50,
            "MUG": 50,
        }
        balance = (await trueup.in_thread("show", "sku", "TEE"))["found"][0]["balance"]
        assert (balance["on_hand"], balance["reserved"], balance["available"]) == (50, 9, 41)
        again = await trueup.in_thread("stock", "open", "--from", "north")
        assert (again["opening"]["movements"], again["opening"]["opened"]) == ([], ["MUG", "TEE"])
        report = await trueup.in_thread("reconcile", "stock")
        assert (report["left"], report["matched"], report["discrepancies"]) == (2, 2, [])
        assert (await trueup.in_thread("reconcile", "ledger"))["discrepancies"] == []
        assert (await trueup.in_thread("replay", "--shadow", "--diff"))["differing"] == 0


async def test_differences_have_causes(trueup: Commands, database_url: str) -> None:
    """A sale that nobody told, a channel that is to be told, an item without a SKU of ours."""
    async with open_shop(database_url, available=50) as stage:
        await join(trueup, stage)
        await trueup.in_thread("backfill", "north")
        await stage.apply()
        unopened = await trueup.in_thread("reconcile", "stock", status=1)
        assert {each["cause"] for each in unopened["discrepancies"]} == {"books_not_open"}
        await trueup.in_thread("stock", "open", "--from", "north")
        (order,) = stage.buy(1)
        await trueup.in_thread("stock", "adjust", "MUG", "-3")
        report = await trueup.in_thread("reconcile", "stock", status=1)
        found = {each["left_ref"]: each for each in report["discrepancies"]}
        assert report["explained_share"] == 1.0
        assert (found["sku/TEE"]["cause"], found["sku/TEE"]["amount"]) == ("lost_webhook", -1)
        assert order in found["sku/TEE"]["evidence"][0]
        assert (found["sku/MUG"]["cause"], found["sku/MUG"]["amount"]) == ("in_flight", 3)


async def test_an_unfinished_resource_ends_with_1(
    trueup: Commands, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_shop(database_url) as stage:
        stage.buy(2)
        await join(trueup, stage)
        from trueup.connectors.shopify import pull

        monkeypatch.setattr(pull, "count", lambda *_: 5)
        told = await trueup.in_thread("backfill", "north", "--resource", "orders", status=1)
        assert not told["resources"][0]["complete"]
        issues = await trueup.in_thread("issues", "--code", "pull.count_differs", status=1)
        assert len(issues["issues"]) == 1


async def test_pause_resume_rotate_and_disconnect(trueup: Commands, database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await join(trueup, stage, "--set", f"public_url={PUBLIC_URL}")
        assert (await trueup.in_thread("pause", "north"))["state"] == "paused"
        (one,) = (await trueup.in_thread("connections"))["connections"]
        assert one["health"] == "paused"
        assert (await trueup.in_thread("resume", "north"))["state"] == "active"
        told = await trueup.in_thread("rotate-secret", "north", "shop_domain", status=2)
        assert "no secret 'shop_domain'" in told["error"]["message"]
        told = await trueup.in_thread("rotate-secret", "north", "access_token", "--value", "new")
        assert told == {"connection": "north", "rotated": "access_token"}
        await trueup.in_thread("rotate-secret", "north", "access_token", "--value", "shpat_sandbox")
        assert stage.shop.desk.subscriptions
        assert (await trueup.in_thread("disconnect", "north"))["problem"] is None
        assert not stage.shop.desk.subscriptions
        assert (await trueup.in_thread("connections"))["connections"] == []
        # Nothing is left of what let us in, and the name is free for another account.
        assert await stage.rows("SELECT 1 FROM intake.connection_secret") == []
        await join(trueup, stage)
        (one,) = (await trueup.in_thread("connections"))["connections"]
        assert one["name"] == "north"
