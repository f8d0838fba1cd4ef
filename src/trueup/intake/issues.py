"""Note issues: what is wrong with what arrived, and what to do."""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.canon.issue import Issue
from trueup.db.queries import load_queries

_queries = load_queries("trueup.intake")


async def open_issues(
    conn: psycopg.AsyncConnection[Any], issues: Sequence[tuple[int | None, int | None, Issue]]
) -> None:
    """Note issues, each with the event and the connection it came from.

    Args:
        conn: in the transaction that found them.
        issues: (event_id, connection_id, issue); the same one again changes nothing.
    """
    if not issues:
        return
    await conn.execute(
        _queries.open_issues,
        {
            "event_ids": [event_id for event_id, _, _ in issues],
            "connection_ids": [connection_id for _, connection_id, _ in issues],
            "codes": [issue.code for _, _, issue in issues],
            "severities": [issue.severity.value for _, _, issue in issues],
            "pointers": [_plain(issue.pointer) for _, _, issue in issues],
            "expected": [_plain(issue.expected) for _, _, issue in issues],
            "found": [_plain(issue.found) for _, _, issue in issues],
            "fixes": [_plain(issue.how_to_fix) for _, _, issue in issues],
            "refs": [issue.ref if issue.ref is None else _plain(issue.ref) for *_, issue in issues],
        },
    )


async def raise_issue(
    conn: psycopg.AsyncConnection[Any], connection_id: int | None, issue: Issue
) -> None:
    """Note an issue that no event tells of and that stands until it is closed.

    The same code, pointer and ref again is the same issue, told anew; a closed one opens again.
    """
    await conn.execute(
        _queries.raise_issue,
        {
            "connection_id": connection_id,
            "code": issue.code,
            "severity": issue.severity.value,
            "pointer": _plain(issue.pointer),
            "expected": _plain(issue.expected),
            "found": _plain(issue.found),
            "how_to_fix": _plain(issue.how_to_fix),
            "ref": issue.ref if issue.ref is None else _plain(issue.ref),
        },
    )


async def open_refs(conn: psycopg.AsyncConnection[Any], code: str, refs: Sequence[str]) -> set[str]:
    """Return which of some records have an open issue of one code."""
    if not refs:
        return set()
    cursor = await conn.execute(_queries.open_refs, {"code": code, "refs": list(refs)})
    return {ref for (ref,) in await cursor.fetchall()}


async def open_pointers(
    conn: psycopg.AsyncConnection[Any], codes: Sequence[str], refs: Sequence[str]
) -> set[tuple[str, str]]:
    """Return (ref, pointer) of the open issues of some codes about some records."""
    cursor = await conn.execute(_queries.open_pointers, {"codes": list(codes), "refs": list(refs)})
    return set(await cursor.fetchall())


async def close_issues(conn: psycopg.AsyncConnection[Any], code: str, refs: Sequence[str]) -> None:
    """Close the open issues of one code about some records: what they said is no longer so."""
    if refs:
        await conn.execute(_queries.close_issues, {"code": code, "refs": list(refs)})


async def set_issues(
    conn: psycopg.AsyncConnection[Any],
    codes: Sequence[str],
    refs: Sequence[str] | None,
    issues: Sequence[Issue],
) -> None:
    """Make these the open issues of some codes: others are closed, those that stand stay open.

    Args:
        conn: in the transaction that looked.
        codes: of which it looked for all.
        refs: of the records that were looked at; None: all of them.
        issues: what stands; their refs are among `refs`.
    """
    await conn.execute(
        _queries.close_other_issues,
        {
            "codes": list(codes),
            "refs": None if refs is None else list(refs),
            "standing_codes": [issue.code for issue in issues],
            "pointers": [_plain(issue.pointer) for issue in issues],
            "standing_refs": [_plain(issue.ref or "") for issue in issues],
        },
    )
    for issue in issues:
        await raise_issue(conn, None, issue)


def _plain(text: str) -> str:
    """Return text that PostgreSQL takes: no NUL, no lone surrogate, bounded."""
    return text[:500].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
