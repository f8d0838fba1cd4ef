"""The second factor in a browser: owed, begun, turned on, asked for, and nothing before it."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.console.site import PASSWORD, Site, serving
from tests.console.test_access import first_link, owner_of, sent, tries
from tests.db.test_access_factor import Phone
from trueup.access.code import STEP_S
from trueup.access.rights import Role
from trueup.api.guard import SESSION_COOKIE
from trueup.console.factor_page import draw_code
from trueup.kernel.clock import ManualClock

CLOSED = ("/", "/me", "/payouts", "/people", "/live")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(database_url: str, clock: ManualClock) -> Iterator[Site]:
    """Give a hub whose owners have to have a second factor."""
    roles = frozenset({Role.OWNER})
    with serving(database_url, None, clock=clock, factor_roles=roles) as running:
        yield running


def change(client: httpx.Client, **fields: str) -> httpx.Response:
    token = re.search(r'name="_csrf_token" value="([^"]+)"', client.get("/second-factor").text)
    assert token
    return client.post("/second-factor/change", data={"_csrf_token": token[1], **fields})


@pytest.mark.anyio
async def test_an_owner_turns_it_on_and_comes_in_by_it(house: Site, clock: ManualClock) -> None:
    with owner_of(house, await first_link(house, clock)) as client:
        shut_but_for_the_factor(client)
        page = client.get("/second-factor?next=/payouts").text
        assert "Your role, owner, has to have it" in page
        assert "Find anything" not in page, "nothing else is offered"
        begun = change(client, do="begin")
        secret = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', begun.text)
        assert secret
        assert '<svg viewBox="' in begun.text
        assert "style=" not in begun.text
        phone = Phone(secret[1].replace(" ", ""))
        assert change(client, do="on", code="12345").status_code == 403
        shut_but_for_the_factor(client)
        before = client.cookies[SESSION_COOKIE]
        on = change(client, do="on", code=phone.code(clock.now()))
        codes = re.findall(r"<li><code>([a-z2-9-]{19})</code></li>", on.text)
        assert len(codes) == 10
        assert client.cookies[SESSION_COOKIE] != before
        assert client.get("/payouts").status_code == 200
        assert codes[0] not in client.get("/second-factor").text, "shown once"
        assert phone.app.secret not in client.get("/second-factor").text
        clock.advance(seconds=STEP_S)
        refused = change(client, do="off", code=phone.code(clock.now()))
        assert (refused.status_code, "has to have it" in refused.text) == (409, True)
        assert change(client, do="burn").status_code == 409
        clock.advance(minutes=16)
        asked = change(client, do="spares", code="000000")
        assert "Your password, once more" in asked.text, "a session alone changes nothing"
    with house.stranger() as client:
        assert tries(client, "Ada", PASSWORD)[0] == 303
        before = client.cookies[SESSION_COOKIE]
        away = client.get("/payouts?state=found")
        assert away.headers["location"] == "/second-factor?next=/payouts%3Fstate%3Dfound"
        shut_but_for_the_factor(client)
        assert change(client, do="begin").status_code == 303, "nor is it changed by half a session"
        form = {"next": "/payouts?state=found", "code": "000000"}
        wrong = sent(client, "/second-factor", form)
        assert (wrong.status_code, "is not right" in wrong.text) == (403, True)
        right = sent(client, "/second-factor", form | {"code": phone.code(clock.now())})
        assert right.headers["location"] == "/payouts?state=found"
        assert client.get("/payouts").status_code == 200
        with house.stranger() as thief:
            thief.cookies.set(SESSION_COOKIE, before, domain="127.0.0.1")
            assert thief.get("/payouts").headers["location"].startswith("/sign-in")
        assert "second factor" in client.get("/people").text
        away = sent(client, "/people", {"do": "factor", "name": "Ada"})
        assert away.headers["location"] == "/people?done=factor"
        assert client.get("/").headers["location"] == "/sign-in"


def shut_but_for_the_factor(client: httpx.Client) -> None:
    """Hold that a session that owes something reaches nothing."""
    for path in CLOSED:
        assert client.get(path).headers["location"].startswith("/second-factor"), path
    for path in ("/me.json", "/api/v1/orders", "/today.json"):
        reply = client.get(path, headers={"Accept": "application/json"})
        assert reply.status_code == 403, path
        assert reply.json()["error"]["code"] == "access.second_factor"


def test_others_may_have_it_and_turn_it_off(house: Site, clock: ManualClock) -> None:
    with house.reader("Vic", Role.VIEWER) as client:
        assert "off" in client.get("/me").text
        secret = re.search(r'class="secret">([A-Z2-7 ]+)<', change(client, do="begin").text)
        assert secret
        phone = Phone(secret[1].replace(" ", ""))
        assert change(client, do="on", code=phone.code(clock.now())).status_code == 200
        assert client.get("/me.json").json()["factor"] is True
        clock.advance(seconds=STEP_S)
        assert change(client, do="off", code=phone.code(clock.now())).status_code == 200
        assert client.get("/me.json").json()["factor"] is False


def test_the_picture_needs_no_style_of_its_own() -> None:
    svg = draw_code("otpauth://totp/Trueup:Ada?secret=A&issuer=<b>")
    assert svg.startswith("<svg viewBox=")
    assert "style" not in svg
    assert "<b>" not in svg
