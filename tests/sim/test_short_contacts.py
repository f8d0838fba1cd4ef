"""World contacts: nobody hears twice, at night, over a cap, against their will, or of what is over."""

import asyncio

from tests.sim.contacts.play import play


def test_days_of_writing_break_nothing(database_url: str) -> None:
    found = asyncio.run(play(database_url, 7, customers=25, days=2, wishes=24))
    assert found.broken == []
    assert found.figures["sent"] > 10
    assert min(found.figures.values()) > 0
    assert {"done", "withdrawn"} <= found.states.keys()
