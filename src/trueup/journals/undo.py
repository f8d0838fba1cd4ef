"""Taking journals back: by a counter-journal where they stand, by a word where they do not."""

from datetime import date, datetime
from typing import Final

from trueup.db.queries import load_queries
from trueup.errors import ConfigError, Refused
from trueup.hub import Hub
from trueup.intake.connections import find_account
from trueup.journals.build import counter_lines, number_of
from trueup.journals.model import Conn, Group, Journal, JournalState, command_ref
from trueup.journals.post import Said, next_ordinals, order_journals, take_turn, wanted_of
from trueup.journals.reads import WITHDRAWN, find_journal
from trueup.outbox.command import discard_commands
from trueup.outbox.model import CommandState
from trueup.outbox.saying import say_command

_queries = load_queries("trueup.journals")

_STANDS: Final = frozenset((CommandState.DONE, CommandState.DISCARDED))
"""Done there, or by hand, as a person said."""

_WITHDRAWABLE: Final = frozenset(
    (
        *(CommandState.DUE, CommandState.REFUSED, CommandState.DEAD),
        *(CommandState.UNKNOWN, CommandState.DISCARDED),
    )
)
_WHAT_NEXT: Final = {
    CommandState.REFUSED: "it was refused there: trueup journals withdraw",
    CommandState.DEAD: "it was given up: trueup dead retry, or trueup journals withdraw",
    CommandState.UNKNOWN: "nobody knows whether it stands there; the hub finds out, or look there",
    CommandState.DUE: "it has not left yet: wait, or trueup journals withdraw",
}


async def reverse_journal(
    conn: Conn,
    hub: Hub,
    number: str,
    *,
    on: date | None,
    by: str,
    now: datetime,
    dry_run: bool,
) -> Said:
    """Order the counter-journal of one that stands; its day is then to be posted anew.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        number: of the journal.
        on: the counter-journal's date in the accounting system; None: that of the journal.
        by: who says so.
        now: the instant.
        dry_run: nothing is written; what would be ordered is returned.

    Raises:
        ConfigError: there is no such journal; it does not stand there; it was taken back before, or
            takes one back itself; its accounting system is no longer connected.
    """
    async with conn.transaction():
        await take_turn(conn)
        told, grain, lines = await find_journal(conn, number)
        _check_reversible(told)
        name = hub.names().get(told.target_id)
        if name is None:
            raise ConfigError(
                f"The accounting system of {number} is no longer connected: connect it again, or "
                "take the journal back there by hand.",
                field="number",
            )
        target = await find_account(conn, hub.vault, name)
        ordinal = (await next_ordinals(conn, [told.day]))[told.day] + 1
        prefix = number.rpartition("-")[0].removesuffix(f"{told.day:%y%m%d}")
        journal = Journal(
            number=number_of(prefix, told.day, ordinal),
            ordinal=ordinal,
            group=Group(told.day, told.currency, told.told_by, told.order_ref),
            grain=grain,
            posted_on=on or told.posted_on,
            target_id=told.target_id,
            lines=counter_lines(lines),
            reverses=number,
        )
        folder = hub.connectors[target.connection.connector]
        try:
            call = say_command(folder, target, wanted_of(journal, hub.names(), now))
        except Refused as error:
            raise ConfigError(f"The counter-journal can not be said: {error}") from error
        if not dry_run:
            await order_journals(conn, hub, [journal], by=by, now=now)
    return Said(journal=journal, call=call)


async def withdraw_journal(
    conn: Conn, number: str, *, by: str, reason: str, now: datetime
) -> JournalState:
    """Note that a journal surely does not stand there, and give its command up for good.

    What it came to is then to be posted anew.

    Raises:
        ConfigError: there is no such journal, or it stands there, or is on its way.
    """
    async with conn.transaction():
        await take_turn(conn)
        told, _, _ = await find_journal(conn, number)
        if not is_withdrawable(told):
            raise ConfigError(
                f"{number} is {told.state}: only what surely does not stand in the accounting "
                "system is withdrawn; what stands there is taken back by trueup journals reverse.",
                field="number",
            )
        gone = await discard_commands(conn, [command_ref(number)], by=by)
        if not gone and told.state != CommandState.DISCARDED:
            raise ConfigError(f"{number} is being sent just now; look again.", field="number")
        withdrawn = {"withdrawn_by": by, "reason": reason, "withdrawn_at": now}
        await conn.execute(_queries.withdraw, {"number": number, **withdrawn})
        told, _, _ = await find_journal(conn, number)
    return told


def is_withdrawable(told: JournalState) -> bool:
    """Say whether a person may say of a journal that it does not stand there."""
    return told.state in _WITHDRAWABLE


def is_reversible(told: JournalState) -> bool:
    """Say whether a journal can be taken back by a counter-journal."""
    return _why_not_reversible(told) is None


def _check_reversible(told: JournalState) -> None:
    if (why := _why_not_reversible(told)) is not None:
        raise ConfigError(f"{told.number} can not be taken back: {why}.", field="number")


def _why_not_reversible(told: JournalState) -> str | None:
    if told.reverses is not None:
        return f"it takes {told.reverses} back itself; post the day anew instead"
    if told.reversed_by is not None:
        return f"{told.reversed_by} took it back before"
    if told.state == WITHDRAWN:
        return "it was withdrawn"
    if told.state not in _STANDS:
        known = {state.value: what for state, what in _WHAT_NEXT.items()}
        return known.get(told.state, f"it is {told.state}; wait until it is done")
    return None
