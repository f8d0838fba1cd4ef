"""Every page renders from real records, tells the same as its JSON twin, and escapes vendors' text."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.console.site import Site
from tests.console.world import HOSTILE, HOSTILE_SKU
from trueup.console.render import link_order, link_sku, number

_VALUE = re.compile(r'data-live="([^"]*)"(?: data-keep)? data-value="([^"]*)"')

_TWIN = re.compile(r'href="([^"]*)">This page as JSON')


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with site.reader() as client:
        yield client


def _json(client: httpx.Client, path: str) -> dict:
    reply = client.get(path, headers={"Accept": "application/json"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def _shown(text: str) -> dict[str, str]:
    return {html.unescape(k): html.unescape(v) for k, v in _VALUE.findall(text)}


def test_today_shows_what_its_twin_says(client: httpx.Client) -> None:
    """Each number that the page shows in a live place equals the one of the JSON twin."""
    page = client.get("/today")
    assert page.status_code == 200
    twin = _json(client, "/today")
    assert client.get("/today.json").json().keys() == twin.keys()
    shown = _shown(page.text)
    counters = twin["counters"]
    assert counters["events"] > 300
    assert counters["repeats"] > 10
    assert counters["orders"] > 20
    assert counters["parked"] == 4
    assert counters["calls"] > 5
    for name in ("events", "repeats", "orders", "oversold", "parked", "calls"):
        assert shown[f"counter.{name}"] == f"{counters[name]:,}"
    for row in twin["stock"]:
        assert shown[f"stock.{row['sku']}.available"] == number(row["available"])
        for cell in row["channels"]:
            key = f"stock.{row['sku']}.{cell['connection']}"
            assert shown[f"{key}.wanted"] == str(cell["wanted"])
            assert shown[f"{key}.state"] == cell["state"]
    for row in twin["orders"]:
        key = f"orders.{row['connection']}.{row['ref']}"
        assert shown[f"{key}.total"].endswith(row["total"]["currency"])
    assert shown["health.state"] == twin["health"]["state"] == "idle"


def test_the_counters_are_those_of_the_database(client: httpx.Client, site: Site) -> None:
    """Events and repeats are counted, not guessed."""
    import psycopg

    with psycopg.connect(site.dsn) as conn:
        events = conn.execute("SELECT count(*) FROM intake.event").fetchone()[0]
        numbered = conn.execute("SELECT last_value FROM intake.event_id_seq").fetchone()[0]
    counters = _json(client, "/today")["counters"]
    assert counters["events"] == events
    assert counters["repeats"] == numbered - events


def test_every_link_of_the_first_page_leads_somewhere(client: httpx.Client) -> None:
    text = client.get("/today").text
    links = {html.unescape(link) for link in re.findall(r'href="(/[^"#]*)"', text)}
    assert len(links) > 40
    for link in links:
        assert client.get(link, follow_redirects=True).status_code == 200, link


def test_every_page_has_its_twin(client: httpx.Client) -> None:
    """The footer's link answers JSON, the same as asking for JSON at the page's own address."""
    today = _json(client, "/today")
    order, stock = today["orders"][0], today["stock"][-1]
    for path in (
        "/parked",
        "/low-stock",
        f"/events/{today['feed'][0]['event_id']}",
        link_order(order["connection"], order["ref"]),
        link_sku(stock["sku"]),
        link_sku(HOSTILE_SKU),
    ):
        twin = _TWIN.search(client.get(path).text)
        assert twin, path
        reply = client.get(html.unescape(twin[1]))
        assert reply.headers["content-type"].startswith("application/json")
        assert reply.json() == _json(client, path)


def test_an_order_tells_how_it_came_to_be(client: httpx.Client) -> None:
    today = _json(client, "/today")
    for row in today["orders"]:
        page = _json(client, link_order(row["connection"], row["ref"]))
        assert page["number"] == row["number"]
        assert page["total"] == row["total"]
        assert page["timeline"], "an order comes from events"
        versions = [v for e in page["timeline"] for v in e["versions"] if v["kind"] == "order"]
        assert len(versions) == page["versions"]
        for event in page["timeline"]:
            sums: dict[str, int] = {}
            for posting in event["postings"]:
                sums[posting["sku"]] = sums.get(posting["sku"], 0) + posting["units"]
            assert set(sums.values()) <= {0}


def test_a_sku_tells_where_it_lies(client: httpx.Client) -> None:
    for row in _json(client, "/today")["stock"]:
        page = _json(client, link_sku(row["sku"]))
        assert page["available"] == page["on_hand"] - page["reserved"] == row["available"]
        assert sum(site["on_hand"] for site in page["sites"]) == page["on_hand"]
        assert page["chart"]["points"][-1]["available"] == row["available"]


def test_a_chart_comes_as_svg_and_png(client: httpx.Client) -> None:
    sku = _json(client, "/today")["chart"]["sku"]
    svg = client.get(f"/skus/{quote(sku)}.svg")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert svg.text.startswith("<svg")
    png = client.get(f"/skus/{quote(sku)}.png")
    assert png.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/", "/parked", "order", "sku", "event"])
def test_vendors_text_is_escaped(client: httpx.Client, path: str) -> None:
    """A hostile product title, SKU and customer show as text on every page that has them."""
    orders = client.get("/api/v1/orders", params={"count": 200}).json()["items"]
    found = [
        order
        for order in orders
        if any(
            line["title"] == HOSTILE
            for line in _json(client, link_order(order["connection"], order["ref"]))["lines"]
        )
    ]
    assert len(found) == 1
    order_link = link_order(found[0]["connection"], found[0]["ref"])
    timeline = _json(client, order_link)["timeline"]
    event = next(e["event_id"] for e in timeline if e["topic"] == "orders/create")
    paths = {"order": order_link, "sku": link_sku(HOSTILE_SKU), "event": f"/events/{event}"}
    page = client.get(paths.get(path, path))
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "<b>" not in page.text
    if path in {"order", "event"}:
        assert "&lt;script&gt;alert(1)" in page.text


def test_what_is_personal_is_masked_until_a_form_asks(client: httpx.Client) -> None:
    orders = client.get("/api/v1/orders", params={"count": 1}).json()["items"]
    page = _json(client, link_order(orders[0]["connection"], orders[0]["ref"]))
    told = next(e for e in page["timeline"] if e["topic"] == "orders/create")
    path = f"/events/{told['event_id']}"
    masked = client.get(path).text
    assert "@buyers.example" not in masked
    assert "•••" in masked
    csrf = re.search(r'name="_csrf_token" value="([^"]+)"', masked)[1]
    assert client.post(f"{path}/reveal").status_code == 403
    shown = client.post(f"{path}/reveal", data={"_csrf_token": csrf})
    assert shown.status_code == 200
    assert "@buyers.example" in shown.text


def test_a_body_that_is_not_json_is_not_shown(client: httpx.Client) -> None:
    parked = _json(client, "/parked")["events"]
    broken = next(e for e in parked if e["cause"] == "shopify.body_malformed")
    page = _json(client, f"/events/{broken['event_id']}")
    assert page["body"] == {"state": "unreadable", "text": None, "cut": False}
    assert page["state"] == "parked"


@pytest.mark.parametrize(
    "path",
    [
        *("/orders/north/none", "/orders/nobody/1", "/orders/north/%00", "/orders/n%00/1"),
        *("/skus/none", "/skus/%00", "/skus.png", "/skus/x.png", "/skus/%F0%9F%92%A9"),
        *("/events/0", "/events/-1", "/events/x", "/events/99999999999999999999", "/events/²"),
        "/events/9223372036854775807",
    ],
)
def test_what_is_not_there_is_said_calmly(client: httpx.Client, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert "Back to the overview" in reply.text
    twin = client.get(path, headers={"Accept": "application/json"})
    assert twin.status_code == 404
    assert twin.json()["error"]["code"] == "http.404"


def test_a_wrong_value_is_a_400_and_no_failure(client: httpx.Client) -> None:
    for path in ("/today?sku=" + "x" * 300, "/parked?requeued=x", "/parked?requeued=" + "9" * 40):
        assert client.get(path).status_code == 400, path
    for path in ("/today?sku=%00", "/parked?cluster=%00", "/today?sku=%ED%A0%80"):
        assert client.get(path).status_code == 200, path


def test_an_empty_hub_teaches(bare_site: Site) -> None:
    with bare_site.reader() as client:
        page = client.get("/today")
        assert page.status_code == 200
        for words in ("No stock has moved", "Nothing has arrived", "No order has come in"):
            assert words in page.text
        assert "Nothing is parked" in client.get("/parked").text


def test_a_sku_shows_what_is_kept_back_and_what_that_costs(client: httpx.Client) -> None:
    sku = next(row["sku"] for row in _json(client, "/today")["stock"] if row["channels"])
    page, text = _json(client, link_sku(sku)), client.get(link_sku(sku)).text
    assert {each["connection"] for each in page["offers"]["channels"]} == {
        each["connection"] for each in page["channels"]
    }
    assert len(page["offers"]["choices"]) == 12
    assert "What is kept back" in text
    assert text.count('<th scope="row" class="n">') == 12
    assert "no buffer" in text
