"""Goal: the team hears once that a route got worse, with figures, and not of chance.

Method: a shop sells, a carrier brings on time for weeks and then no more, over sockets and on one
clock; the alert leaves by mail.
"""

import pytest

from tests.support.parcels import Depot, open_depot, stop
from trueup.decisions.reads import find_decision

pytestmark = pytest.mark.anyio

TEAM = "team@brand.example"
FEWER = {"window_days": 4, "past_days": 12, "calm_days": 2}


async def weeks(depot: Depot) -> None:
    """Let parcels arrive on time for two weeks, and none of the last days."""
    depot.carrier.places = ("Jaipur_Sitapura_I",)
    for _ in range(3):
        for _ in range(8):
            await depot.send_out("straight")
        await depot.travel(70)
    for _ in range(24):
        stop(await depot.send_out("straight"), 21)
    await depot.travel(24 * 6)


async def test_a_route_that_got_worse_is_told_of_once(database_url: str) -> None:
    async with open_depot(database_url, "route_alert", **FEWER) as depot:
        await weeks(depot)
        depot.until(12)
        await depot.round(3)
        assert depot.sent() == [(TEAM, "Route Delhivery from Jaipur_Sitapura_I got worse")]
        row, _ = await find_decision(depot.brand.conn, 1)
        assert (
            "24 of 24 parcels came after the day promised (100 %), and 0 % before" in row["reason"]
        )
        assert len(row["evidence"]) == 5
        await depot.travel(24)
        depot.until(12)
        await depot.round(2)
        assert len(depot.sent()) == 1, "it is the same bad time"
