"""Each cause of a difference is planted for real at a simulated shop, and exactly it is named."""

import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.flow.command import Commands
from tests.support.parity import NAME, UNITS, Stage, hand_in, open_stage, set_setting
from trueup.errors import RateLimited
from trueup.intake.duties import write_duty
from trueup.kernel.clock import ManualClock
from trueup.outbox.parity import listings_to_compare
from trueup.reconcile.cause import Cause
from trueup.reconcile.pace import keep_figures
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.commands import Add, Cancel
from trueup.scheduler import Scheduler

pytestmark = pytest.mark.anyio

PATIENCE_S = 16 * 60


async def commands_of(stage: Stage, folder: Path) -> Commands:
    """Return commands that know of no calls: those so far were counted by the brand's clock."""
    await stage.brand.conn.execute(b"DELETE FROM outbox.budget")
    return Commands(folder, stage.brand.url)


async def in_parity(stage: Stage, sku: str, units: int) -> None:
    """Let the hub mend, and see that it did."""
    for _ in range(4):
        await stage.settle()
        stage.brand.clock.advance(60)
        await stage.look()
    assert await stage.causes(sku) == {}
    assert stage.shows(sku) == units
    done = await stage.actions(sku)
    assert all(mended for _, _, mended in done), done


async def test_a_lost_webhook_is_named_by_its_order_and_read(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = stage.buy("TEE", 2)
        found = await stage.look()
        assert (found.differing, found.unexplained) == (1, 0)
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.LOST_WEBHOOK}
        units, evidence = causes[Cause.LOST_WEBHOOK]
        assert units == -2
        assert evidence[0].startswith(f"order/{order} was not known; read now as event/")
        number = int(evidence[0].rpartition("/")[2])
        [(entity, origin)] = await stage.brand.rows(
            "SELECT entity, origin FROM intake.event WHERE event_id = %s", number
        )
        assert (entity, origin) == (f"order/{order}", "poll")
        await in_parity(stage, "TEE", UNITS - 2)
        assert ("read", "lost_webhook", True) in await stage.actions("TEE")


async def test_a_second_writer_is_named_only_when_nothing_else_can_be(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.write("TEE", 7)
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.UNEXPLAINED}, "a first look proves nothing"
        units, looked_at = causes[Cause.UNEXPLAINED]
        assert units == -3
        assert any("orders changed since" in line and "none unread" in line for line in looked_at)
        await stage.settle()
        assert stage.shows("TEE") == 7, "nothing is raised over a drop that may be a sale"
        stage.brand.clock.advance(150)
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.SECOND_WRITER}
        assert causes[Cause.SECOND_WRITER][0] == -3
        evidence = causes[Cause.SECOND_WRITER][1]
        assert any("7 stood there at" in line for line in evidence)
        assert any("3 fell and 0 rose, unread" in line for line in evidence)
        assert "stock.second_writer" in await stage.brand.issues()
        [(text,)] = await stage.brand.rows(
            "SELECT found FROM intake.issue WHERE code = 'stock.second_writer'"
        )
        assert text.startswith("TEE -3 seen 20")
        stage.brand.clock.advance(PATIENCE_S)
        await in_parity(stage, "TEE", UNITS)


async def test_the_alarm_of_a_second_writer_ends_after_a_quiet_day(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.write("MUG", 25)
        await stage.look()
        await stage.settle()
        assert stage.shows("MUG") == UNITS, "more than there is is said down at once"
        stage.brand.clock.advance(PATIENCE_S)
        await stage.settle()
        await stage.look()
        assert "stock.second_writer" in await stage.brand.issues(), "the forgiven rise is one"
        [(evidence,)] = await stage.brand.rows("SELECT evidence FROM reconcile.foreign_write")
        assert any("15 rose" in line for line in evidence), evidence
        stage.brand.clock.advance(23 * 3600)
        await stage.look()
        assert "stock.second_writer" in await stage.brand.issues()
        stage.brand.clock.advance(2 * 3600)
        await stage.look()
        assert "stock.second_writer" not in await stage.brand.issues()


async def test_a_second_writer_found_by_a_comparing_call(database_url: str) -> None:
    """No look saw it: the call that compared found another number, and nothing explained it."""
    async with open_stage(database_url) as stage:
        stage.write("CAP", 4)
        await stage.count("CAP", 5, "found-5")
        await stage.settle()
        stage.brand.clock.advance(PATIENCE_S)
        await stage.settle()
        assert stage.shows("CAP") == UNITS + 5
        await stage.look()
        [(sku, units, evidence)] = await stage.brand.rows(
            "SELECT sku, units, evidence FROM reconcile.foreign_write"
        )
        assert (sku, units) == ("CAP", -6)
        assert any("expected 10 and found 4" in line for line in evidence), evidence


async def test_a_number_that_still_shows_is_the_vendors_delay(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await stage.count("TEE", 5, "found-5")
        await stage.settle()
        stage.shop.faults.rules = [ApiFault(kind="stale_read", probability=1.0)]
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.VENDOR_DELAY}
        units, [evidence] = causes[Cause.VENDOR_DELAY]
        assert units == -5
        assert evidence.startswith("call ")
        assert "said 15; 10 stood there before" in evidence
        assert await stage.actions("TEE") == [], "there is nothing to mend"
        stage.shop.faults.rules = []
        await in_parity(stage, "TEE", 15)


async def test_what_is_on_its_way_is_no_mistake(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await stage.count("TEE", 5, "found-5")
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.IN_FLIGHT}
        assert causes[Cause.IN_FLIGHT][0] == -5
        assert "15 shall stand there" in causes[Cause.IN_FLIGHT][1][0]
        await in_parity(stage, "TEE", 15)


async def test_an_event_that_waits_is_on_its_way_too(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = stage.buy("TEE")
        await stage.brand.poll(NAME, "orders")  # taken in, not applied
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.IN_FLIGHT}
        units, evidence = causes[Cause.IN_FLIGHT]
        assert units == -1
        assert evidence[0] == f"order/{order}"
        assert evidence[1].endswith("waits to be applied")
        await in_parity(stage, "TEE", UNITS - 1)


async def test_a_parked_event_is_named_with_its_number(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = stage.buy("MUG", 3)
        await stage.brand.poll(NAME, "orders")
        [(number,)] = await stage.brand.rows(
            "SELECT q.event_id FROM intake.queue q JOIN intake.event USING (event_id) "
            "WHERE entity = %s",
            f"order/{order}",
        )
        await stage.brand.conn.execute(
            b"WITH gone AS (DELETE FROM intake.queue WHERE event_id = %(id)s RETURNING partition) "
            b"INSERT INTO intake.parked (event_id, connection_id, partition, cause, detail, cluster,"
            b" attempts) SELECT %(id)s, %(connection)s, partition, 'hub.failure', 'x', 'x', 3 "
            b"FROM gone",
            {"id": number, "connection": stage.connection_id},
        )
        await stage.look()
        causes = await stage.causes("MUG")
        assert set(causes) == {Cause.PARKED_EVENT}
        units, evidence = causes[Cause.PARKED_EVENT]
        assert units == -3
        assert evidence == [f"order/{order}", f"event/{number} is parked: hub.failure"]
        await stage.settle()
        assert stage.shows("MUG") == UNITS - 3, "a sale that is parked is not raised over"
        await stage.brand.conn.execute(
            b"WITH back AS (DELETE FROM intake.parked RETURNING event_id, partition) "
            b"INSERT INTO intake.queue (event_id, partition) SELECT * FROM back"
        )
        await in_parity(stage, "MUG", UNITS - 3)


async def test_a_cancellation_that_we_missed_leaves_a_phantom(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        order = stage.buy("TEE", 4)
        await stage.brand.poll(NAME, "orders")
        await stage.settle()
        stage.brand.clock.advance(60)
        await stage.look()
        assert await stage.causes("TEE") == {}
        stage.sandbox.do(NAME, Cancel(order=order))
        await stage.look()
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.PHANTOM_RESERVATION}
        units, evidence = causes[Cause.PHANTOM_RESERVATION]
        assert units == 4
        assert evidence[0].startswith(f"order/{order} was known in an older state, and is over")
        await in_parity(stage, "TEE", UNITS)


async def test_two_causes_share_a_difference(database_url: str) -> None:
    """One unit was sold unread, two more nobody can explain: each has its own units."""
    async with open_stage(database_url) as stage:
        order = stage.buy("TEE")
        stage.write("TEE", 7)
        found = await stage.look()
        causes = await stage.causes("TEE")
        assert {cause: units for cause, (units, _) in causes.items()} == {
            Cause.UNEXPLAINED: -2,
            Cause.LOST_WEBHOOK: -1,
        }
        assert order in causes[Cause.LOST_WEBHOOK][1][0]
        assert next(iter(causes)) is Cause.UNEXPLAINED, "what nothing explains comes first"
        assert found.unexplained == 1
        await stage.settle()
        assert stage.shows("TEE") == 7
        stage.brand.clock.advance(PATIENCE_S)
        await in_parity(stage, "TEE", UNITS - 1)


async def test_unknown_stays_unknown_where_orders_can_not_be_read(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.write("TEE", 7)
        stage.shop.faults.rules = [
            ApiFault(kind="status", status=403, probability=1.0, operation="orders")
        ]
        for _ in range(3):
            await stage.look()
            stage.brand.clock.advance(200)
        causes = await stage.causes("TEE")
        assert set(causes) == {Cause.UNEXPLAINED}, "without the orders nothing is proven"
        assert any("orders were not read" in line for line in causes[Cause.UNEXPLAINED][1])
        assert "stock.second_writer" not in await stage.brand.issues()


async def test_a_number_that_the_vendor_refuses_is_given_up_and_revived(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await stage.count("CAP", 2, "found-2")
        await stage.settle()
        await stage.count("CAP", 3, "found-3")
        await stage.brand.conn.execute(
            b"UPDATE outbox.intent SET state = 'dead', attempts = 9 WHERE key = 'CAP'"
        )
        await stage.look()
        causes = await stage.causes("CAP")
        assert set(causes) == {Cause.GIVEN_UP}
        assert "given up after 9 tries" in causes[Cause.GIVEN_UP][1][0]
        assert await stage.actions("CAP") == [], "not so soon after its last call"
        stage.brand.clock.advance(7 * 3600)
        await stage.look()
        assert await stage.actions("CAP") == [("revived", "given_up", False)]
        await in_parity(stage, "CAP", 15)


async def test_what_no_listing_names_is_told(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.sandbox.do(NAME, Add(skus=[SkuSeed(sku="NEW", title="New", available=6)]))
        stage.brand.clock.advance(21 * 3600)
        await stage.look()
        [(sku, stands, why)] = await stage.brand.rows(
            "SELECT sku, stands, why FROM reconcile.unmapped"
        )
        assert (stands, why) == (6, "no listing of ours names it"), sku
        await stage.brand.poll(NAME, "products")
        await stage.brand.apply()
        stage.brand.clock.advance(21 * 3600)
        await stage.look()
        assert await stage.brand.rows("SELECT * FROM reconcile.unmapped") == []


async def test_nothing_is_mended_while_a_person_holds_it(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await set_setting(stage, parity_repair="off")
        stage.write("TEE", 25)
        await stage.look()
        await stage.settle()
        assert await stage.actions("TEE") == []
        assert stage.shows("TEE") == 25
        await set_setting(stage, parity_repair="on")
        stage.brand.clock.advance(60)
        await stage.look()
        await stage.settle()
        assert [(a, c) for a, c, _ in await stage.actions("TEE")] == [("noted", "unexplained")]
        assert stage.shows("TEE") == UNITS


async def test_two_hubs_do_not_write_against_each_other_for_ever(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        for _ in range(8):
            stage.write("TEE", 30)
            await stage.look()
            stage.brand.clock.advance(150)
            await stage.look()
            await stage.settle()
            stage.brand.clock.advance(PATIENCE_S)
            await stage.settle()
            await stage.look()
        noted = [action for action, _, _ in await stage.actions("TEE") if action == "noted"]
        assert len(noted) <= 4, noted
        [(text,)] = await stage.brand.rows(
            "SELECT found FROM intake.issue WHERE code = 'stock.second_writer'"
        )
        assert text.count("TEE") >= 3


async def test_looks_are_as_json_says(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.write("TEE", 7)
        await stage.look()
        [(causes,)] = await stage.brand.rows("SELECT causes FROM reconcile.look WHERE sku = 'TEE'")
        assert set(causes[0]) == {"cause", "amount", "evidence"}
        assert msgspec.json.encode(causes)


async def test_the_command_looks_plans_and_mends(database_url: str, tmp_path: Path) -> None:
    async with open_stage(database_url) as stage:
        trueup = await commands_of(stage, tmp_path)
        fine = await trueup.in_thread("reconcile", "parity", "--connection", NAME)
        assert (fine["check"], fine["left"], fine["right"]) == (f"parity/{NAME}", 3, 3)
        assert (fine["discrepancies"], fine["explained_share"]) == ([], 1.0)
        stage.write("TEE", 25)
        planned = await trueup.in_thread(
            "reconcile", "parity", "--repair", "--dry-run", "--connection", NAME, status=1
        )
        [found] = planned["discrepancies"]
        assert found["cause"] == "unexplained"
        assert (found["amount"], found["currency"]) == (15, None)
        assert (found["left_ref"], found["right_ref"]) == ("sku/TEE", f"{NAME}/TEE")
        assert planned["explained_share"] == 0.0
        assert planned["repaired"] is False
        assert [(r["action"], r["sku"]) for r in planned["repairs"]] == [("noted", "TEE")]
        assert await stage.actions("TEE") == [], "a dry run does nothing"
        unsaid = await trueup.in_thread("reconcile", "parity", "--repair", status=1)
        assert unsaid["repaired"] is False, "a program must say --yes"
        assert {each["cause"] for each in unsaid["discrepancies"]} == {"unexplained"}
        done = await trueup.in_thread("reconcile", "parity", "--repair", "--yes", status=1)
        assert done["repaired"] is True
        await stage.settle()
        assert stage.shows("TEE") == UNITS
        assert await trueup.in_thread("reconcile", "parity") == fine | {
            "check": "parity",
            "tended": [],
        }


async def test_the_command_tells_what_the_scheduler_saw(database_url: str, tmp_path: Path) -> None:
    async with open_stage(database_url) as stage:
        trueup = Commands(tmp_path, database_url)
        stage.write("TEE", 7)
        await stage.look()
        async with stage.brand.access(NAME):
            told = await trueup.in_thread("reconcile", "parity", status=1)
            assert told["tended"] == [NAME]
            assert [each["cause"] for each in told["discrepancies"]] == ["unexplained"]
            refused = await trueup.in_thread("reconcile", "parity", "--repair", status=2)
            assert "The scheduler looks at these channels" in refused["error"]["message"]


async def test_a_sku_that_no_channel_lists_is_told(database_url: str, tmp_path: Path) -> None:
    async with open_stage(database_url) as stage:
        await hand_in(stage.brand, stage.own, "open-X", "opening", "ATTIC", 4)
        told = await Commands(tmp_path, database_url).in_thread("reconcile", "parity", status=1)
        [found] = told["discrepancies"]
        assert (found["cause"], found["left_ref"], found["amount"]) == (
            *("unmapped_sku", "sku/ATTIC", -4),
        )


async def test_a_round_ends_within_its_budget_and_the_riskiest_go_first(database_url: str) -> None:
    """A tenth of a small budget reads few listings by name; the walk takes the others in turn."""
    skus = tuple(f"SKU-{n:03}" for n in range(160))
    async with open_stage(database_url, skus=skus) as stage:
        await stage.brand.conn.execute(b"DELETE FROM reconcile.walk")
        await stage.count("SKU-150", -8, "lost-8")
        await stage.settle()
        stage.brand.clock.advance(120)
        before = stage.sandbox.door(NAME).counters["calls"]
        found = await stage.look(everything=False)
        calls = stage.sandbox.door(NAME).counters["calls"] - before
        assert calls <= 8, calls
        assert found.looked < len(skus) * 2
        [(newest,)] = await stage.brand.rows(
            "SELECT looked_at = (SELECT max(looked_at) FROM reconcile.look) FROM reconcile.look "
            "WHERE sku = 'SKU-150'"
        )
        assert newest, "what is nearly gone is looked at first"


async def test_listings_that_wait_for_over_a_day_are_told_with_figures(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.brand.clock.advance(2 * 24 * 3600)
        await stage.brand.conn.execute(
            b"UPDATE reconcile.look SET looked_at = looked_at + interval '47 hours' "
            b"WHERE sku <> 'CAP'"
        )
        stage.shop.faults.rules = [
            ApiFault(kind="throttled", probability=1.0, operation="nodes"),
            ApiFault(kind="throttled", probability=1.0, operation="locations"),
        ]
        with pytest.raises(RateLimited):
            await stage.look(everything=False)
        stage.shop.faults.rules = []
        await set_setting(stage, stock_location="none")
        assert (await stage.look()).looked == 3, "they are gone at that place"
        async with stage.brand.access(NAME) as access:
            await keep_figures(
                access,
                await listings_to_compare(stage.brand.conn, stage.connection_id),
                [],
                0,
                stage.brand.clock.now() + timedelta(hours=26),
                a_day=72,
            )
        [(text,)] = await stage.brand.rows(
            "SELECT found FROM intake.issue WHERE code = 'stock.parity_behind'"
        )
        assert text == (
            "3 of 3 listings were not, the oldest look is 26 h old; the budget allows for 72 looks "
            "a day"
        )
        stage.brand.clock.advance(26 * 3600)
        await stage.look()
        assert "stock.parity_behind" not in await stage.brand.issues()


async def test_the_scheduler_looks_by_itself(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        stage.write("TEE", 25)
        clock = ManualClock(stage.brand.clock.now() + timedelta(minutes=5))
        pulled = stage.brand.hub.connectors["shopify"].manifest.pull
        for name in ("hooks", *(f"poll.{each.resource}" for each in pulled)):
            later = clock.now() + timedelta(days=1)
            await write_duty(
                stage.brand.conn, stage.connection_id, name, at=clock.now(), due_at=later
            )
        # What was spent so far was counted by the brand's clock, which is ahead of the database's.
        scheduler = Scheduler(
            *(database_url, stage.brand.hub),
            clock=clock,
            budgets=stage.brand.budgets,
            history=False,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(scheduler.run(stop))
        try:
            async with asyncio.timeout(60):
                while await stage.causes("TEE") == {}:
                    await asyncio.sleep(0.2)
                    # What failed once is tried again, as soon as time goes on.
                    clock.advance(seconds=1)
        except TimeoutError:
            duties = "SELECT name, due_at, failures, reason FROM intake.duty"
            pytest.fail(f"no look within a minute: {await stage.brand.rows(duties)}")
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)
        assert set(await stage.causes("TEE")) == {Cause.UNEXPLAINED}
        [(outcome,)] = await stage.brand.rows(
            "SELECT outcome FROM intake.duty WHERE name = 'parity'"
        )
        assert msgspec.json.decode(outcome)["differing"] == 1
