"""Make a rule like any other out of one that a person wrote."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from trueup.canon.record import Record, decode
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import Action, Facts, Proposal, Values
from trueup.decisions.rule import Look, Replay, Rule
from trueup.decisions.written.condition import Known, holds
from trueup.decisions.written.deeds import DEEDS, fields_in, filled
from trueup.decisions.written.fields import fields_of, values_of
from trueup.decisions.written.model import WrittenRule, WrittenSettings
from trueup.records.reads import page_records, records_named

_queries = load_queries("trueup.decisions")

PAGE = 1000
RECORDS_MAX = 50_000
"""A rule looks at so many records at most, the newest."""


class WrittenValues(Values, frozen=True, kw_only=True):
    """One record, and what it holds in the fields that the rule goes by.

    Attributes:
        now: of the look, to the hour.
    """

    kind: str
    connection_id: int
    ref: str
    now: datetime
    known: Known


def make_rule(written: WrittenRule, version: int) -> Rule:
    """Return a rule that does what a person wrote.

    Args:
        written: as `check_written` let it pass.
        version: goes up each time it is written anew.
    """

    async def read(
        look: Look, settings: WrittenSettings, subject: str | None
    ) -> Sequence[Facts[WrittenValues]]:
        if subject is not None:
            rows = await records_named(look.conn, written.kind, [_place(subject)])
        else:
            since = look.now - timedelta(days=settings.days)
            rows = [row async for row in _since(look, written.kind, since, look.now)]
            rows += await _waiting(look, written, {row["record_id"] for row in rows})
        return [facts for row in rows if (facts := _matching(look, written, row)) is not None]

    async def play(look: Look, settings: WrittenSettings, since: date, until: date) -> Replay:
        del settings
        return await play_written(look, written, since, until)

    def propose(facts: Facts[WrittenValues], settings: WrittenSettings) -> Proposal | None:
        del settings
        return propose_written(written, facts)

    return Rule(
        name=written.name,
        version=version,
        title=written.title,
        kinds=frozenset((DEEDS[written.deed].command,)),
        settings=WrittenSettings,
        read=read,
        propose=propose,
        play=play,
    )


def propose_written(written: WrittenRule, facts: Facts[WrittenValues]) -> Proposal | None:
    """Return the deed where all conditions hold. Pure."""
    known = facts.values
    if not all(holds(written.kind, c, known.known, known.now) for c in written.conditions):
        return None
    deed = DEEDS[written.deed]
    said = filled(deed, written.inputs, known.ref, known.known)
    why = " and ".join(
        f"{c.field} {c.op.value.replace('_', ' ')} {c.value}".strip() for c in written.conditions
    )
    return Proposal(
        reason=f"The {written.kind} {_name(known)} meets what was written: {why}.",
        actions=(
            Action(
                connection_id=written.connection_id or known.connection_id,
                key=f"{known.kind}/{known.ref}",
                content=deed.content(said),
                what=deed.what.format(ref=_name(known), **said.inputs),
            ),
        ),
    )


async def play_written(look: Look, written: WrittenRule, since: date, until: date) -> Replay:
    """Return how many records of some days meet what was written, by what stands of them now."""
    first, last = (datetime.combine(day, time(), UTC) for day in (since, until + timedelta(days=1)))
    seen = met = 0
    async for row in _since(look, written.kind, first, last):
        seen += 1
        met += _matching(look, written, row) is not None
    return Replay(
        since=since,
        until=until,
        figures={"records": float(seen), "proposals": float(met)},
        sentence=(
            f"From {since} to {until} it would have spoken of {met} of {seen} records of the kind "
            f"{written.kind}, by what stands of them now."
        ),
    )


async def preview(
    look: Look, written: WrittenRule, since: datetime, *, count: int
) -> list[tuple[Facts[WrittenValues], Proposal]]:
    """Return the newest records that meet what was written, and what would be done about each."""
    found: list[tuple[Facts[WrittenValues], Proposal]] = []
    async for row in _since(look, written.kind, since, look.now):
        facts = _matching(look, written, row)
        if facts is not None and (proposal := propose_written(written, facts)) is not None:
            found.append((facts, proposal))
        if len(found) == count:
            break
    return found


async def _since(look: Look, kind: str, since: datetime, until: datetime) -> AsyncIterator[Row]:
    """Go through records of a kind from `until` back to `since`."""
    before = (until, 0)
    for _ in range(RECORDS_MAX // PAGE):
        page = await page_records(look.conn, kind, count=PAGE, before=before)
        for row in page:
            if row["occurred_at"] < since:
                return
            yield row
        if len(page) < PAGE:
            return
        before = (page[-1]["occurred_at"], page[-1]["record_id"])


async def _waiting(look: Look, written: WrittenRule, seen: set[int]) -> list[Row]:
    """Return older records of which something waits that the rule proposed."""
    rows = await fetch_rows(look.conn, _queries.subjects_waiting, rule=written.name)
    named = [_place(row["subject"]) for row in rows]
    found = await records_named(look.conn, written.kind, named) if named else []
    return [row for row in found if row["record_id"] not in seen]


def _matching(look: Look, written: WrittenRule, row: Row) -> Facts[WrittenValues] | None:
    """Return what is known of a record; None where it does not meet what was written."""
    folder = look.hub.folder_of(written.connection_id or row["connection_id"])
    able = folder is not None and folder.manifest.action(DEEDS[written.deed].command) is not None
    if row["deleted"] or not able:
        return None
    known = _known(written, decode(written.kind, row["body"]))
    now = look.now.replace(minute=0, second=0, microsecond=0)
    if not all(holds(written.kind, c, known, now) for c in written.conditions):
        return None
    place = f"connection/{row['connection_id']}/{written.kind}/{row['ref']}"
    return Facts(
        subject=place,
        episode="once",
        values=WrittenValues(
            kind=written.kind,
            connection_id=row["connection_id"],
            ref=row["ref"],
            now=now,
            known=known,
        ),
        evidence=(place,),
    )


def _known(written: WrittenRule, record: Record) -> Known:
    fields = fields_of(written.kind)
    names = dict.fromkeys(
        (
            *(c.field for c in written.conditions),
            *fields_in(DEEDS[written.deed], written.inputs),
            *(("number",) if "number" in fields else ()),
        )
    )
    return {name: values_of(record, fields[name]) for name in names}


def _name(known: WrittenValues) -> str:
    """Return a record's name as people say it: its number, else its ref."""
    return ", ".join(map(str, known.known.get("number", ()))) or known.ref


def _place(subject: str) -> tuple[int, str]:
    """Return the connection and the ref of a subject such as "connection/3/order/1001"."""
    _, number, _, ref = subject.split("/", 3)
    return int(number), ref
