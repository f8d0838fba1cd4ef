"""Goal: whoever was not there when a parcel came hears what to do, once an attempt, and in time.

Method: a shop sells, a carrier tries, fails and turns back, over sockets and on one clock.
"""

from typing import Any

import pytest

from tests.support.contact import MIA, PHONE
from tests.support.parcels import Depot, open_depot, stop
from trueup.decisions import order as ordering

pytestmark = pytest.mark.anyio

FAILED = "We could not deliver your order #1001"
BACK = "Your order #1001 is on its way back to us"


async def failed(depot: Depot, **customer: Any) -> Any:
    """Let an attempt fail this noon."""
    parcel = await depot.send_out(**customer)
    stop(parcel, 21)
    await depot.travel(24)
    depot.until(12)
    await depot.scan(parcel, "failed")
    return parcel


async def test_each_attempt_is_told_of_once_and_the_way_back(database_url: str) -> None:
    async with open_depot(database_url, "failed_delivery", team=["returning"]) as depot:
        parcel = await failed(depot)
        await depot.round(3)
        assert depot.sent() == [(MIA, FAILED)]
        await depot.travel(1)
        await depot.scan(parcel, "failed")
        await depot.round(2)
        assert len(depot.sent()) == 1, "told again so soon it is the same attempt"
        await depot.travel(20)
        await depot.scan(parcel, "out_for_delivery")
        depot.until(12)
        await depot.scan(parcel, "failed")
        await depot.round(3)
        assert depot.sent() == [(MIA, FAILED)] * 2
        depot.until(14)
        await depot.scan(parcel, "turned_back")
        await depot.round()
        team = "team@brand.example"
        assert depot.sent()[2:] == [(team, "#1001 is on its way back to the sender")]
        depot.until(9)
        await depot.round(3)
        assert depot.sent()[3:] == [(MIA, BACK)], "not twice within half a day"
        await depot.scan(parcel, "back_at_sender")
        await depot.round(2)
        assert len(depot.sent()) == 4


@pytest.mark.parametrize("when", ["proposed", "waits", "ordered"])
async def test_who_has_it_by_now_is_not_told(database_url: str, when: str) -> None:
    async with open_depot(database_url, "failed_delivery") as depot:
        parcel = await failed(depot)
        if when == "waits":
            await depot.night()
        if when != "proposed":
            await depot.turn()
        await depot.scan(parcel, "delivered")
        if when == "waits":
            depot.until(9)
        await depot.round(2)
        assert depot.sent() == []


async def test_what_happened_long_ago_is_not_told_any_more(database_url: str) -> None:
    async with open_depot(database_url, "failed_delivery", fresh_hours=24) as depot:
        await failed(depot)
        await depot.travel(30)
        depot.until(12)
        await depot.round()
        assert (depot.sent(), await depot.states()) == ([], [])


async def test_an_opt_out_in_between_stops_it(database_url: str) -> None:
    async with open_depot(database_url, "failed_delivery") as depot:
        await failed(depot, phone=PHONE)
        await depot.turn()
        await depot.write("STOP")
        await depot.round(2)
        assert [each for each in depot.sent() if each[1] == "template"] == []


@pytest.mark.parametrize("step", ["want_commands", "move"])
async def test_a_process_that_dies_in_between_tells_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_depot(database_url, "failed_delivery", team=["attempt_failed"]) as depot:
        await failed(depot)

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await depot.turn()
        await depot.send()
        assert depot.sent() == []
        await depot.round(2)
        assert sorted(to for to, _ in depot.sent()) == [MIA, "team@brand.example"]
