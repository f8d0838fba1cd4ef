"""Goal: what a person gives up ends, in their name, and is not done by other ways.

Method: decisions are ordered; a person discards a command that waits, or of which nobody knows.
"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.command import Commands
from tests.support.contact import Post, open_post
from trueup.canon.command import CreateDiscount
from trueup.decisions.explain import explain
from trueup.decisions.model import Action
from trueup.decisions.reads import find_decision
from trueup.kernel.money import Money
from trueup.outbox.command import discard_commands
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio


async def test_a_decision_ends_where_its_command_is_given_up(
    database_url: str, tmp_path: Path
) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        await post.turn()
        trueup = Commands(tmp_path, database_url)
        words = ("dead", "discard", "--command", "decision/1/0", "--by", "ada")
        assert (await trueup.in_thread(*words))["discarded"]["commands"] == 1
        for _ in range(3):
            await post.turn()
            await post.send()
        assert (await post.states(), post.sent()) == (["discarded"], [])
        row, steps = await find_decision(post.brand.conn, 1)
        assert row["ended_at"] == post.brand.clock.now()
        last = steps[-1]
        assert (last["did"], last["done_by"]) == ("discarded", "ada")
        assert last["why"] == "its command was given up: tell the customer"
        assert "discarded by ada" in explain(row, steps)
        assert "given up" in (await asyncio.to_thread(trueup.run, "decisions", "explain", "1"))[1]
        shown = await trueup.in_thread("decisions", "list", "--state", "discarded")
        assert [each["decision_id"] for each in shown["decisions"]] == [1]
        assert await contacts(post) == [True], "nobody was written to"


async def test_what_may_have_reached_them_counts_though_it_is_given_up(database_url: str) -> None:
    async with open_post(database_url) as post:
        post.wish(await post.sell())
        await post.turn()
        fault = ApiFault(kind="reset_after_work", operation="body", next_calls=1)
        post.mail.strike(fault)
        await post.send()
        assert await post.brand.state("decision/1/0") == "unknown"
        await discard_commands(post.brand.conn, ["decision/1/0"], by="ada")
        await post.turn()
        assert await post.states() == ["discarded"]
        assert await contacts(post) == [False]
        assert len(post.sent()) == 1


async def test_a_message_does_not_tell_of_what_was_given_up(database_url: str) -> None:
    async with open_post(database_url) as post:
        now = post.brand.clock.now()
        content = CreateDiscount(
            code="SORRY-1",
            starts_at=now,
            ends_at=now + timedelta(days=9),
            amount=Money(Decimal(5), "EUR"),
        )
        gift = Action(content=content, connection_id=post.number, key="code/1", what="make a code")
        post.wish(await post.sell(), gift)
        await post.turn()
        await discard_commands(post.brand.conn, ["decision/1/1"], by="ada")
        post.brand.clock.advance(60)
        for _ in range(2):
            await post.turn()
            await post.send()
        assert (await post.states(), post.sent()) == (["discarded"], [])
        assert (await post.why())[-1] == "discarded: its command was given up: make a code"


async def contacts(post: Post) -> list[bool]:
    """Return of each message whether it reached nobody."""
    return [void for (void,) in await post.brand.rows("SELECT void FROM decisions.contact")]
