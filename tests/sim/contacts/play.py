"""Plays days of writing to customers: every mail that leaves is held against the world's truth.

The hub is whole but for the line to the mail server, which is away for minutes or for half a night.
Three rules want things of the same people; wishes end, consents end, the switch falls, and the
decider dies, at any moment between a decision and its call.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from email import message_from_bytes
from random import Random
from typing import Any

import msgspec
import psycopg

from tests.sim.contacts.world import START, World
from tests.support.contact import Wish, Wishes, notice_to
from trueup.canon.command import Purpose
from trueup.contract.connector import Reply, Request
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.decisions import order as ordering
from trueup.decisions.contact.notice import Urgency
from trueup.decisions.leave import give_leave, keep_replay, resume_all, stop_all
from trueup.decisions.model import Action, Mode
from trueup.decisions.rule import Replay, Settings
from trueup.decisions.tend import take_turn
from trueup.errors import RateLimited
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.connections import Account, create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import ManualClock
from trueup.kernel.limits import PARTITIONS
from trueup.outbox.caller import LastLook
from trueup.outbox.commander import Commander
from trueup.pipeline import Applier

Conn = psycopg.AsyncConnection[Any]
KEY = bytes(range(32))
RULES = ("late", "lost", "again")
_PURPOSES = {"late": Purpose.TRANSACTIONAL, "lost": Purpose.SERVICE, "again": Purpose.MARKETING}


class Died(BaseException):
    """The process is gone."""


class Line:
    """What a commander calls by: a mail server that takes mails, or is away."""

    concurrency_max = 1

    def __init__(self, account: Account, world: World, clock: ManualClock) -> None:
        self.account = account
        self.folder = find_connectors()["smtp"]
        self.settings = account.connection.settings
        self._world, self._clock = world, clock
        self.purposes: dict[str, tuple[Purpose, str]] = {}

    async def send(
        self, request: Request, *, patient: bool = False, last_look: LastLook | None = None
    ) -> Reply:
        """Take a mail; now and then nobody answers for a while."""
        del patient
        if self._world.random.random() < 0.2:
            self._world.figures["faults"] += 1
            raise RateLimited(after_s=self._world.random.choice((30, 3600, 10 * 3600)))
        assert last_look is not None
        await last_look()
        mail = message_from_bytes(request.body or b"")
        # The subject carries the order's number, which says what the mail is about.
        about = str(mail["subject"]).split()[2]
        rule = about.split("-")[0]
        to = dict(request.headers)["to"]
        self._world.take(to, _PURPOSES[rule], about, self._clock.now())
        return Reply(status=250, headers={}, body=b"2.0.0 Ok: queued as 4F1")

    def retry_after_s(self, attempts: int, error: object = None) -> float | None:
        """Return when to try again."""
        del error
        return None if attempts > 8 else 600.0


class Play:
    """One world, one hub."""

    def __init__(self, world: World, conn: Conn, clock: ManualClock) -> None:
        self.world, self.conn, self.clock = world, conn, clock
        self.hub = Hub(Vault(KEY), find_connectors())
        self.applier = Applier(conn, self.hub)
        self.wishes = Wishes()
        self.rules = {name: self.wishes.rule(name) for name in RULES}
        self.settings = {name: Settings(per_day_max=10_000) for name in RULES}
        self.shop = 0
        self.told = 0
        self.stopped = False

    async def open(self) -> Commander:
        """Connect, and hear of everybody."""
        given: dict[str, dict[str, str]] = {
            "shopify": {"shop_domain": "north.myshopify.com"},
            "smtp": {"host": "mail.test", "from_address": "shop@brand.example"},
        }
        for name, settings in given.items():
            number = await create_connection(
                self.conn, self.hub.vault, name=name, connector=name, settings=settings, secrets={}
            )
            self.shop = self.shop or number
        accounts = await load_accounts(self.conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)
        for name, rule in self.rules.items():
            today = self.clock.now().date()
            replay = Replay(since=today, until=today, figures={}, sentence="Nothing.")
            now, settings = self.clock.now(), self.settings[name]
            await keep_replay(self.conn, rule, settings, replay, now)
            await give_leave(self.conn, rule, settings, Mode.AUTO, by="sim", why="", now=now)
        await self.tell(self.world.people)
        mail = next(each for each in accounts if each.connection.name == "smtp")
        line: Any = Line(mail, self.world, self.clock)
        return Commander(self.conn, self.hub.vault, line, clock=self.clock)

    async def tell(self, numbers: Iterable[int]) -> None:
        """Let the shop tell of people as they are now."""
        now = self.clock.now()
        events = []
        for number in numbers:
            self.told += 1
            events.append(
                NewEvent(
                    connection_id=self.shop,
                    external_id=f"told-{self.told}",
                    topic="customers/update",
                    entity=f"customer/{number}",
                    origin=Origin.WEBHOOK,
                    received_at=now,
                    body=self.world.people[number].body(now),
                )
            )
        for start in range(0, len(events), 200):
            await append_events(self.conn, self.hub.vault, events[start : start + 200])
        while claimed := await claim_events(self.conn, range(PARTITIONS), 200):
            await self.applier.apply(claimed)

    def wish(self, pick: Random, days: int) -> None:
        """Let rules want something: now and then all three of the same."""
        number = pick.choice(list(self.world.people))
        to = f"connection/{self.shop}/customer/{number}"
        self.world.figures["wishes"] += 1
        several = RULES if pick.random() < 0.2 else (pick.choice(RULES),)
        thing = f"{to}/{self.world.figures['wishes']}"
        ends = self.clock.now() + timedelta(hours=pick.randrange(1, 24 * days))
        for rule in several:
            mark = f"{rule}-{self.world.figures['wishes']}"
            notice = notice_to(
                to,
                purpose=_PURPOSES[rule],
                about=thing,
                values={"order": mark},
                urgency=pick.choice(list(Urgency)),
                useful_until=ends if pick.random() < 0.3 else None,
            )
            self.wishes.standing[rule][mark] = Wish(
                actions=(Action(content=notice, what="tell the customer"),)
            )
            self.world.wanted[mark] = ends

    def forget(self) -> None:
        """End the wishes whose time has come."""
        now = self.clock.now()
        for mark in [each for each, ends in self.world.wanted.items() if ends <= now]:
            del self.world.wanted[mark]
            del self.wishes.standing[mark.split("-")[0]][mark]

    async def turn(self, *, dies: bool) -> None:
        """Take a turn, or die in it between the order and its commit."""
        given = (self.conn, self.hub, self.rules, self.settings, self.clock.now())
        if not dies:
            await take_turn(*given)
            return
        kept: Callable[..., Any] = ordering.note_contact

        async def gone(*_: object, **__: object) -> None:
            self.world.figures["faults"] += 1
            raise Died

        ordering.note_contact = gone
        try:
            with suppress(Died):
                await take_turn(*given)
        finally:
            ordering.note_contact = kept

    async def switch(self) -> None:
        """Stop all rules, or let them go on."""
        self.stopped = not self.stopped
        act = stop_all if self.stopped else resume_all
        await act(self.conn, by="sim", why="", now=self.clock.now())


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    figures: dict[str, int]
    broken: list[str]
    states: dict[str, int]


async def play(conninfo: str, seed: int, *, customers: int, days: int, wishes: int) -> Found:
    """Play some days.

    Args:
        conninfo: of a fresh database.
        seed: of everything.
        customers: how many.
        days: how long.
        wishes: a day.
    """
    world, clock = World(seed, customers), ManualClock(START)
    pick = world.random
    async with await connect(conninfo, application_name="sim") as conn:
        stage = Play(world, conn, clock)
        commander = await stage.open()
        until: datetime = START + timedelta(days=days)
        step_s = 2 * 3600
        while clock.now() < until:
            for _ in range(round(wishes * step_s / 86_400)):
                stage.wish(pick, 4)
            stage.forget()
            if pick.random() < 0.02 or stage.stopped:
                await stage.switch()
            await stage.turn(dies=pick.random() < 0.1)
            await _change_minds(stage)
            # What the world no longer wants is known to the hub only by its next turn.
            while await commander.step():
                clock.advance(seconds=pick.choice((0, 0, 1)))
            clock.advance(seconds=pick.randrange(step_s // 2, step_s * 3 // 2))
            stage.forget()
            await stage.turn(dies=False)
            while await commander.step():
                pass
        cursor = await conn.execute("SELECT state, count(*) FROM decisions.decision GROUP BY 1")
        states = dict(await cursor.fetchall())
    return Found(figures=world.figures, broken=world.broken, states=states)


async def _change_minds(stage: Play) -> None:
    """Let some people say another thing about marketing."""
    people = stage.world.people
    chosen = stage.world.random.sample(list(people), max(1, len(people) // 200))
    for number in chosen:
        people[number].agrees = not people[number].agrees
        stage.world.figures["opt_outs"] += not people[number].agrees
    stage.clock.advance(seconds=1)
    await stage.tell(chosen)
