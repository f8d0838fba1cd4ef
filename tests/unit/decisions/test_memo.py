"""Goal: what is read once is not read again, and not kept for longer than it may be."""

from datetime import UTC, datetime, timedelta

import pytest

from trueup.decisions.memo import KEPT, Memo

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

pytestmark = pytest.mark.anyio


async def test_it_is_read_once_until_it_is_too_old() -> None:
    memo, reads = Memo(), []

    async def read() -> int:
        reads.append(1)
        return len(reads)

    assert [await memo.once("pasts", NOON, read) for _ in range(3)] == [1, 1, 1]
    assert await memo.once("pasts", NOON + KEPT, read) == 1
    assert await memo.once("others", NOON, read) == 2
    late = NOON + KEPT + timedelta(seconds=1)
    assert await memo.once("pasts", late, read) == 3
    assert await memo.once("pasts", NOON, read) == 4, "as of earlier is something else"


async def test_what_could_not_be_read_is_not_remembered() -> None:
    memo = Memo()

    async def fails() -> int:
        raise RuntimeError

    async def reads() -> int:
        return 7

    with pytest.raises(RuntimeError):
        await memo.once("pasts", NOON, fails)
    assert await memo.once("pasts", NOON, reads) == 7
