"""One brand: its channels, its stock, its buyers, its people, and all that goes wrong among them."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.sim.stock.check import BrokenInvariant, State, check_step, look
from tests.sim.stock.database import Conn
from tests.sim.stock.dying import Died, Doom
from tests.sim.stock.facts import Books, Fact, Moved
from tests.sim.stock.hub import BEGINNING, KINDS, SETTINGS, WorldHub
from tests.sim.stock.network import Line
from tests.sim.stock.protocols import Desk
from tests.sim.stock.shop import Delivery, Item, Shop, just_overwritten, turned_back, unread
from trueup.contract.loader import ConnectorFolder
from trueup.intake.duties import write_duty
from trueup.outbox.claim import open_calls
from trueup.outbox.model import Call

_BREATH_S = 240.0
_POLL_INTERVAL = timedelta(seconds=300)
_KEEP_NO_KEYS = {"woocommerce", "bigcommerce"}
SITES = ("main", "store")


class Own(NamedTuple):
    """Something that our own people report, and when it reaches the hub."""

    due_at: datetime
    topic: str
    ref: str
    body: Any
    fact: Moved | None


class OwnDelivery(Delivery, kw_only=True):
    """Such a report on its way."""

    own: Own


class World:
    """A brand under fire.

    Args:
        seed: decides everything.
        conn: to a database of the world.
        connectors: of the world.
        prefix: of names that no other seed in the database has.
        doom: strikes where the hub may die.
    """

    def __init__(
        self,
        seed: int,
        conn: Conn,
        connectors: dict[str, ConnectorFolder],
        prefix: str,
        doom: Doom,
    ) -> None:
        self.seed, self.conn, self.prefix, self.doom = seed, conn, prefix, doom
        self.rng = random.Random(seed)
        self.connectors = connectors
        self.hub = WorldHub(conn, connectors, prefix)
        self.books = Books()
        self.now = BEGINNING
        self.skus = [f"{prefix}-{letter}" for letter in "ABCDE"[: self.rng.randint(2, 5)]]
        self.shops: dict[str, Shop] = {}
        self.lines: dict[str, Line] = {}
        self.waiting: list[Delivery] = []
        self.own_due: list[Own] = []
        self.acknowledged: dict[tuple[int, str], int] = {}
        self.answered = 0
        self.applied_twice = 0
        self.faults: dict[str, int] = {}
        self.story: list[str] = []
        self.steps = 0
        self.state: State | None = None
        self.since = 0
        self.opened: set[str] = set()
        self.held: dict[str, Any] = {}
        self.claimed: dict[tuple[int, str], int] = {}
        self.known: dict[int, frozenset[Fact]] = {}
        self._claimed: list[tuple[Call, Shop, Item]] = []
        self._polled: dict[str, datetime] = {}
        self._orphans: set[tuple[str, str]] = set()
        self._ids = 0
        self._said: dict[tuple[str, str], str] = {}
        self.fire = True

    # -- telling -------------------------------------------------------------------------------

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        at = (self.now - BEGINNING).total_seconds()
        self.story.append(f"{self.steps:3} {at:9.3f} {what.replace(self.prefix + '-', '')}")

    def count(self, fault: str) -> None:
        """Count a fault that struck."""
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    # -- beginning -----------------------------------------------------------------------------

    async def build(self) -> None:
        """Connect the channels, list the goods, and open some of the books."""
        rng = self.rng
        await self.hub.tick()
        row = await (
            await self.conn.execute("SELECT last_value FROM intake.event_id_seq")
        ).fetchone()
        self.since = row[0] if row else 0
        await self.hub.connect("own", "manual", {})
        loss, repeats = rng.choice((0.0, 0.05, 0.2)), rng.choice((0.0, 0.1, 0.3))
        slow, faulty = rng.choice((0.5, 20.0, 300.0)), rng.choice((0.0, 0.1, 0.3))
        for number in range(rng.randint(2, 6)):
            kind = rng.choice(KINDS)
            name = f"{number}{kind[0]}"
            shop = Shop(name, kind, rng, (number + 1) * 1_000_000)
            shop.now = shop.polled_at = self.now
            shop.loss, shop.repeats, shop.delay_s = loss, repeats, slow
            account = await self.hub.connect(name, kind, SETTINGS | {"shop": name})
            desk = Desk(shop, self._writes(shop), self._lowers(shop), self._reads(shop))
            desk.ignores = 0.1 if faulty else 0.0
            line = Line(
                self.conn,
                self.hub.hub.vault,
                self.connectors[kind],
                account,
                self.hub.clock,
                desk,
                rng,
            )
            line.fault_rate, line.delay_s = faulty, rng.choice((0.2, 2.0, 5.0))
            self.shops[name], self.lines[name] = shop, line
        # A chance of its own, so that what older seeds found is still played by them.
        twice = random.Random(self.seed + 1)
        for sku in self.skus:
            on = rng.sample(sorted(self.shops), rng.randint(1, len(self.shops)))
            units = rng.choice((1, 2, 5, 12, 30))
            for name in sorted(on):
                stands = units if rng.random() < 0.8 else rng.randint(0, 9)
                self.shops[name].list_item(sku, stands)
                if self.shops[name].kind == "shopify" and twice.random() < 0.15:
                    self.shops[name].list_item(sku, stands)
            if rng.random() < 0.85:
                self.open_books(sku, units)
        if rng.random() < 0.5:
            await self._make_kit()
        self.tell(
            f"{len(self.shops)} channels {sorted(self.shops)}, loss {loss}, repeats {repeats}, "
            f"delay {slow} s, faults {faulty}"
        )

    # -- what vendors see ----------------------------------------------------------------------

    def _reads(self, shop: Shop) -> Callable[[Item], None]:
        def look_at(item: Item) -> None:
            if item.before is None:
                item.before = frozenset(item.effects)
            item.read = item.stands
            call = self.lines[shop.name].desk.current
            known = self.known.get(call.call_id) if call is not None else None
            left = unread(item, self.books.known() if known is None else known)
            item.hides = 0
            if (
                left
                and max(left) < 0
                and not item.tainted
                and not turned_back(item)
                and not just_overwritten(item)
            ):
                item.hides = -sum(left)

        return look_at

    def _writes(self, shop: Shop) -> Callable[[Item, int], None]:
        def look_at(item: Item, units: int) -> None:
            call = self._told(shop, item, f"{units}")
            if units < 0:
                raise BrokenInvariant(f"{shop.name} was told {units} of {item.sku}", item.sku)
            if shop.kind in _KEEP_NO_KEYS:
                # What was sold between the reading and the writing is written over: nobody can see.
                if item.effects.keys() - self.books.facts - (item.before or frozenset()):
                    item.overwrote_at = self.now
                item.before = (item.before or frozenset()) | set(item.effects)
            safe = max(0, self.claimed.get((call.call_id, item.key), 0) - item.hides)
            if shop.kind != "amazon" and item.hides and units > max(item.read, safe):
                raise BrokenInvariant(
                    f"{shop.name} was raised from {item.read} to {units} of {item.sku} over a "
                    "sale that was not read",
                    item.sku,
                    shop.name,
                )

        return look_at

    def _lowers(self, shop: Shop) -> Callable[[Item, int], None]:
        def look_at(item: Item, units: int) -> None:
            self._told(shop, item, f"{units} more")
            if units >= 0:
                raise BrokenInvariant(f"{shop.name} raises {item.sku} blindly", item.sku, shop.name)

        return look_at

    def _told(self, shop: Shop, item: Item, what: str) -> Call:
        """Take note that a shop is told of an item; returns the call."""
        call = self.lines[shop.name].desk.current
        assert call is not None
        [claimed] = [c for c in call.claimed if shop.item(c.intent.target) is item]
        self.tell(
            f"{shop.name} is told {what} of {item.key} (stands {item.stands}, sequence "
            f"{claimed.sequence}, expects {claimed.intent.expected})"
        )
        if claimed.sequence < item.told:
            raise BrokenInvariant(
                f"{shop.name} was told of {item.sku} by sequence {claimed.sequence} after "
                f"{item.told}",
                item.sku,
                shop.name,
            )
        item.told = claimed.sequence
        return call

    # -- our own people ------------------------------------------------------------------------

    def move(self, kind: str, sku: str, quantity: int, **more: str) -> None:
        """Report a movement; it reaches the hub soon."""
        ref = f"{self.prefix}-m{self.next_id()}"
        site = more.get("site", "main")
        moves: tuple[tuple[str, str, int], ...]
        match kind:
            case "opening" | "receipt" | "adjustment":
                moves = (("on_hand", site, quantity),)
            case "quarantine":
                moves = (("on_hand", site, -quantity), ("quarantine", site, quantity))
            case _:
                moves = (("on_hand", site, -quantity), ("on_hand", more["to_site"], quantity))
        body = {
            "ref": ref,
            "movement": kind,
            "sku": sku,
            "quantity": quantity,
            "occurred_at": self.now.isoformat(),
            **more,
        }
        delay = self.rng.expovariate(1 / 10) if kind != "opening" else 0.0
        due_at = self.now + timedelta(seconds=delay)
        self.own_due.append(
            Own(due_at, "stock/movement", ref, body, Moved(ref=ref, sku=sku, moves=moves))
        )
        self.tell(f"{kind} of {quantity} {sku} {more or ''}")

    async def _make_kit(self) -> None:
        """Sell two SKUs together under a code of its own, which the hub knows from the beginning."""
        code = f"{self.prefix}-K"
        parts = {sku: self.rng.choice((1, 1, 2)) for sku in self.rng.sample(self.skus, 2)}
        self.books.kits[code] = parts
        rows = [{"sku": sku, "units": units} for sku, units in parts.items()]
        body = {"kit": code, "parts": rows, "occurred_at": BEGINNING.isoformat()}
        await self.hub.append([self.hub.own_event("stock/kit", code, body)])
        await self.hub.apply(1)
        for name in self.rng.sample(sorted(self.shops), self.rng.randint(1, len(self.shops))):
            self.shops[name].list_item(code, self.rng.randint(0, 6))
        self.tell(f"{code} is a kit of {parts}")

    def rule(self, name: str, sku: str | None, **rule: int) -> None:
        """Rule what a channel is offered."""
        at = self.now.isoformat()
        body = {"channel": f"{self.prefix}-{name}", "occurred_at": at, **rule}
        body |= {} if sku is None else {"sku": sku}
        self.own_due.append(Own(self.now, "stock/rule", f"{self.next_id()}", body, None))
        self.tell(f"rule of {name} for {sku or 'all'}: {rule}")

    def open_books(self, sku: str, units: int) -> None:
        """Say what there is at first."""
        self.opened.add(sku)
        self.move("opening", sku, units)

    # -- the hub's turn ------------------------------------------------------------------------

    async def pass_time(self, seconds: float) -> None:
        """Let the world go on by itself, and everything happen that is due by then.

        Polls come by themselves, well within the patience with what is not explained.
        """
        while seconds > 0:
            await self._go(min(seconds, _BREATH_S))
            seconds -= _BREATH_S
            late = [s for s in self.shops.values() if (self.now - s.polled_at) > _POLL_INTERVAL]
            for shop in late:
                shop.due += shop.poll()
            if late:
                await self.take_in()
                await self.apply()

    async def _go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.hub.clock.true = self.now
        for shop in self.shops.values():
            shop.now = self.now
        await self.hub.tick()
        for name, line in self.lines.items():
            line.desk.settle()
            await self._at_line(name, line.pump(self.now))

    async def _at_line(self, name: str, work: Any) -> None:
        """Do something at a line, which its process may not survive."""
        try:
            await work
        except Died as died:
            self.tell(f"{name}: {died}")
            self._orphans |= {(name, key) for key in self.shops[name].items}
            await self.lines[name].die()
            await self._forget_lost(name)
            await self._at_line(name, self.lines[name].run(self.lines[name].tidy()))

    async def take_in(self) -> None:
        """Append what arrives."""
        arriving = [d for shop in self.shops.values() for d in shop.arrived()]
        events = [self.hub.event(delivery) for delivery in arriving]
        own = [each for each in self.own_due if each.due_at <= self.now]
        self.own_due = [each for each in self.own_due if each not in own]
        for each in own:
            events.append(self.hub.own_event(each.topic, each.ref, each.body))
            arriving.append(self._own_delivery(events[-1], each))
        if self.fire and events and self.rng.random() < 0.03:
            self.count("died before the commit of a delivery")
            self._repeat(arriving)
            return
        if events:
            await self._append(arriving, events)
        await self._note_polls()

    async def _append(self, arriving: list[Delivery], events: list[Any]) -> None:
        answers = await self.hub.append(events)
        for delivery, event, answer in zip(arriving, events, answers, strict=True):
            known = (event.connection_id, event.external_id)
            self.answered += 1
            first = self.acknowledged.setdefault(known, answer.event_id)
            self.applied_twice += first != answer.event_id
            if answer.conflicting:
                raise BrokenInvariant(f"a delivery came with other bytes: {delivery}")
            if not answer.repeated:
                delivery.event_id = answer.event_id
                self.waiting.append(delivery)
        if self.fire and self.rng.random() < 0.03:
            self.count("died after the commit of a delivery, before the answer")
            self._repeat(arriving)

    async def _note_polls(self) -> None:
        """Note each poll of which everything has arrived, as the hub's scheduler does."""
        for shop in self.shops.values():
            polling = any(delivery.origin == "poll" for delivery in shop.due)
            if not polling and self._polled.get(shop.name) != shop.polled_at:
                self._polled[shop.name] = at = shop.polled_at
                number = self.hub.numbers[shop.name]
                await write_duty(self.conn, number, "poll.orders", at=at, due_at=at)

    @staticmethod
    def _own_delivery(event: Any, own: "Own") -> Delivery:
        return OwnDelivery(
            own=own,
            shop="own",
            topic=event.topic,
            external_id=event.external_id,
            body=event.body,
            raised_at=event.received_at,
            facts=frozenset(() if own.fact is None else (own.fact,)),
        )

    def _repeat(self, arriving: list[Delivery]) -> None:
        """Let senders repeat what was not answered; people hand in again what got no answer."""
        for delivery in arriving:
            if isinstance(delivery, OwnDelivery):
                again = self.now + timedelta(seconds=5)
                self.own_due.append(delivery.own._replace(due_at=again))
            else:
                self.shops[delivery.shop].again(delivery)

    async def apply(self) -> None:
        """Let a worker apply a batch of what waits."""
        count = self.rng.choice((1, 4, 500, 500))
        share = self.rng if self.fire and self.rng.random() < 0.3 else None
        try:
            await self.hub.apply(count, share)
        except Died as died:
            self.tell(f"the worker {died}")
            self.hub.reborn()

    async def _forget_lost(self, name: str) -> None:
        """A first look whose answer died with its process is yet to come; a claim stays a claim."""
        number, shop = self.hub.numbers[name], self.shops[name]
        for call in await open_calls(self.conn, number):
            self._claimed += [(call, shop, shop.item(c.intent.target)) for c in call.claimed]
        cursor = await self.conn.execute(
            "SELECT target FROM outbox.intent WHERE connection_id = %s AND believed IS NULL",
            (number,),
        )
        for (target,) in await cursor.fetchall():
            shop.item(target).before = None

    async def tend(self, name: str) -> None:
        """Let a line do what its process does now and then."""
        line = self.lines[name]
        if not line.tidying:  # as in the hub, where one task does it again and again
            await self._at_line(name, line.run(line.tidy()))

    async def send(self, name: str) -> bool:
        """Let a line claim a call and send it; returns whether there was one."""
        line = self.lines[name]
        before = line.calls
        await self._at_line(name, line.run(self._next(line)))
        return line.calls > before

    async def _next(self, line: Line) -> None:
        call = await line.dispatcher._claim()
        if call is not None:
            shop = line.desk.shop
            self._claimed += [(call, shop, shop.item(c.intent.target)) for c in call.claimed]
            await line.dispatcher._finish(call)

    def due_at(self, name: str) -> bool:
        """Whether something is due at a line, by what was last seen."""
        number = self.hub.numbers[name]
        intents = [] if self.state is None else self.state.intents
        return any(i["connection_id"] == number and i["state"] == "due" for i in intents)

    async def check(self) -> State:
        """Look at the database, learn what the hub has read, and hold it to that."""
        numbers = list(self.hub.numbers.values())
        self.state = state = await look(self.conn, self.skus, numbers, self.since)
        for delivery in [d for d in self.waiting if d.event_id not in state.queue]:
            self.waiting.remove(delivery)
            self.books.learn(delivery.facts, seen=delivery.order)
        # What is applied between here and the writing was not known when it was decided.
        for call, shop, item in self._claimed:
            number = self.hub.numbers[shop.name]
            here = (i for i in state.intents if i["connection_id"] == number)
            found = (i["available"] + i["ahead"] for i in here if shop.item(i["target"]) is item)
            self.known.setdefault(call.call_id, self.books.known())
            self.claimed.setdefault((call.call_id, item.key), next(found, 0))
        self._claimed.clear()
        self._tell_intents(state)
        check_step(state, self.books, self.skus, self.units_held())
        return state

    def parts(self, code: str) -> dict[str, int]:
        """Return what one unit of a code is."""
        return self.books.kits.get(code, {code: 1})

    def _tell_intents(self, state: State) -> None:
        names = {number: name for name, number in self.hub.numbers.items()}
        for intent in state.intents:
            shop = self.shops[names[intent["connection_id"]]]
            item = shop.item(intent["target"])
            key = (shop.name, item.key)
            if intent["believed"] is None and intent["state"] in {"due", "settled"}:
                # Whatever was read, its answer was lost: the first look is yet to come.
                item.before = None
            if intent["state"] not in {"sending", "unknown"}:
                self._orphans.discard(key)
            lost = intent["state"] == "unknown" or key in self._orphans
            if (lost and shop.kind in _KEEP_NO_KEYS) or intent["unsure_down"] + intent["unsure_up"]:
                # Sold about when the number was looked at, or while nobody knew whether it was set:
                # it can not be told from what is unread.
                item.before = (item.before or frozenset()) | set(item.effects)
            said = (
                f"{intent['state']} {intent['value']}, stands {item.stands}, believed "
                f"{intent['believed']}, dropped "
                f"{intent['dropped']}, risen {intent['risen']}, unsure -{intent['unsure_down']} "
                f"+{intent['unsure_up']}, available {intent['available']}"
            )
            if self._said.get(key) != said:
                self._said[key] = said
                self.tell(f"  {key[0]} {key[1]} : {said}")

    def units_held(self) -> dict[str, int]:
        """Return what reservations hold, by SKU."""
        units: dict[str, int] = {}
        for each in self.held.values():
            if each.state.value in {"held", "confirmed"}:
                for line in each.lines:
                    for part, count in self.parts(line.sku).items():
                        units[part] = units.get(part, 0) + line.quantity * count
        return units
