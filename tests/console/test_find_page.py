"""Find: one field on every page leads to whatever has the name that was typed."""

import html

import pytest

from tests.console.site import Site
from tests.console.world import HOSTILE_SKU
from trueup.access.rights import Role
from trueup.console.render import link_sku


def things(site: Site, text: str, role: Role = Role.OWNER) -> list[dict]:
    with site.reader(f"Find {role}", role) as person:
        reply = person.get("/find.json", params={"q": text})
        assert reply.status_code == 200, reply.text
        return reply.json()["things"]


@pytest.fixture
def order(site: Site) -> dict:
    """Give an order as the API tells it."""
    with site.program() as program:
        return program.get("/api/v1/orders?count=1").json()["items"][0]


def test_every_page_has_the_field_and_one_thing_is_opened(site: Site, order: dict) -> None:
    with site.reader() as person:
        assert (
            '<form method="get" action="/find" class="find" role="search" aria-label="Everywhere">'
            in (person.get("/low-stock").text)
        )
        empty = person.get("/find").text
        assert "What can be typed" in empty
        assert "e-mail address" in empty
        found = [one for one in things(site, order["ref"]) if one["kind"] == "order"]
        assert [one["address"] for one in found] == [
            f"/orders/{order['connection']}/{order['ref']}"
        ]
        reply = person.get("/find", params={"q": HOSTILE_SKU})
        assert (reply.status_code, reply.headers["location"]) == (303, link_sku(HOSTILE_SKU))


def test_what_was_typed_is_shown_as_text(site: Site) -> None:
    with site.reader() as person:
        typed = '"><script>alert(1)</script>'
        page = person.get("/find", params={"q": typed}).text
        assert "Nothing is called so" in page
        assert html.escape(typed).replace("&quot;", "&#34;") in page
        assert "<script>alert" not in page
        assert person.get("/find", params={"q": "x" * 256}).status_code == 400


def test_what_a_role_may_not_see_is_not_found(site: Site, order: dict) -> None:
    for role in Role:
        assert {one["kind"] for one in things(site, order["ref"], role)} <= {
            *("order", "refund", "payment", "shipment", "return")
        }
    seen = {role: {one["kind"] for one in things(site, order["ref"], role)} for role in Role}
    assert all("order" in kinds for kinds in seen.values())
    assert not seen[Role.SUPPORT] & {"payment", "refund"}
    with site.reader("Finn", Role.VIEWER) as viewer:
        assert "e-mail address" not in viewer.get("/find").text
