"""The one write of journals: what a day came to, kept and ordered, once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from trueup.canon.command import PostJournal
from trueup.canon.issue import Issue, Severity
from trueup.config import JournalsConfig
from trueup.contract.connector import Request
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import ConfigError, Refused, invariant
from trueup.hub import Hub
from trueup.intake.connections import Account, find_account
from trueup.intake.issues import set_issues
from trueup.journals.accounts import Accounts
from trueup.journals.build import (
    CURRENCY_UNKNOWN,
    DIGITS_EXCEEDED,
    build_journals,
    content_of,
    group_ref,
    number_of,
)
from trueup.journals.model import Conn, Draft, Held, Journal, Needs, Plan, command_ref
from trueup.journals.reads import read_journaled
from trueup.ledger.money_book import lock_money_through
from trueup.ledger.money_days import Grain, sum_money_days
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.outbox.saying import say_command

_queries = load_queries("trueup.journals")

NOT_SAYABLE: Final = "journals.not_sayable"

_CODES: Final = (DIGITS_EXCEEDED, CURRENCY_UNKNOWN, NOT_SAYABLE)
_TURN: Final = 0x6A6F75726E616C
"""Any fixed number serves; this one is "journal" in ASCII, so that pg_locks can be read."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A journal and the call that posts it."""

    journal: Journal
    call: Request


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered, or would be.

    Attributes:
        said: the journals, each with its call.
        held: what the books can not take as it is.
        locked: the days were not locked before.
    """

    said: tuple[Said, ...]
    held: tuple[Held, ...]
    locked: bool


async def plan_journals(
    conn: Conn,
    settings: JournalsConfig,
    names: Mapping[int, str],
    *,
    until: date,
    needs: Needs,
    since: date | None = None,
    whole: bool = False,
) -> Plan:
    """Return the journals that are still to be posted.

    Args:
        conn: any session.
        settings: of the configuration.
        names: of the connections, by number.
        until: the last day of the ledger.
        needs: what the mapping must tell of an account.
        since: the first one; None: as configured.
        whole: days as they are, whatever was posted of them.

    Raises:
        ConfigError: an account has money and no place in the books; the mapping is wrong.
    """
    accounts = Accounts(settings.account, set(names.values()))
    begun = since or settings.since
    journaled, kept = await read_journaled(conn, since=begun, until=until)
    if whole:
        journaled, kept = {}, {}
    grain = Grain(settings.grain)
    sums = await sum_money_days(conn, since=begun, until=until, grain=grain, kept=kept)
    return build_journals(sums, journaled, accounts, names, grain=grain, kept=kept, needs=needs)


async def preview_post(
    conn: Conn, hub: Hub, settings: JournalsConfig, *, through: date, now: datetime
) -> Posted:
    """Return what posting would order, and the calls that would leave; nothing is written.

    Raises:
        ConfigError: as `post_journals`.
    """
    target = await target_of(conn, hub, settings)
    plan = await plan_journals(conn, settings, hub.names(), until=through, needs="account_ref")
    journals = await _numbered(conn, settings.prefix, target, plan.drafts)
    said, unsaid = _say(hub, target, journals, now)
    return Posted(said=said, held=(*plan.held, *unsaid), locked=False)


async def post_journals(
    conn: Conn, hub: Hub, settings: JournalsConfig, *, through: date, by: str, now: datetime
) -> Posted:
    """Lock the days, keep their journals, and order each at the accounting system.

    Whatever is booked for these days from now on is booked after them. What was posted of them
    before is left out, so the same days again order nothing.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        settings: of the configuration.
        through: the last day; it is over.
        by: who says so.
        now: the instant.

    Raises:
        ConfigError: the last day is not over; no accounting system is named; an account has money
            and no place in the books. Nothing is locked then.
    """
    # What can not be posted for want of an account shall not lock the days.
    target = await target_of(conn, hub, settings)
    await plan_journals(conn, settings, hub.names(), until=through, needs="account_ref")
    locked = await lock_money_through(
        conn, through, by=by, today=now.date(), reason="journals are posted"
    )
    async with conn.transaction():
        await take_turn(conn)
        plan = await plan_journals(conn, settings, hub.names(), until=through, needs="account_ref")
        journals = await _numbered(conn, settings.prefix, target, plan.drafts)
        said, unsaid = _say(hub, target, journals, now)
        held = (*plan.held, *unsaid)
        await order_journals(conn, hub, [each.journal for each in said], by=by, now=now)
        await set_issues(conn, _CODES, None, [each.issue for each in held])
    return Posted(said=said, held=held, locked=locked)


async def take_turn(conn: Conn) -> None:
    """Wait until nobody else makes journals; in a transaction."""
    await conn.execute(_queries.take_turn, {"key": _TURN})


async def order_journals(
    conn: Conn, hub: Hub, journals: Sequence[Journal], *, by: str, now: datetime
) -> None:
    """Keep journals and order them, in the caller's transaction."""
    if not journals:
        return
    columns = {
        "numbers": [each.number for each in journals],
        "days": [each.group.day for each in journals],
        "ordinals": [each.ordinal for each in journals],
        "posted_ons": [each.posted_on for each in journals],
        "currencies": [each.group.currency for each in journals],
        "grains": [each.grain.value for each in journals],
        "told_bys": [each.group.told_by for each in journals],
        "order_refs": [each.group.order_ref for each in journals],
        "target_ids": [each.target_id for each in journals],
        "reverses": [each.reverses for each in journals],
    }
    await conn.execute(_queries.insert_journals, {**columns, "made_by": by, "made_at": now})
    await conn.execute(_queries.insert_lines, _columns_of_lines(journals))
    names = hub.names()
    wanted = [wanted_of(each, names, now) for each in journals]
    fresh = await want_commands(conn, hub.vault, wanted)
    invariant(len(fresh) == len(wanted), "a journal's command is its own")


async def target_of(conn: Conn, hub: Hub, settings: JournalsConfig) -> Account:
    """Return the account of the accounting system.

    Raises:
        ConfigError: none is named, or what is named takes no journals.
    """
    takers = sorted(
        connection.name
        for connection in hub.connections.values()
        if hub.connectors[connection.connector].manifest.action(PostJournal.command) is not None
    )
    if settings.connection not in takers:
        named = "names none" if settings.connection is None else f"names {settings.connection!r}"
        raise ConfigError(
            "Journals are posted at the connection that [journals] connection names in "
            f"trueup.toml. It {named}; journals are taken by: {', '.join(takers) or 'none'}.",
            field="journals.connection",
            expected="a connection of an accounting system",
        )
    return await find_account(conn, hub.vault, settings.connection)


async def next_ordinals(conn: Conn, days: Iterable[date]) -> Counter[date]:
    """Return how many journals there were of some days."""
    rows = await fetch_rows(conn, _queries.day_ordinals, days=sorted(set(days)))
    return Counter({row["day"]: row["ordinal"] for row in rows})


def wanted_of(journal: Journal, names: Mapping[int, str], now: datetime) -> WantedCommand:
    """Return the command that posts a journal."""
    return WantedCommand(
        connection_id=journal.target_id,
        kind=PostJournal.command,
        key=command_ref(journal.number),
        ref=command_ref(journal.number),
        content=content_of(journal, names),
        wanted_at=now,
    )


async def _numbered(
    conn: Conn, prefix: str, target: Account, drafts: Sequence[Draft]
) -> list[Journal]:
    ordinals = await next_ordinals(conn, (draft.group.day for draft in drafts))
    journals = []
    for draft in drafts:
        day = draft.group.day
        ordinals[day] += 1
        journals.append(
            Journal(
                number=number_of(prefix, day, ordinals[day]),
                ordinal=ordinals[day],
                group=draft.group,
                grain=draft.grain,
                posted_on=day,
                target_id=target.connection.connection_id,
                lines=draft.lines,
            )
        )
    return journals


def _say(
    hub: Hub, target: Account, journals: Sequence[Journal], now: datetime
) -> tuple[tuple[Said, ...], tuple[Held, ...]]:
    """Return each journal with its call; what the connector can not say is held."""
    names, folder = hub.names(), hub.connectors[target.connection.connector]
    said, held = [], []
    for journal in journals:
        wanted = wanted_of(journal, names, now)
        try:
            said.append(Said(journal=journal, call=say_command(folder, target, wanted)))
        except Refused as error:
            issue = Issue(
                code=NOT_SAYABLE,
                severity=Severity.WARNING,
                pointer=target.connection.name,
                expected="a journal that the accounting system takes",
                found=str(error),
                how_to_fix="Put right what it names, then: trueup journals post --yes.",
                ref=group_ref(journal.group, names),
            )
            draft = Draft(group=journal.group, grain=journal.grain, lines=journal.lines)
            held.append(Held(draft=draft, issue=issue))
    return tuple(said), tuple(held)


def _columns_of_lines(journals: Sequence[Journal]) -> dict[str, list[Any]]:
    lines = [(each.number, n, line) for each in journals for n, line in enumerate(each.lines, 1)]
    return {
        "numbers": [number for number, _, _ in lines],
        "ordinals": [ordinal for _, ordinal, _ in lines],
        "accounts": [line.account for *_, line in lines],
        "connection_ids": [line.connection_id for *_, line in lines],
        "account_refs": [line.account_ref for *_, line in lines],
        "names": [line.name for *_, line in lines],
        "tax_codes": [line.tax_code for *_, line in lines],
        "tax_ons": [line.tax_on for *_, line in lines],
        "amounts": [line.amount for *_, line in lines],
    }
