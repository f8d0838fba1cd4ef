"""What may happen in a brand in one step. Each returns whether it could."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.sim.stock.check import BrokenInvariant
from tests.sim.stock.dying import Died
from tests.sim.stock.facts import Moved
from tests.sim.stock.shop import Order, Shop
from tests.sim.stock.world import SITES, World
from trueup.canon.reservation import Reservation, ReservationLine, ReservationState
from trueup.errors import ReservationClosed
from trueup.records.reads import find_reservation
from trueup.reserve import Wish

Step = Callable[[World], Awaitable[None]]


def _shop(world: World) -> Shop:
    return world.shops[world.rng.choice(sorted(world.shops))]


def _order(world: World, *, wants: Callable[[Order], bool]) -> tuple[Shop, Order] | None:
    found = [(s, o) for s in world.shops.values() for o in s.orders.values() if wants(o)]
    return world.rng.choice(found[-20:]) if found else None


def _buy(world: World, shop: Shop) -> None:
    stocked = [i for i in shop.items.values() if i.stands > 0]
    if not stocked:
        return
    cart = {}
    for item in world.rng.sample(stocked, min(len(stocked), world.rng.choice((1, 1, 2, 3)))):
        cart[item.key] = min(item.stands, world.rng.choice((1, 1, 1, 2, 3)))
    order = shop.place(cart)
    world.tell(f"{shop.name} sells {cart} as {order.number}")


async def sale(world: World) -> None:
    """One buyer comes."""
    _buy(world, _shop(world))


async def burst(world: World) -> None:
    """Many buyers come at once, to all channels."""
    for _ in range(world.rng.randint(3, 8)):
        await world.pass_time(world.rng.expovariate(1 / 0.3))
        _buy(world, _shop(world))


async def cancel(world: World) -> None:
    """A buyer or the shop calls an order off."""
    found = _order(
        world, wants=lambda o: not o.cancelled and any(o.open(line) for line in o.lines())
    )
    if found:
        shop, order = found
        restock = world.rng.random() < 0.85
        shop.cancel(order, restock=restock)
        world.tell(f"{shop.name} cancels {order.number}, {'' if restock else 'not '}put back")


async def refund(world: World) -> None:
    """Some open units are refunded before they were shipped."""
    found = _order(world, wants=lambda o: any(o.open(line) for line in o.lines()))
    if found:
        shop, order = found
        line = world.rng.choice([each for each in order.lines() if order.open(each)])
        units = world.rng.randint(1, order.open(line))
        how = "cancel"
        if not order.shipped(line) and world.rng.random() < 0.3:
            how = "no_restock"
        shop.refund(order, {line: units}, how, "main")
        world.tell(f"{shop.name} refunds {units} {line.sku} of {order.number}, {how}")


async def ship(world: World) -> None:
    """Units leave."""
    found = _order(world, wants=lambda o: any(o.open(line) for line in o.lines()))
    if found:
        shop, order = found
        units = {}
        for line in order.lines():
            aside = order.refunded(line, "no_restock")
            if order.open(line) and not aside and world.rng.random() < 0.8:
                units[line] = world.rng.randint(1, order.open(line))
        if units:
            site = "store" if world.rng.random() < 0.1 else "main"
            shop.ship(order, units, site)
            sent = {line.sku: n for line, n in units.items()}
            world.tell(f"{shop.name} ships {sent} of {order.number} from {site}")


async def unship(world: World) -> None:
    """A shipment is taken back before it left."""
    found = _order(
        world,
        wants=lambda o: bool(o.shipments()) and not any(o.refunded(line) for line in o.lines()),
    )
    if found and not found[1].cancelled:
        shop, order = found
        number = world.rng.choice(sorted(order.shipments()))
        shop.unship(order, number)
        world.tell(f"{shop.name} takes shipment {number} of {order.number} back")


async def give_back(world: World) -> None:
    """Units come back from a customer, to stock or not."""
    found = _order(world, wants=lambda o: any(o.returnable(line) for line in o.lines()))
    if found:
        shop, order = found
        line = world.rng.choice([each for each in order.lines() if order.returnable(each)])
        units = world.rng.randint(1, order.returnable(line))
        whole = order.open(line) == 0
        how = "no_restock" if whole and world.rng.random() < 0.3 else "return"
        if how == "no_restock":
            units = min(units, order.returnable(line) - order.refunded(line, "no_restock"))
        site = "store" if world.rng.random() < 0.1 else "main"
        if units > 0:
            shop.refund(order, {line: units}, how, site)
            world.tell(f"{shop.name}: {units} {line.sku} of {order.number} come back, {how}")


async def edit_order(world: World) -> None:
    """An order is edited: a line more, or fewer units."""
    found = _order(world, wants=lambda o: not o.cancelled and any(o.open(x) for x in o.lines()))
    if not found:
        return
    shop, order = found
    stocked = [i for i in shop.items.values() if i.stands > 0]
    if stocked and world.rng.random() < 0.5:
        item = world.rng.choice(stocked)
        shop.add_line(order, item.key, 1)
        world.tell(f"{shop.name} adds 1 {item.key} to {order.number}")
        return
    plain = [x for x in order.lines() if order.open(x) and not order.refunded(x)]
    if plain:
        line = world.rng.choice(plain)
        units = world.rng.randint(1, order.open(line))
        shop.remove(order, line, units)
        world.tell(f"{shop.name} takes {units} {line.sku} out of {order.number}")


async def receive(world: World) -> None:
    """Goods come in; the first of a SKU open its books."""
    sku, units = world.rng.choice(world.skus), world.rng.choice((1, 3, 10))
    site = "store" if world.rng.random() < 0.15 else "main"
    world.opened.add(sku)
    world.move("receipt", sku, units, site=site)


async def correct(world: World) -> None:
    """Something was broken, found, set aside, or carried to another site."""
    sku, site = world.rng.choice(world.skus), world.rng.choice(SITES)
    what = world.rng.choice(("adjustment", "quarantine", "transfer"))
    if what == "transfer":
        other = SITES[1 - SITES.index(site)]
        world.move(what, sku, 1, site=site, to_site=other)
    else:
        world.move(what, sku, world.rng.choice((-1, 1)), site=site)


async def tamper(world: World) -> None:
    """A person or another program sets a channel's number."""
    shop = _shop(world)
    if shop.items:
        item = shop.items[world.rng.choice(sorted(shop.items))]
        stands = max(0, item.stands + world.rng.choice((-2, -1, 1, 2, 5)))
        shop.edit(item.key, stands)
        world.count("second writer")
        world.tell(f"somebody sets {item.key} at {shop.name} to {stands}")


async def rule(world: World) -> None:
    """A person rules what a channel is offered of one SKU, or of all."""
    name = world.rng.choice(sorted(world.shops))
    sku = world.rng.choice((None, *sorted({i.sku for i in world.shops[name].items.values()})))
    what, most = world.rng.choice((("buffer", 4), ("cap", 8), ("share_percent", 90), ("ahead", 3)))
    world.rule(name, sku, **{what: world.rng.randint(1, most)})


async def poll(world: World) -> None:
    """A channel is asked what changed; this brings what webhooks lost."""
    shop = _shop(world)
    found = shop.poll()
    shop.due += found
    world.tell(f"{shop.name} is polled: {len(found)} orders")


async def wait(world: World) -> None:
    """Nothing happens for a while."""
    await world.pass_time(world.rng.choice((60.0, 300.0, 1000.0)))


async def turn_clock(world: World) -> None:
    """The clock of the hub's machine jumps."""
    seconds = world.rng.choice((-20, -5, 0, 5, 20))
    world.hub.clock.skew = timedelta(seconds=seconds)
    world.count("clock jump")
    world.tell(f"the hub's clock is {seconds} s off")


async def arm(world: World) -> None:
    """A process of the hub will die soon."""
    world.doom.arm(world.rng)


async def reserve(world: World) -> None:
    """A seller of ours asks for units; where its answer is lost, it asks again in the same words."""
    wanted = world.rng.sample([*world.skus, *world.books.kits], world.rng.choice((1, 1, 2)))
    lines = tuple(ReservationLine(sku=s, quantity=world.rng.choice((1, 1, 2))) for s in wanted)
    wish = Wish(lines=lines, expires_in_s=world.rng.choice((30, 300, 3000)))
    key = f"{world.prefix}-{world.next_id()}"
    made = await _surely(world, lambda: world.hub.room.reserve(world.conn, key, wish))
    world.held[key] = made.reservation
    said = {line.sku: line.quantity for line in lines}
    world.tell(f"reserve {said}: {made.reservation.state.value} {made.reservation.shortages}")
    await _expired(world)
    state = await world.check()
    if made.reservation.state is ReservationState.HELD:
        parts = [part for line in lines for part in world.parts(line.sku)]
        short = [part for part in parts if state.available(part) < 0]
        if short:
            raise BrokenInvariant(f"a reservation was held, and {short} fell below zero", short[0])
    for each in made.reservation.shortages:
        row = state.balances.get(each.sku)
        left = max(0, state.available(each.sku)) if row is not None and row["counted"] else 0
        if each.left != left:
            raise BrokenInvariant(f"refused with {each}, and there were others", each.sku)


async def carry_on(world: World) -> None:
    """A reservation is confirmed, shipped or released."""
    active = [k for k, r in world.held.items() if r.state.value in {"held", "confirmed"}]
    if not active:
        return
    key = world.rng.choice(active)
    ref = world.held[key].ref
    wanted = world.rng.choice(
        (ReservationState.CONFIRMED, ReservationState.SHIPPED, ReservationState.RELEASED)
    )

    async def go() -> Reservation | None:
        try:
            return await world.hub.room.take(world.conn, ref, wanted)
        except ReservationClosed:
            return await world.hub.room.find(world.conn, ref)

    after = await _surely(world, go)
    assert after is not None
    _note(world, key, after)
    world.tell(f"reservation {key} shall be {wanted.value}: {after.state.value}")
    await world.check()


async def expire(world: World) -> None:
    """The scheduler releases what nobody confirmed."""
    count = await _surely(world, lambda: world.hub.room.expire_due(world.conn))
    await _expired(world)
    if count:
        world.tell(f"{count} reservations expire")
    await world.check()


async def tune(world: World) -> None:
    """The scheduler sets what is kept back from each channel, and who may sell the last units."""
    count = await world.hub.tune([*world.skus, *world.books.kits])
    if count:
        world.tell(f"{count} listings are tuned")
    await world.check()


async def release(world: World) -> None:
    """What is confirmed is sent out, at last."""
    for key, each in world.held.items():
        if each.state is ReservationState.CONFIRMED:
            after = await world.hub.room.take(world.conn, each.ref, ReservationState.SHIPPED)
            assert after is not None
            _note(world, key, after)


async def _expired(world: World) -> None:
    """Learn which reservations are over, as any of our commands may have ended them."""
    for key, each in world.held.items():
        if each.state is ReservationState.HELD:
            found = await find_reservation(world.conn, each.ref)
            assert found is not None
            _note(world, key, found[1])


def _note(world: World, key: str, after: Reservation) -> None:
    before = world.held[key]
    world.held[key] = after
    if after.state is ReservationState.SHIPPED and before.state is not ReservationState.SHIPPED:
        for line in after.lines:
            for part, each in world.parts(line.sku).items():
                units = line.quantity * each
                moves = (("on_hand", "main", -units), ("customer", "", units))
                world.books.learn([Moved(ref=f"{key}/{line.sku}/{part}", sku=part, moves=moves)])


async def _surely(world: World, ask: Callable[[], Awaitable]) -> object:
    """Ask until there is an answer; a process that died is another one after."""
    while True:
        try:
            return await ask()
        except Died as died:
            world.tell(f"the web {died}")
            world.hub.reborn()


STEPS: tuple[tuple[Step, int], ...] = (
    (sale, 30),
    (burst, 4),
    (cancel, 5),
    (refund, 3),
    (ship, 8),
    (unship, 1),
    (give_back, 4),
    (edit_order, 4),
    (receive, 4),
    (correct, 3),
    (tamper, 2),
    (rule, 2),
    (poll, 4),
    (wait, 5),
    (turn_clock, 1),
    (arm, 6),
    (reserve, 5),
    (carry_on, 4),
    (expire, 1),
    (tune, 6),
)


def choose(rng: random.Random) -> Step:
    """Return the next step."""
    return rng.choices([s for s, _ in STEPS], [w for _, w in STEPS])[0]
