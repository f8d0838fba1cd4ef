"""The small pure parts: thinning, masking, readings that rest, numbers as people read them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.console.event_page import MASK, mask, show_body
from trueup.console.fact import Money, Point
from trueup.console.readings import KEPT_MAX, Readings
from trueup.console.render import link_sku, money, number, signed, span
from trueup.console.series import thin

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _points(values: list[int]) -> list[Point]:
    return [
        Point(at=BEGAN + timedelta(seconds=n), available=value, event_id=n, reason="order")
        for n, value in enumerate(values)
    ]


@given(st.lists(st.integers(-50, 50), max_size=400), st.integers(3, 60))
def test_thinning_keeps_the_ends_and_the_lowest(values: list[int], count: int) -> None:
    points = _points(values)
    thinned = thin(points, count)
    assert len(thinned) <= max(count, 0)
    assert [p.event_id for p in thinned] == sorted({p.event_id for p in thinned})
    if points:
        assert thinned[0] == points[0]
        assert thinned[-1] == points[-1]
        assert min(p.available for p in thinned) == min(p.available for p in points)


def test_what_the_manifest_calls_personal_is_masked() -> None:
    document = {
        "id": 1,
        "email": "a@b.example",
        "customer": {"first_name": "Ada", "id": 2, "addresses": [{"zip": "1"}]},
        "lines": [{"note": "x", "title": "for c@d.example"}, {"note": None}],
        "exact": {"deep": [{"word": "w"}], "other": "kept"},
    }
    paths = ("$..email", "$..first_name", "$..addresses", "$..note", "$.exact.deep[*].word")
    assert mask(document, paths) == {
        "id": 1,
        "email": MASK,
        "customer": {"first_name": MASK, "id": 2, "addresses": MASK},
        "lines": [{"note": MASK, "title": f"for {MASK}"}, {"note": None}],
        "exact": {"deep": [{"word": MASK}], "other": "kept"},
    }


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[" * 100_000, b"a,b\n1,2"])
def test_a_body_nobody_can_read_is_shown_only_when_revealed(body: bytes) -> None:
    assert show_body(body, ("$..email",), reveal=False).text is None
    assert show_body(body, ("$..email",), reveal=True).state == "shown"


def test_a_long_body_is_cut() -> None:
    body = show_body(b'["' + b"x" * 300_000 + b'"]', (), reveal=False)
    assert body.cut
    assert len(body.text or "") == 200_000


def test_a_dear_reading_rests() -> None:
    """A reading that takes 50 ms is not made again within a second; a cheap one soon is."""

    async def play() -> dict[str, int]:
        readings, made = Readings(), {"dear": 0, "cheap": 0}

        async def dear(_: object) -> int:
            made["dear"] += 1
            await asyncio.sleep(0.05)
            return made["dear"]

        async def cheap(_: object) -> int:
            made["cheap"] += 1
            return made["cheap"]

        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            await asyncio.gather(
                *(readings.take("dear", None, dear) for _ in range(5)),  # type: ignore[arg-type]
                *(readings.take("cheap", None, cheap) for _ in range(5)),  # type: ignore[arg-type]
            )
            await asyncio.sleep(0.01)
        for n in range(KEPT_MAX * 2):
            await readings.take(f"other {n}", None, cheap)  # type: ignore[arg-type]
        assert len(readings._values) <= KEPT_MAX
        return made

    made = asyncio.run(play())
    assert made["dear"] == 1
    assert made["cheap"] > 2


def test_numbers_as_people_read_them() -> None:
    assert number(-1234567) == "\u22121,234,567"
    assert number(None) == "—"
    assert signed(3) == "+3"
    assert signed(-3) == "\u22123"
    assert money(Money(amount="1234.500", currency="KWD")) == "1,234.500\u00a0KWD"
    assert money(Money(amount="-0.10", currency="EUR")) == "\u22120.10\u00a0EUR"
    assert [span(v) for v in (None, 0.4, 12, 3400, 300_000)] == [
        *("—", "0\u00a0ms", "12\u00a0ms", "3.4\u00a0s", "5\u00a0min"),
    ]


@pytest.mark.parametrize("sku", ["/a", "a/", "a//b", ".", "..", "a.json", "a.png"])
def test_a_sku_no_path_can_carry_goes_as_a_parameter(sku: str) -> None:
    assert link_sku(sku).startswith("/skus?sku=")
    assert link_sku("a/b c") == "/skus/a%2Fb%20c"
