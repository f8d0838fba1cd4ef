"""One's own page: password, sessions, manner; and nothing of anybody else's."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from tests.console.site import PASSWORD, Site, serving
from tests.console.test_access import first_link, owner_of, sent, tries
from trueup.access.rights import Role
from trueup.api.guard import SESSION_COOKIE
from trueup.kernel.clock import ManualClock

NEW = "six red boats at noon"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(database_url: str, clock: ManualClock) -> Iterator[Site]:
    with serving(database_url, None, clock=clock) as running:
        yield running


def send(client: httpx.Client, **fields: str) -> httpx.Response:
    return sent(client, "/me", fields)


@pytest.mark.anyio
async def test_a_password_is_changed_by_who_knows_it_and_ends_what_was_before(
    house: Site, clock: ManualClock
) -> None:
    with owner_of(house, await first_link(house, clock)) as client, house.stranger() as other:
        assert tries(other, "Ada", PASSWORD)[0] == 303
        before = client.cookies[SESSION_COOKIE]
        for wrong, status, said in (
            ({"old": PASSWORD, "password": NEW, "again": NEW + "!"}, 409, "not the same"),
            ({"old": PASSWORD, "password": "short", "again": "short"}, 409, "at least 8"),
            ({"old": "wrong, wrong", "password": NEW, "again": NEW}, 403, "not your password"),
        ):
            refused = send(client, do="password", **wrong)
            assert (refused.status_code, said in refused.text) == (status, True), wrong
            assert NEW not in refused.text
        assert other.get("/me").status_code == 200, "nothing was changed"
        done = send(client, do="password", old=PASSWORD, password=NEW, again=NEW)
        assert done.headers["location"] == "/me?done=password"
        assert "Your password is another one" in client.get("/me?done=password").text
        assert other.get("/").status_code == 303, "another browser is out"
        assert client.cookies[SESSION_COOKIE] != before
        with house.stranger() as thief:
            thief.cookies.set(SESSION_COOKIE, before, domain="127.0.0.1")
            assert thief.get("/").status_code == 303, "the secret of before opens nothing"
            assert tries(thief, "Ada", PASSWORD)[0] == 403
            assert tries(thief, "Ada", NEW)[0] == 303
        did = [row["did"] for row in client.get("/me.json").json()["trail"]]
        assert "changed their password" in did
        assert did.count("failed to confirm") == 1
        for _ in range(6):
            send(client, do="password", old="wrong, wrong", password=NEW, again=NEW)
        slow = send(client, do="password", old=NEW, password=NEW, again=NEW)
        assert (slow.status_code, "Try again in" in slow.text) == (429, True)


@pytest.mark.anyio
async def test_the_secret_changes_when_the_password_is_asked_for_again(
    house: Site, clock: ManualClock
) -> None:
    with owner_of(house, await first_link(house, clock)) as client:
        clock.advance(minutes=16)
        before = client.cookies[SESSION_COOKIE]
        form = {"do": "invite", "role": "viewer", "_password": "wrong, wrong"}
        assert sent(client, "/people", form).status_code == 403
        assert client.cookies[SESSION_COOKIE] == before
        done = sent(client, "/people", form | {"_password": PASSWORD})
        assert done.status_code == 200
        cookie = next(each for each in done.headers.get_list("set-cookie") if "session" in each)
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert client.cookies[SESSION_COOKIE] != before
        assert client.get("/people").status_code == 200
        with house.stranger() as thief:
            thief.cookies.set(SESSION_COOKIE, before, domain="127.0.0.1")
            assert thief.get("/").status_code == 303


def test_sessions_are_listed_and_ended_and_nobody_ends_anothers(bare_site: Site) -> None:
    with (
        bare_site.reader("Sue", Role.SUPPORT) as sue,
        bare_site.reader("Sue", Role.SUPPORT) as second,
        bare_site.reader("Sue", Role.SUPPORT) as third,
        bare_site.reader("Vic", Role.VIEWER) as vic,
    ):
        rows = sue.get("/me.json").json()["sessions"]
        assert len(rows) == 3
        assert [row["here"] for row in rows].count(True) == 1
        own = {name: _here(client) for name, client in (("s", second), ("t", third))}
        for number in (own["s"], "0", "x", "", "9" * 18):
            refused = send(vic, do="end", session=number)
            assert (refused.status_code, "no such session" in refused.text) == (409, True)
        assert second.get("/me").status_code == 200
        assert send(sue, do="end", session=own["s"]).headers["location"] == "/me?done=end"
        assert second.get("/me").status_code == 303
        assert third.get("/me").status_code == 200
        assert send(sue, do="others").status_code == 303
        assert third.get("/me").status_code == 303
        assert vic.get("/me").status_code == 200, "others of other people stay"
        assert "Sign out everywhere else" not in sue.get("/me").text
        assert send(sue, do="burn").status_code == 409
        assert send(sue, do="end", session=_here(sue)).status_code == 303
        assert sue.get("/me").status_code == 303, "one's own can be ended too"
        assert vic.get("/me.json").json()["trail"] == [], "one sees one's own deeds alone"


def test_how_one_reads_holds_on_every_page_and_for_nobody_else(bare_site: Site) -> None:
    with bare_site.reader("Gita") as gita, bare_site.reader("Vic") as vic:
        for wrong in ({"numbers": "1'0"}, {"numbers": "", "zone": "Mars/Base"}):
            assert send(gita, do="manner", **wrong).status_code == 409
        chosen = {"numbers": "12,34,567.89", "zone": "Asia/Kolkata"}
        assert send(gita, do="manner", **chosen).headers["location"] == "/me?done=manner"
        page = gita.get("/audit").text
        assert 'data-zone="Asia/Kolkata"' in gita.get("/").text
        send(gita, do="others")
        page = gita.get("/audit").text
        assert re.search(r"<time [^>]*>\d\d \w{3} [\d:]{8} IST</time>", page)
        assert "data-zone" not in vic.get("/").text
        assert " UTC</time>" in vic.get("/audit").text
        with psycopg.connect(bare_site.dsn) as conn:
            kept = conn.execute("SELECT name, numbers, zone FROM access.member ORDER BY 1")
            assert kept.fetchall() == [("Gita", "12,34,567.89", "Asia/Kolkata"), ("Vic", "", "")]


def _here(client: httpx.Client) -> str:
    rows = client.get("/me.json").json()["sessions"]
    return next(str(row["session_id"]) for row in rows if row["here"])
