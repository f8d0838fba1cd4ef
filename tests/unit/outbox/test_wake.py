"""A wake ends the wait of the line that it is for, also when it came while that one was looking."""

import asyncio

import pytest

from trueup.outbox.wake import Wake

pytestmark = pytest.mark.anyio


async def test_a_wait_ends_by_a_call_for_it_and_by_no_other() -> None:
    wake = Wake()
    waits = {n: asyncio.create_task(wake.wait(n, at_most_s=0.2)) for n in (1, 2)}
    await asyncio.sleep(0)
    wake.call({1})
    assert await asyncio.wait_for(waits[1], 0.1)
    assert not await waits[2]


async def test_a_call_that_nobody_waited_for_ends_the_next_wait_alone() -> None:
    wake = Wake()
    wake.call({1})
    wake.call({1})
    assert await asyncio.wait_for(wake.wait(1, at_most_s=5), 0.1)
    assert not await wake.wait(1, at_most_s=0.01)
