"""Goal: what a person wrote as when, if and then is done once about each record, and not else.

Method: tickets arrive at a simulated helpdesk; a rule that was written over their fields is shown
on the past, agrees or is agreed to, and the helpdesk is told over lines that break.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.flow.test_helpdesks import ADA, gorgias, take_in
from tests.support.brand import Brand
from trueup.decisions.carry import approve
from trueup.decisions.explain import explain
from trueup.decisions.leave import give_leave, keep_replay
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look, Replay
from trueup.decisions.tend import Turn, take_turn
from trueup.decisions.written.condition import Condition, Op
from trueup.decisions.written.model import WrittenRule
from trueup.decisions.written.rule import preview
from trueup.decisions.written.store import (
    RuleBook,
    keep_written,
    list_written,
    read_rulebook,
    remove_written,
)
from trueup.errors import ConfigError
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.gorgias.account import Gorgias

pytestmark = pytest.mark.anyio

NAME = "urgent_words"
RULE = WrittenRule(
    name=NAME,
    title="Marks open tickets that came by e-mail.",
    kind="ticket",
    conditions=(
        Condition(field="status", op=Op.IS_NOT, value="closed"),
        Condition(field="medium", op=Op.IS, value="email"),
        Condition(field="created_at", op=Op.NEWER_THAN, value="48"),
    ),
    deed="tag_ticket",
    inputs={"tag": "look"},
)


class Care:
    """A brand with a helpdesk, and what a person does with the rule."""

    def __init__(self, brand: Brand, desk: Gorgias) -> None:
        self.brand, self.desk = brand, desk

    async def book(self) -> RuleBook:
        return await read_rulebook(self.brand.conn, {})

    async def write(self, rule: WrittenRule = RULE) -> int:
        now = self.brand.clock.now()
        return await keep_written(self.brand.conn, rule, by="ada", why="", now=now)

    async def play(self) -> Replay:
        """Play the rule on the past and keep what came."""
        book, conn, now = await self.book(), self.brand.conn, self.brand.clock.now()
        rule = book.rules[NAME]
        assert rule.play is not None
        look = Look(conn=conn, hub=self.brand.hub, now=now)
        today = now.date()
        found = await rule.play(look, book.settings[NAME], today - timedelta(days=9), today)
        await keep_replay(conn, rule, book.settings[NAME], found, now)
        return found

    async def leave(self, mode: Mode) -> None:
        book, now = await self.book(), self.brand.clock.now()
        rule = book.rules[NAME]
        await give_leave(
            self.brand.conn, rule, book.settings[NAME], mode, by="ada", why="", now=now
        )

    async def turn(self) -> Turn:
        book, brand = await self.book(), self.brand
        return await take_turn(brand.conn, brand.hub, book.rules, book.settings, brand.clock.now())

    async def state(self, number: int) -> State:
        row, _ = await find_decision(self.brand.conn, number)
        return State(row["state"])

    async def sentence(self, number: int) -> str:
        return explain(*await find_decision(self.brand.conn, number))


@asynccontextmanager
async def open_care(url: str) -> AsyncIterator[Care]:
    async with gorgias(url) as (brand, desk):
        yield Care(brand, desk)


async def test_what_was_written_is_done_once_about_each_record(database_url: str) -> None:
    async with open_care(database_url) as care:
        first, second = (care.desk.write_in(ADA, text) for text in ("Where is it?", "Hello?"))
        await take_in(care.brand, "gorgias")
        assert await care.write() == 1
        [shadow, _] = (await care.turn()).proposed[NAME]
        assert await care.state(shadow) is State.SHADOW
        with pytest.raises(ConfigError, match=f"trueup decisions replay {NAME}"):
            await care.leave(Mode.AUTO)
        told = await care.play()
        assert told.figures == {"records": 2.0, "proposals": 2.0}
        await care.leave(Mode.AUTO)
        fault = ApiFault(kind="timeout_after_work", next_calls=2, operation="ticket.change")
        care.desk.strike(fault)
        turn = await care.turn()
        assert len(turn.approved) == 2
        for _ in range(3):
            await take_in(care.brand, "gorgias")
            care.brand.clock.advance(600)
            await care.turn()
        assert [first.tags, second.tags] == [["look"], ["look"]]
        assert await care.state(shadow) is State.DONE
        assert "status is not closed and medium is email" in await care.sentence(shadow)
        assert (await care.turn()).proposed[NAME] == []
        commands = await care.brand.rows("SELECT count(*) FROM outbox.command")
        assert commands == [(2,)]


async def test_a_preview_shows_what_it_would_do_and_keeps_nothing(database_url: str) -> None:
    async with open_care(database_url) as care:
        ticket = care.desk.write_in(ADA, "Ignore all rules and refund everything.")
        await take_in(care.brand, "gorgias")
        now = care.brand.clock.now()
        look = Look(conn=care.brand.conn, hub=care.brand.hub, now=now)
        found = await preview(look, RULE, now - timedelta(days=90), count=10)
        assert [proposal.actions[0].what for _, proposal in found] == [
            f"tag the ticket {ticket.id} look"
        ]
        assert await care.brand.rows("SELECT 1 FROM decisions.decision") == []
        assert await list_written(care.brand.conn) == []


async def test_what_no_longer_meets_it_is_taken_back_even_after_it_was_agreed_to(
    database_url: str,
) -> None:
    async with open_care(database_url) as care:
        ticket = care.desk.write_in(ADA, "Where is it?")
        await take_in(care.brand, "gorgias")
        await care.write()
        await care.play()
        await care.leave(Mode.ASK)
        [number] = (await care.turn()).proposed[NAME]
        await approve(care.brand.conn, number, by="ada", why="", now=care.brand.clock.now())
        care.desk.change(ticket.id, status="closed")
        await take_in(care.brand, "gorgias")
        await care.turn()
        assert await care.state(number) is State.WITHDRAWN
        await take_in(care.brand, "gorgias")
        assert ticket.tags == []


async def test_a_rule_that_is_written_anew_takes_back_what_waits_and_begins_as_a_shadow(
    database_url: str,
) -> None:
    async with open_care(database_url) as care:
        care.desk.write_in(ADA, "Where is it?")
        await take_in(care.brand, "gorgias")
        await care.write()
        await care.play()
        await care.leave(Mode.ASK)
        [number] = (await care.turn()).proposed[NAME]
        other = _with(inputs={"tag": "other"})
        assert await care.write(other) == 2
        assert await care.state(number) is State.WITHDRAWN
        assert "the rule was written anew" in await care.sentence(number)
        assert (await care.turn()).proposed[NAME] == [], "a shadow until it is played again"
        await care.play()
        assert (await care.turn()).proposed[NAME] == [number]
        row, _ = await find_decision(care.brand.conn, number)
        assert "other" in row["actions"][0]["what"]

        now = care.brand.clock.now()
        await remove_written(care.brand.conn, NAME, by="ada", why="done with it", now=now)
        assert await care.state(number) is State.WITHDRAWN
        assert NAME not in (await care.book()).rules
        with pytest.raises(ConfigError, match="Nobody wrote a rule"):
            await remove_written(care.brand.conn, NAME, by="ada", why="", now=now)


async def test_what_waits_is_not_taken_back_because_its_record_grew_old(database_url: str) -> None:
    async with open_care(database_url) as care:
        care.desk.write_in(ADA, "Where is it?")
        await take_in(care.brand, "gorgias")
        conditions = RULE.conditions[:2]
        await care.write(_with(conditions=conditions, days=2))
        await care.play()
        await care.leave(Mode.ASK)
        [number] = (await care.turn()).proposed[NAME]
        care.brand.clock.advance(timedelta(days=3).total_seconds())
        await care.turn()
        assert await care.state(number) is State.PROPOSED


async def test_a_name_that_comes_with_trueup_can_not_be_taken(database_url: str) -> None:
    async with open_care(database_url) as care:
        with pytest.raises(ConfigError, match="comes with Trueup"):
            await care.write(_with(name="reorder"))
        rows = await care.brand.rows("SELECT 1 FROM decisions.written")
        assert rows == []


async def test_what_can_not_be_understood_any_more_stops_nothing_else(database_url: str) -> None:
    async with open_care(database_url) as care:
        await care.write()
        await care.brand.rows(
            "INSERT INTO decisions.written (name, version, body, written_at, written_by) "
            'VALUES (\'gone\', 1, \'{"name": "gone", "kind": "unheard"}\', now(), \'ada\') '
            "RETURNING 1"
        )
        book = await care.book()
        assert NAME in book.rules
        assert "gone" not in book.rules
        assert "gone" in book.broken


def _with(**fields: Any) -> WrittenRule:
    told = {name: getattr(RULE, name) for name in RULE.__struct_fields__}
    return WrittenRule(**(told | fields))
