"""Connecting an account by a form: tried first, kept once, told in plain words what is missing."""

import html
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.console.setup_world import SECRET, TOKEN, Shops, empty_hub, shops
from tests.console.site import Site
from tests.console.test_exceptions_page import form_of
from trueup.access.rights import Role
from trueup.sandbox.faults import ApiFault
from trueup.sandbox.shopify.shop import ShopSettings


@pytest.fixture(scope="module")
def stage() -> Iterator[Shops]:
    with shops() as running:
        yield running


@pytest.fixture
def hub(database_url: str, stage: Shops) -> Iterator[Site]:
    stage.north.faults.rules.clear()
    with empty_hub(database_url) as running:
        yield running


def send(client: httpx.Client, form: dict[str, str], connector: str = "shopify") -> httpx.Response:
    token = form_of(client.get(f"/connect/{connector}").text)["_csrf_token"]
    return client.post(f"/connect/{connector}", data={**form, "_csrf_token": token})


def said(reply: httpx.Response) -> str:
    """Return what a page says, as its reader sees it."""
    return html.unescape(reply.text)


def stored(site: Site) -> list[tuple[str, str, str]]:
    with psycopg.connect(site.dsn) as conn:
        return conn.execute("SELECT name, connector, state FROM intake.connection").fetchall()


def test_an_account_is_connected_by_pages_alone(hub: Site, stage: Shops) -> None:
    with hub.reader() as client:
        assert "/connect" in client.get("/").text
        assert "/connect/shopify" in client.get("/connect").text
        reply = send(client, stage.form())
        assert (reply.status_code, reply.headers["location"]) == (
            303,
            "/connections/north?done=connected",
        )
        page = client.get("/connections/north")
        twin = client.get("/connections/north.json").json()
        assert page.status_code == 200
        assert TOKEN not in page.text + str(twin)
        assert SECRET not in page.text + str(twin)
        assert twin["secrets"] == ["access_token", "client_secret"]
        location = str(next(iter(stage.north.locations)))
        assert twin["settings"]["stock_location"] == location
        assert {step["name"]: step["state"] for step in twin["steps"]} == {
            "Let in": "done",
            "Webhooks": "done",
            "History": "todo",  # nobody schedules in this test
            "Listings": "doing",
            "First event": "doing",
        }
        assert {each["stage"] for each in twin["progress"]["resources"]} == {"waiting"}
        trail = client.get("/audit.json").json()["rows"]
    assert [row["about"] for row in trail if row["did"] == "connected an account"] == [
        "connection/north (shopify)"
    ]


def test_the_same_form_twice_makes_one_connection(hub: Site, stage: Shops) -> None:
    with hub.reader() as client:
        for _ in range(2):
            reply = send(client, stage.form())
            assert reply.status_code == 303
        other = send(client, stage.form(**{"f-access_token": "shpat_other"}))
    assert other.status_code == 409
    assert stored(hub) == [("north", "shopify", "active")]


def test_what_does_not_work_is_not_kept_and_no_secret_comes_back(hub: Site, stage: Shops) -> None:
    with hub.reader() as client:
        wrong = send(client, stage.form(**{"f-access_token": "shpat_wrong-one"}))
        assert wrong.status_code == 409
        assert "does not let us in" in said(wrong)
        assert "Admin API access token" in said(wrong)
        assert "shpat_wrong-one" not in wrong.text
        assert SECRET not in wrong.text
        assert "north.myshopify.com" in wrong.text, "what is no secret need not be typed again"
        away = stage.form(**{"f-api_base": "http://127.0.0.1:9/north"})
        assert "does not answer" in said(send(client, away))
        unknown = stage.form(**{"f-api_base": f"{stage.url}/nobody"})
        assert send(client, unknown).status_code == 409
        malformed = send(client, stage.form(**{"f-shop_domain": "<script>alert(1)</script>"}))
        assert "<script>alert" not in malformed.text
        assert "shop_domain" in said(malformed)
        bad_name = send(client, stage.form(name="No Such Name!"))
        assert "lower-case" in said(bad_name)
    assert stored(hub) == []


def test_a_vendor_that_is_down_is_told_apart_from_a_wrong_secret(hub: Site, stage: Shops) -> None:
    stage.north.faults.rules.append(ApiFault(kind="status", status=503, next_calls=5))
    with hub.reader() as client:
        reply = send(client, stage.form())
    assert "answers that it is down (503)" in said(reply)
    assert "Nothing is wrong with what you typed" in said(reply)
    assert stored(hub) == []


def test_a_page_does_not_lead_the_hub_into_its_own_network(hub: Site, stage: Shops) -> None:
    """The address of a sandbox is trusted, so only this machine's may be typed into a page."""
    inner = ("http://10.0.0.7:8089/x", "http://169.254.169.254", "http://hub.internal", "ftp://x")
    with hub.reader() as client:
        for address in inner:
            reply = send(client, stage.form(**{"f-api_base": address}))
            assert "only be called on the hub's own machine" in said(reply), address
        odd = send(client, stage.form(**{"f-public_url": "javascript:alert(1)"}))
        assert "The hub's own address begins with https://" in said(odd)
        shop = {"name": "woo", "f-shop_url": "https://10.0.0.7", "f-consumer_key": "ck_" + "0" * 40}
        shop |= {"f-consumer_secret": "cs_" + "0" * 40}
        refused = send(client, shop, "woocommerce")
        assert "may not be called" in said(refused)
        assert "network that it stands in" in said(refused)
    assert stored(hub) == []


def test_somebody_signs_in_at_the_vendor_and_goes_on_here(hub: Site, stage: Shops) -> None:
    typed = stage.form(**{"f-auth_kind": "oauth", "f-client_id": "sandbox-client"})
    del typed["f-access_token"]
    with hub.reader() as client:
        page = send(client, typed)
        assert page.status_code == 200
        assert "Sign in at Shopify" in page.text
        assert SECRET not in page.text
        fields = form_of(page.text)
        early = client.post("/connect/shopify/finish", data=fields)
        assert "Nobody has come back from Shopify yet" in early.text
        assert stored(hub) == []
        with httpx.Client() as vendor:
            sent = vendor.post(fields["address"], data={"decision": "approve"})
        came = httpx.get(sent.headers["location"])
        assert "Signed in for north" in came.text
        done = client.post("/connect/shopify/finish", data=fields)
        assert done.headers["location"] == "/connections/north?done=connected"
        again = client.post("/connect/shopify/finish", data=fields)
        assert again.status_code == 409
        assert "taken up before" in again.text
        twin = client.get("/connections/north.json").json()
    assert twin["secrets"] == ["client_secret"], "what the vendor handed out is kept apart"
    assert stored(hub) == [("north", "shopify", "active")]


def test_who_does_not_agree_connects_nothing(hub: Site, stage: Shops) -> None:
    typed = stage.form(**{"f-auth_kind": "oauth", "f-client_id": "sandbox-client"})
    del typed["f-access_token"]
    with hub.reader() as client:
        fields = form_of(send(client, typed).text)
        with httpx.Client() as vendor:
            sent = vendor.post(fields["address"], data={"decision": "deny"})
        httpx.get(sent.headers["location"])
        told = client.post("/connect/shopify/finish", data=fields)
        assert told.status_code == 409
        assert "was not agreed to" in told.text
        forged = client.post("/connect/shopify/finish", data={**fields, "state": "x" * 43})
        assert "Nobody was sent to a vendor" in forged.text
        script = {**fields, "address": "javascript:alert(1)", "state": "x"}
        assert "javascript:" not in client.post("/connect/shopify/finish", data=script).text
    assert stored(hub) == []


def test_a_new_secret_is_tried_before_it_is_kept(hub: Site, stage: Shops) -> None:
    with hub.reader() as client:
        send(client, stage.form())
        token = form_of(client.get("/connections/north").text)["_csrf_token"]

        def give(field: str, value: str) -> httpx.Response:
            form = {"field": field, "value": value, "_csrf_token": token}
            return client.post("/connections/north/secret", data=form)

        wrong = give("access_token", "shpat_wrong-one")
        assert wrong.status_code == 409
        assert "The secret was not kept." in wrong.text
        assert "shpat_wrong-one" not in wrong.text
        assert give("webhook_secret", "whs-only-verifies").status_code == 303
        assert give("access_token", TOKEN).status_code == 303
        for odd in ("shop_domain", "nothing", ""):
            assert give(odd, "x").status_code == 400, odd
        twin = client.get("/connections/north.json").json()
        deeds = [row["about"] for row in client.get("/audit.json").json()["rows"]]
    assert twin["secrets"] == ["access_token", "client_secret", "webhook_secret"]
    assert "connection/north webhook_secret" in deeds
    assert "whs-only-verifies" not in str(twin) + str(deeds)


def test_several_places_ask_which(hub: Site, stage: Shops) -> None:
    stage.sandbox.open_shop(ShopSettings(handle="two", locations=("Main", "Berlin <b>")))
    form = stage.form(name="two") | {"f-api_base": f"{stage.url}/two"}
    with hub.reader() as client:
        asked = send(client, form)
        assert "Choose the one at which the hub writes stock" in asked.text
        assert "Berlin &lt;b&gt;" in asked.text
        second = str(list(stage.sandbox.shop("two").locations)[1])
        assert send(client, form | {"f-stock_location": second}).status_code == 303
        twin = client.get("/connections/two.json").json()
    assert twin["settings"]["stock_location"] == second


def test_only_who_may_connects(hub: Site, stage: Shops) -> None:
    with hub.reader("Vic", Role.VIEWER) as client:
        assert client.get("/connect").status_code == 403
        assert "/connect" not in client.get("/").text.replace("/connections", "")
    with hub.reader("Otto", Role.OPERATIONS) as client:
        assert send(client, stage.form()).status_code == 303
    with hub.reader("Vic", Role.VIEWER) as client:
        page = client.get("/connections/north").text
        assert "Pause it" not in page


def test_files_alone_need_no_account(hub: Site) -> None:
    with hub.reader() as client:
        form = client.get("/connect/bank").text
        assert "trueup import camt FILE" in form
        assert send(client, {"name": "house-bank"}, "bank").status_code == 303
        kept = client.get("/connections/house-bank.json").json()
        assert [(step["name"], step["state"]) for step in kept["steps"]] == [("First file", "todo")]
        assert not kept["changing"]
        assert client.get("/connect/manual").status_code == 404
        assert client.get("/connect/nobody").status_code == 404
        assert client.get("/connections/nobody").status_code == 404


def test_who_pauses_second_is_told_who_was_first(hub: Site, stage: Shops) -> None:
    with hub.reader() as ada, hub.reader("Otto", Role.OPERATIONS) as otto:
        send(ada, stage.form())
        token = form_of(otto.get("/connections/north").text)["_csrf_token"]
        mine = form_of(ada.get("/connections/north").text)["_csrf_token"]
        ask = {"do": "pause"}
        first = ada.post("/connections/north", data={**ask, "_csrf_token": mine})
        assert first.headers["location"] == "/connections/north?done=pause"
        assert stored(hub) == [("north", "shopify", "paused")]
        second = otto.post("/connections/north", data={**ask, "_csrf_token": token})
        assert second.status_code == 409
        assert "It is paused already." in second.text
        assert "Ada did that" in second.text
        assert "Take it up again" in second.text
        back = otto.post("/connections/north", data={"do": "resume", "_csrf_token": token})
        assert back.status_code == 303
        assert otto.post("/connections/north", data={"do": "x", "_csrf_token": token}).is_error
        deeds = [row["did"] for row in ada.get("/audit.json").json()["rows"]]
    assert stored(hub) == [("north", "shopify", "active")]
    assert deeds[:2] == ["resumed a connection", "paused a connection"]
