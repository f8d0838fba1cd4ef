"""The page of parity tells what the looks found, its twin the same, and vendors' text is escaped."""

import html
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.console.site import Site
from tests.console.world import HOSTILE
from trueup.console.render import evidence
from trueup.console.steps import Step, draw_steps

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def differing(site: Site) -> str:
    """Keep a look at a listing that differs, and one that agrees; returns the connection's name."""
    with psycopg.connect(site.dsn, autocommit=True) as conn:
        number, name = conn.execute(
            "SELECT connection_id, name FROM intake.connection WHERE connector = 'shopify' "
            "ORDER BY connection_id LIMIT 1"
        ).fetchone()
        conn.execute("DELETE FROM reconcile.look")
        conn.execute(
            "INSERT INTO reconcile.look (connection_id, sku, looked_at, shall, stands, sequence, "
            "differs_since, causes, unexplained) VALUES "
            "(%(n)s, 'SOLD', now(), 10, 8, 1, now(), %(lost)s, 0), "
            "(%(n)s, %(hostile)s, now(), 5, 9, 1, now(), %(unknown)s, 4), "
            "(%(n)s, 'FINE', now(), 5, 5, 1, NULL, '[]', 0)",
            {
                "n": number,
                "hostile": HOSTILE,
                "lost": '[{"cause":"lost_webhook","amount":-2,'
                '"evidence":["order/77 was not known; read now as event/5"]}]',
                "unknown": '[{"cause":"unexplained","amount":4,"evidence":["<b>nothing</b>"]}]',
            },
        )
        for minute in range(5):
            conn.execute(
                "INSERT INTO reconcile.round VALUES (%s, now() - %s * interval '1 hour', 3, 3, %s, "
                "1, 0, 0, NULL) ON CONFLICT DO NOTHING",
                (number, minute, minute + 1),
            )
    return name


def test_the_page_shows_the_unexplained_first(site: Site, differing: str) -> None:
    with site.reader() as client:
        page = client.get("/parity")
        twin = client.get("/parity.json").json()
    assert page.status_code == 200
    assert [row["sku"] for row in twin["differences"]] == [HOSTILE, "SOLD"]
    assert HOSTILE not in page.text
    assert html.escape(HOSTILE, quote=False)[:20] in page.text
    assert "<b>nothing</b>" not in page.text
    assert f'<a href="/orders/{differing}/77">order/77</a>' in page.text
    assert '<a href="/events/5">event/5</a>' in page.text
    assert "<svg" in page.text
    [channel] = twin["channels"]
    assert (channel["looked"], channel["differing"], channel["unexplained"]) == (3, 2, 1)
    assert twin["differences"][1]["causes"][0]["to_do"].startswith("Nothing: the order was read")


def test_the_api_tells_the_same(site: Site, differing: str) -> None:
    with site.reader() as client:
        told = client.get("/api/v1/parity", params={"connection": differing}).json()
        unknown = client.get("/api/v1/parity", params={"connection": "no-such"})
    assert unknown.status_code == 404
    assert told["check"] == f"parity/{differing}"
    assert [each["cause"] for each in told["discrepancies"]] == ["unexplained", "lost_webhook"]
    assert told["explained_share"] == 0.5
    assert told["right"] == 3
    assert told["matched"] == 1
    assert {"currency", "amount", "left_ref", "right_ref", "evidence"} < set(
        told["discrepancies"][0]
    )


def test_evidence_is_escaped_and_leads_to_its_pages() -> None:
    text = str(evidence("<i> order/1 & event/2 is parked: x", "a/b"))
    assert text == (
        '&lt;i&gt; <a href="/orders/a%2Fb/1">order/1</a> &amp; '
        '<a href="/events/2">event/2</a> is parked: x'
    )


def test_a_picture_needs_two_points() -> None:
    steps = [Step(at=NOW + timedelta(hours=h), all=h, part=h // 2) for h in range(4)]
    assert draw_steps(steps[:1]) == ""
    svg = draw_steps(steps)
    assert svg.startswith("<svg")
    assert "at most 3" in svg
    assert "style=" not in svg, "no inline style"
