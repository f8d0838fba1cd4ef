"""Play one seed: a brand under fire, then quiet, then the proof."""

import traceback
from collections import Counter
from collections.abc import Collection
from datetime import timedelta

import msgspec

from tests.sim.stock.check import BrokenInvariant, State, check_postings, value_of
from tests.sim.stock.database import Conn, Databases
from tests.sim.stock.dying import Doom, doomed
from tests.sim.stock.hub import world_connectors
from tests.sim.stock.shop import Item, Shop
from tests.sim.stock.steps import choose, expire, release, tune
from tests.sim.stock.world import World

SEEDS_OF_A_DATABASE = 50
_ROUNDS_MAX = 60
_STORY_LINES = 60


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to."""

    seed: int
    steps: int
    faults: dict[str, int]
    delivered: int
    lost: int
    applied_twice: int
    broken: str = ""
    story: tuple[str, ...] = ()


class Player:
    """Plays seeds in databases that it shares among some of them."""

    def __init__(self, conninfo: str) -> None:
        self._databases = Databases(conninfo)
        self._conn: Conn | None = None
        self._played = 0
        self._connectors = world_connectors()

    async def play(self, seed: int, *, steps: int | None = None) -> Result:
        """Play a seed to its end, or to the first invariant that breaks."""
        if self._conn is None or self._conn.closed or self._played % SEEDS_OF_A_DATABASE == 0:
            self._conn = await self._databases.fresh()
        self._played += 1
        doom = Doom()
        world = World(seed, self._conn, self._connectors, f"w{self._played:06}", doom)
        broken, lost = "", 0
        with doomed(doom):
            try:
                await _live(world, steps)
                await _come_to_rest(world)
                lost = await _lost(world)
            except BrokenInvariant as found:
                broken = str(found).replace(world.prefix + "-", "")
                world.story = _about(world, found)
            except Exception:  # noqa: BLE001 - whatever the hub raises is what was found
                broken = traceback.format_exc()
            finally:
                doom.disarm()
                await _leave(world)
        if broken:
            self._conn = None  # what is left of this seed shall disturb nobody
        faults = Counter(world.faults)
        for each in (*world.shops.values(), *world.lines.values(), doom):
            faults.update(each.deaths if isinstance(each, Doom) else each.faults)
        return Result(
            seed=seed,
            steps=world.steps,
            faults=dict(faults),
            delivered=world.answered,
            lost=lost,
            applied_twice=world.applied_twice,
            broken=broken,
            story=tuple(world.story),
        )

    async def aclose(self) -> None:
        """Leave the database."""
        await self._databases.aclose()


async def _live(world: World, steps: int | None) -> None:
    """Let things happen, look at everything after each."""
    await world.build()
    rng = world.rng
    count = rng.randint(40, 80)
    for _ in range(count if steps is None else min(steps, count)):
        world.steps += 1
        await world.pass_time(rng.expovariate(1 / rng.choice((0.5, 5, 60))))
        await choose(rng)(world)
        await world.take_in()
        if rng.random() < 0.7:
            await world.apply()
        for name in world.lines:
            if world.due_at(name) and rng.random() < 0.6:
                await world.send(name)
        if rng.random() < 0.1:
            await world.tend(rng.choice(sorted(world.lines)))
        await world.check()


async def _come_to_rest(world: World) -> None:
    """Stop everything that goes wrong, let everything be told, and compare."""
    world.fire = False
    world.doom.disarm()
    world.hub.clock.skew = timedelta(0)
    for shop in world.shops.values():
        shop.loss = shop.repeats = 0.0
    for line in world.lines.values():
        line.fault_rate, line.desk.ignores = 0.0, 0.0
    world.tell("all is quiet")
    await release(world)
    await _settle(world)
    _compare(world, tampered=False)
    await check_postings(world.conn, world.books, world.skus, world.units_held())
    values = _values(world)
    # A number that somebody else set is only noticed when the hub has something to say.
    for sku in world.skus:
        short = 0 if world.state is None else min(0, world.state.available(sku))
        world.move("receipt", sku, 1 - short)
    await _settle(world)
    same = {key for key, value in values.items() if value == _values(world).get(key)}
    _compare(world, tampered=True, unsaid=same)
    await check_postings(world.conn, world.books, world.skus, world.units_held())


async def _settle(world: World) -> None:
    """Go on until nothing is under way, due, or unexplained."""
    for number in range(_ROUNDS_MAX):
        await world.pass_time(_pause(world))
        for shop in world.shops.values():
            shop.due += shop.poll()
            shop.due = [msgspec.structs.replace(d, due_at=world.now) for d in shop.due]
        world.own_due = [each._replace(due_at=world.now) for each in world.own_due]
        await world.take_in()
        while await world.hub.apply(500):
            pass
        for name in world.lines:
            await world.tend(name)
        await expire(world)
        await tune(world)
        state = await world.check()
        for name in world.lines:
            while world.due_at(name) and await world.send(name):
                state = await world.check()
        if number and await _is_quiet(world, state):
            return
    raise BrokenInvariant(f"no rest after {_ROUNDS_MAX} rounds: {_unrest(world)}")


def _pause(world: World) -> float:
    """Return how long to wait: for calls under way a while, then past every patience."""
    if any(line.busy or line.desk.waits for line in world.lines.values()):
        return 60.0
    due = [i["due_at"] for i in world.state.intents if i["state"] == "due"] if world.state else []
    longest = max(((at - world.now).total_seconds() for at in due), default=0.0)
    return max(17 * 60.0, longest + 1)


async def _is_quiet(world: World, state: State) -> bool:
    if any(line.busy or line.desk.waits for line in world.lines.values()):
        return False
    if state.queue or any(_is_open(intent) for intent in state.intents):
        return False
    cursor = await world.conn.execute(
        "SELECT count(*) FROM outbox.call WHERE check_at IS NOT NULL AND connection_id = ANY(%s)",
        (list(world.hub.numbers.values()),),
    )
    row = await cursor.fetchone()
    return row is None or row[0] == 0


def _is_open(intent: dict) -> bool:
    return intent["state"] != "settled" or bool(intent["dropped"] + intent["risen"])


def _unrest(world: World) -> str:
    state = world.state
    busy = [name for name, line in world.lines.items() if line.busy or line.desk.waits]
    return f"{[i for i in state.intents if _is_open(i)] if state else []}, busy: {busy}, queue: {state and state.queue}"


def _intents(world: World) -> list[dict]:
    return [] if world.state is None else world.state.intents


def _values(world: World) -> dict[tuple[int, str], int]:
    return {(i["connection_id"], i["key"]): i["value"] for i in _intents(world)}


def _compare(world: World, *, tampered: bool, unsaid: Collection[tuple[int, str]] = ()) -> None:
    """All channels show what the hub's rule says.

    Where others wrote too, if `tampered`; but for `unsaid`, of which there was nothing new to say.
    """
    assert world.state is not None
    names = {number: name for name, number in world.hub.numbers.items()}
    for intent in world.state.intents:
        shop = world.shops[names[intent["connection_id"]]]
        item = shop.item(intent["target"])
        key = (intent["connection_id"], intent["key"])
        told = not item.tampered or (tampered and key not in unsaid)
        if intent["counted"] and told:
            _compare_item(shop, item, intent)


def _compare_item(shop: Shop, item: Item, intent: dict) -> None:
    wanted = value_of(intent)
    if item.stands != wanted:
        raise BrokenInvariant(
            f"{shop.name} shows {item.stands} of {item.sku}, and shall show {wanted}: {intent}",
            item.sku,
            shop.name,
        )


async def _lost(world: World) -> int:
    """Return how many acknowledged deliveries are not in the log."""
    cursor = await world.conn.execute(
        "SELECT connection_id, external_id FROM intake.dedupe WHERE connection_id = ANY(%s)",
        (list(world.hub.numbers.values()),),
    )
    return len(world.acknowledged.keys() - set(await cursor.fetchall()))


async def _leave(world: World) -> None:
    """End what is under way."""
    for line in world.lines.values():
        await line.die()


def _about(world: World, found: BrokenInvariant) -> list[str]:
    """Return the lines of the story that matter, the oldest cut off."""
    sku = found.about.replace(world.prefix + "-", "")
    named = (f"'{sku}'", f" {sku} ", f" {sku}:")
    lines = []
    for line in world.story:
        is_state = ", believed " in line
        if is_state and found.shop and f"  {found.shop} " not in line:
            continue
        general = any(word in line for word in ("died", "clock", "quiet", "channels", "waits"))
        if not sku or general or any(name in line for name in named):
            lines.append(line)
    return lines[-_STORY_LINES:]
