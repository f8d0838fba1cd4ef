"""Goal: what words do not tell a reader may, which learned it of the brand; and only what is asked.

Method: a reader that was trained and kept as by night, a helpdesk and a carrier over sockets.
"""

import pytest

from tests.flow.test_where_is_it import SETTINGS
from tests.support.planted import PLANTED
from tests.support.reading import ASKS, keep_reader
from tests.support.support_desk import open_desk
from trueup.decisions.model import Mode
from trueup.decisions.rule import Look
from trueup.decisions.rules import find_rules
from trueup.decisions.rules.where_is_it import RULE
from trueup.decisions.settings import read_settings
from trueup.decisions.support.asked import read_waiting
from trueup.models.tickets.matters import Matter

pytestmark = pytest.mark.anyio

LISTENING = ("where_is_it", "escalate", "return_request")
"""Rules that go by what customers write."""


async def test_what_words_do_not_tell_is_read_once_a_reader_was_kept(database_url: str) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        await desk.sell(story="straight", hours=22)
        ticket = await desk.write_in(ASKS, subject="Hi")
        await desk.leave(Mode.AUTO)
        assert (await desk.turn()).proposed == {RULE.name: []}, "it is OTHER"
        trained = await keep_reader(desk.brand)
        assert trained.card is not None
        await desk.carry()
        [answer] = desk.ours(ticket, public=True)
        assert answer.startswith("Hello,")
        [(by,)] = await desk.brand.rows(
            "SELECT facts->'waiting'->'spell'->'heard'->>'by' FROM decisions.decision"
        )
        assert by == "reader"


async def test_fifty_planted_instructions_cause_nothing_with_the_reader_on(
    database_url: str,
) -> None:
    async with open_desk(database_url, RULE, SETTINGS) as desk:
        await keep_reader(desk.brand)
        desk.rules = {name: find_rules()[name] for name in LISTENING}
        desk.settings = read_settings(desk.rules, {})
        await desk.sell(story="straight", hours=22)
        for n, text in enumerate(PLANTED):
            desk.helpdesk.write_in("ada@buyers.example", text, name=text[:60], subject=text)
            if not n % 10:
                await desk.hear()
        await desk.hear()
        await desk.leave(Mode.AUTO)
        turn = await desk.turn()
        assert (turn.proposed, turn.moved) == ({name: [] for name in LISTENING}, {})
        look = Look(conn=desk.brand.conn, hub=desk.brand.hub, now=desk.brand.clock.now())
        waiting = await read_waiting(look, 30, None)
        assert len(waiting) == 50, "all were read"
        assert all(isinstance(each.spell.heard.matter, Matter) for each in waiting)
        commands = await desk.brand.rows("SELECT ref FROM outbox.command")
        assert commands == []
