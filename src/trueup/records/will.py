"""What somebody said about being written to, in all systems: consents, and words of their own.

Whose word it is follows from the names that people share, so that an opt-out counts wherever it
arrived. Consents and opt-outs are no part of what is sealed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.command import Purpose
from trueup.canon.customer import Customer
from trueup.canon.link import LinkSpace, normal_email, normal_phone
from trueup.canon.message import Message
from trueup.canon.record import BEGINNING, Record, decode
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.vault import Vault
from trueup.records.people import Keys, join_persons

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

_YES: Final = "subscribed"
_NO: Final = frozenset(("unsubscribed", "redacted", "invalid"))
"""Other states (pending, never asked) are no word at all: what another system was told counts."""

_UNDATED: Final = datetime.max.replace(tzinfo=UTC)


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said, by medium.

    Attributes:
        agreed: when they last agreed to marketing.
        stopped: when they last said no; one without a date is newer than anything else.
        silent: the last that they wrote there was that they want no more.
        wrote: when they last wrote there.
    """

    agreed: dict[str, datetime] = {}
    stopped: dict[str, datetime] = {}
    silent: frozenset[str] = frozenset()
    wrote: dict[str, datetime] = {}


def why_not(will: Will, medium: str, purpose: Purpose) -> str | None:
    """Return why somebody may not be written to over a medium; None where they may. Pure.

    Marketing needs a yes, and the newest word of all systems counts; of a yes and a no at the same
    time the no. All else is stopped by an opt-out on that medium alone.
    """
    if medium in will.silent:
        return f"they want no more messages by {medium}"
    if purpose is not Purpose.MARKETING:
        return None
    agreed, stopped = will.agreed.get(medium), will.stopped.get(medium)
    if agreed is None:
        return f"they did not agree to marketing by {medium}"
    if stopped is not None and stopped >= agreed:
        return f"they no longer agree to marketing by {medium}"
    return None


def will_of(records: Iterable[Record]) -> Will:
    """Return what customers' records and messages say together, in whatever order. Pure."""
    agreed: dict[str, datetime] = {}
    stopped: dict[str, datetime] = {}
    last: dict[str, tuple[datetime, bool]] = {}
    for record in records:
        for consent in record.consents if isinstance(record, Customer) else ():
            if consent.state == _YES:
                _newer(agreed, consent.medium, consent.updated_at or BEGINNING)
            elif consent.state in _NO:
                _newer(stopped, consent.medium, consent.updated_at or _UNDATED)
        if isinstance(record, Message):
            at = record.sent_at or record.created_at or record.updated_at
            # Of a stop and another word at the same time the stop counts.
            before = last.get(record.medium, (BEGINNING, False))
            last[record.medium] = max(before, (at, record.opt_out))
            if record.opt_out:
                _newer(stopped, record.medium, at)
    return Will(
        agreed=agreed,
        stopped=stopped,
        silent=frozenset(medium for medium, (_, stops) in last.items() if stops),
        wrote={medium: at for medium, (at, _) in last.items()},
    )


async def read_will(
    conn: Conn,
    vault: Vault,
    *,
    persons: Iterable[bytes] = (),
    address: str | None = None,
    keys: Keys | None = None,
) -> Will:
    """Return what somebody said, with all that are the same customer.

    Args:
        conn: any session.
        vault: makes the digest by which an address is found.
        persons: who they are, as far as that is known.
        address: an e-mail, or a phone in E.164; whoever has it counts too.
        keys: which names join people; without them the usual ones.
    """
    namespace, value = _named(address)
    digest = vault.index(namespace, value) if value else b""
    found = set(persons)
    if value:
        rows = await fetch_rows(
            conn, _queries.persons_named, namespaces=[namespace], digests=[digest]
        )
        found |= {bytes(row["person"]) for row in rows}
    if found:
        found |= set((await join_persons(conn, found, keys or Keys())).persons)
    rows = await fetch_rows(
        conn,
        _queries.words_of,
        persons=sorted(found),
        namespace=namespace,
        digest=digest,
    )
    return will_of(decode(row["kind"], row["body"]) for row in rows)


def _named(address: str | None) -> tuple[str, str]:
    if address is not None and "@" in address:
        return LinkSpace.EMAIL.value, normal_email(address)
    return LinkSpace.PHONE.value, normal_phone(address)


def _newer(found: dict[str, datetime], medium: str, at: datetime) -> None:
    found[medium] = max(at, found.get(medium, at))
