"""Customers are worked out once a day, whoever comes first, and however long that takes."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.spine import open_spine
from trueup.decisions.patrons import work_out
from trueup.decisions.patrons.work_out import refresh_patrons

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


def bought(spine: Any, number: int, on: str) -> Any:
    at = f"{on}T10:00:00Z"
    times = {"created_at": at, "processed_at": at, "updated_at": at}
    customer = {"id": 7, "email": "ada@example.com", "phone": None}
    return spine.order(number, "TEE", customer=customer, email="ada@example.com", **times)


async def test_once_a_day_and_thinking_holds_no_transaction(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    thought = work_out._work_out

    def slowly(*given: Any) -> Any:
        time.sleep(1.0)
        return thought(*given)

    monkeypatch.setattr(work_out, "_work_out", slowly)
    async with open_spine(database_url, "north") as spine:
        days = ("2026-04-01", "2026-04-29", "2026-05-27")
        await spine.take(*(bought(spine, n, on) for n, on in enumerate(days, 1)))
        await spine.conn.execute("SET idle_in_transaction_session_timeout = '300ms'")
        assert await refresh_patrons(spine.conn, spine.hub, NOW) == 1
        assert await refresh_patrons(spine.conn, spine.hub, NOW) is None
        cursor = await spine.conn.execute("SELECT sku, interval_days FROM decisions.habit")
        assert sorted(await cursor.fetchall()) == [("", 28), ("TEE", 28)]


async def test_who_is_no_customer_any_more_is_forgotten(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await spine.take(bought(spine, 1, "2026-05-27"))
        assert await refresh_patrons(spine.conn, spine.hub, NOW) == 1
        later = NOW + timedelta(days=800)
        assert await refresh_patrons(spine.conn, spine.hub, later) == 0
        cursor = await spine.conn.execute("SELECT count(*) FROM decisions.patron")
        assert await cursor.fetchone() == (0,)
