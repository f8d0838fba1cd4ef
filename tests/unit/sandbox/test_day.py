"""A busy day is the same day every time, and the books of shops and world agree after it."""

from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.day import BusyDay, catalogue, steps
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.webhooks import Event


def _play(day: BusyDay) -> tuple[Sandbox, list[Event]]:
    sandbox = Sandbox()
    heard: list[Event] = []
    for handle in day.shops:
        sandbox.open_shop(ShopSettings(handle=handle)).sinks.append(heard.append)
    sandbox.seed(catalogue(day))
    at_s = 0.0
    for step in steps(day):
        sandbox.clock.advance(step.after_s - at_s)
        at_s = step.after_s
        sandbox.do(step.shop, step.command)
    return sandbox, heard


def test_same_seed_same_bytes_and_other_seed_other_bytes() -> None:
    _, first = _play(BusyDay(seed=5, orders=60))
    _, again = _play(BusyDay(seed=5, orders=60))
    _, other = _play(BusyDay(seed=6, orders=60))
    assert first == again
    assert first != other


def test_faults_do_not_change_what_happens() -> None:
    """Goal: the same day with and without webhook faults has the same bodies."""
    from trueup.sandbox.faults import WebhookFaults

    day = BusyDay(seed=5, orders=30)
    _, plain = _play(day)
    sandbox = Sandbox()
    heard: list[Event] = []
    for handle in day.shops:
        shop = sandbox.open_shop(ShopSettings(handle=handle))
        shop.sinks.append(heard.append)
        shop.desk.faults = WebhookFaults(drop=0.3, repeat=0.3, reorder=0.3, corrupt=0.3)
    sandbox.seed(catalogue(day))
    at_s = 0.0
    for step in steps(day):
        sandbox.clock.advance(step.after_s - at_s)
        at_s = step.after_s
        sandbox.do(step.shop, step.command)
    assert [each.body for each in plain] == [each.body for each in heard]


def test_books_agree_at_the_end_of_the_day() -> None:
    """Goal: what left the shared shelf is what the shops' own numbers lost, SKU by SKU."""
    day = BusyDay(seed=7, orders=200)
    sandbox, _ = _play(day)
    for seed in catalogue(day):
        sku = seed.sku or ""
        lost = 0
        for shop in sandbox:
            item = shop.by_sku[sku].item.id
            shown = sum(level.available for key, level in shop.levels.items() if key[0] == item)
            lost += seed.available - shown
        assert sandbox.world.available[sku] == seed.available - lost
        for shop in sandbox:
            open_units = sum(
                line.fulfillable
                for order in shop.orders.values()
                for line in order.lines
                if line.sku == sku
            )
            item = shop.by_sku[sku].item.id
            held = [level for key, level in shop.levels.items() if key[0] == item]
            assert open_units == sum(level.committed for level in held)
    assert sandbox.world.oversells, "without a hub two shops oversell scarce SKUs"


def test_steps_come_in_order_of_time() -> None:
    times = [step.after_s for step in steps(BusyDay(orders=50))]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 24 * 3600
