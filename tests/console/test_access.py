"""Nobody comes in without a session; a foreign page presses no button; who fails has to wait."""

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.console.site import MASTER_KEY, OWNER, PASSWORD, TOKEN, Site, serving
from trueup.access.door import Door
from trueup.access.rights import Role
from trueup.access.secret import digest_of
from trueup.api.guard import BEFORE_COOKIE, SESSION_COOKIE
from trueup.api.token import load_token
from trueup.console.entry_page import KNOWN_COOKIE
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.govern.vault import Vault
from trueup.kernel.clock import ManualClock

CLOSED = (
    "/",
    "/today.json",
    "/parked",
    "/phantoms",
    "/phantoms.json",
    "/events/1",
    "/skus/a",
    "/live",
    "/orders/a/1",
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(database_url: str, clock: ManualClock) -> Iterator[Site]:
    """Give an empty hub whose time stands still."""
    with serving(database_url, None, clock=clock) as running:
        yield running


async def first_link(site: Site, clock: ManualClock) -> str | None:
    """Return the path of the first owner's link, as `trueup serve` makes it."""
    async with await connect(site.dsn, application_name="test") as conn:
        secret = await Door(Vault(MASTER_KEY), clock=clock).first_link(conn)
    return secret and f"/first-run/{secret}"


def test_a_stranger_sees_nothing(site: Site) -> None:
    with site.stranger() as client:
        for path in CLOSED:
            reply = client.get(path)
            assert reply.status_code == 303, path
            assert reply.headers["location"].startswith("/sign-in"), path
        for path in ("/api/v1/orders", "/api/v1/parked/retry", "/parked.json"):
            method = "POST" if path.endswith("retry") else "GET"
            reply = client.request(method, path, headers={"Accept": "application/json"})
            assert reply.status_code == 401, path
            assert reply.json()["error"]["code"] == "access.not_signed_in"
            assert reply.headers["www-authenticate"].startswith("Bearer")
        for path in ("/healthz", "/readyz", "/metrics", "/static/base.css", "/sign-in"):
            assert client.get(path).status_code == 200, path


def test_a_wrong_credential_is_refused(site: Site) -> None:
    with site.stranger() as client:
        for name, value in (
            ("Authorization", "Bearer wrong"),
            ("Authorization", "Bearer"),
            ("Authorization", f"Basic {TOKEN}"),
            ("Authorization", f"Bearer {TOKEN}x"),
            ("Cookie", f"{SESSION_COOKIE}=1.2.3"),
            ("Cookie", f"{SESSION_COOKIE}=;;;=; =; a[b]=c"),
            ("Cookie", f"{SESSION_COOKIE}={'9' * 3000}"),
            ("Cookie", f"{SESSION_COOKIE}=\xff"),
            ("Cookie", f"trueup_session={TOKEN}"),
        ):
            header = {name: value.encode("latin-1")}
            assert client.get("/api/v1/orders", headers=header).status_code == 401, value
            assert client.get("/", headers=header).status_code == 303, value


@pytest.mark.anyio
async def test_the_first_owner_comes_in_by_a_link_that_is_good_once(
    house: Site, clock: ManualClock
) -> None:
    old = await first_link(house, clock)
    link = await first_link(house, clock)
    assert link
    assert old != link
    with house.stranger() as client:
        assert "Nobody is here yet" in client.get("/sign-in").text
        assert client.get(old or "").status_code == 410, "only the newest is good"
        assert client.get(link).status_code == client.get(link).status_code == 200, (
            "looking is free"
        )
        for refused, why in (
            ({"name": " ", "password": PASSWORD}, "A name has 1 to 60"),
            ({"name": "A\u202eb", "password": PASSWORD}, "everybody can see"),
            ({"password": "short"}, "at least 8"),
            ({"password": "12345678"}, "everybody tries"),
            ({"password": "Correct-Ada-Horse"}, "guessed first"),
            ({"password": "my TrueUp forever"}, "guessed first"),
            ({"password": "x" * 257}, "at most 256"),
            ({"password": PASSWORD, "again": "another"}, "not the same"),
        ):
            form = {"name": OWNER, "password": "", **refused}
            reply = sent(client, link, {"again": form["password"], **form})
            assert reply.status_code == 400, refused
            assert why in reply.text
            assert "not a password" not in reply.text
        entered = sent(client, link, {"name": OWNER, "password": PASSWORD, "again": PASSWORD})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        page = client.get("/")
        assert page.status_code == 200
        assert OWNER in page.text
    with house.stranger() as client:
        assert client.get(link).status_code == 410
        client.get("/sign-in")
        form = {"name": "Eve", "password": "another green lamp", "again": "another green lamp"}
        assert sent(client, link, form, page="/sign-in").status_code == 410
    assert await first_link(house, clock) is None, "there is an owner"


@pytest.mark.anyio
async def test_the_link_ends_by_itself(house: Site, clock: ManualClock) -> None:
    link = await first_link(house, clock)
    clock.advance(hours=24)
    with house.stranger() as client:
        assert client.get(link or "").status_code == 410


@pytest.mark.anyio
async def test_a_session_ends_idle_or_old_or_by_a_button(house: Site, clock: ManualClock) -> None:
    with owner_of(house, await first_link(house, clock)) as client:
        clock.advance(hours=7, minutes=59)
        assert client.get("/low-stock").status_code == 200
        clock.advance(hours=7, minutes=59)
        assert client.get("/low-stock").status_code == 200, "it was used"
        clock.advance(hours=8)
        away = client.get("/low-stock?a=1&b=/x")
        assert away.headers["location"] == "/sign-in?next=/low-stock%3Fa%3D1%26b%3D/x"
        back = sent(client, "/sign-in", credentials() | {"next": "/low-stock?a=1"}, page="/sign-in")
        assert (back.status_code, back.headers["location"]) == (303, "/low-stock?a=1")
        for _ in range(21):
            assert client.get("/low-stock").status_code == 200
            clock.advance(hours=7, minutes=50)
        clock.advance(hours=4)
        assert client.get("/low-stock").status_code == 303, "a week is over, used or not"
        assert sent(client, "/sign-in", credentials(), page="/sign-in").status_code == 303
        cookie = client.cookies[SESSION_COOKIE]
        csrf = fields_of(client.get("/").text)["_csrf_token"]
        assert client.post("/sign-out", data={"_csrf_token": csrf}).status_code == 303
        client.cookies.set(SESSION_COOKIE, cookie, domain="127.0.0.1")
        assert client.get("/").status_code == 303, "what was kept of it is gone"


@pytest.mark.anyio
async def test_money_asks_for_the_password_again_and_keeps_what_was_typed(
    house: Site, clock: ManualClock
) -> None:
    with owner_of(house, await first_link(house, clock)) as client:
        token = fields_of(client.get("/payouts").text)["_csrf_token"]
        form = {"_csrf_token": token, "do": "match", "lines": ["a", 'b">'], "reason": "so"}
        path = "/payouts/nobody/po_1"
        assert client.post(path, data=form).status_code == 404, "it passes: there is no such payout"
        clock.advance(minutes=16)
        assert client.get("/payouts").status_code == 200, "looking is free"
        asked = client.post(path, data=form)
        assert asked.status_code == 403
        assert "Your password, once more" in asked.text
        assert 'name="lines" value="a"' in asked.text
        assert 'name="lines" value="b&#34;&gt;"' in asked.text
        program = {"Accept": "application/json"}
        told = client.post(path, data=form, headers=program).json()
        assert told["error"]["code"] == "access.confirm_first"
        for _ in range(6):
            wrong = client.post(path, data=form | {"_password": "wrong, wrong"})
            assert (wrong.status_code, "not your password" in wrong.text) == (403, True)
            assert "wrong, wrong" not in wrong.text
        slow = client.post(path, data=form | {"_password": PASSWORD})
        assert "Try again in 1 seconds" in slow.text
        clock.advance(seconds=1)
        assert client.post(path, data=form | {"_password": PASSWORD}).status_code == 404
        assert client.post(path, data=form).status_code == 404, "and is asked for no more"


@pytest.mark.anyio
async def test_cookies_are_our_hosts_alone_and_sessions_are_never_taken_over(
    house: Site, clock: ManualClock
) -> None:
    link = await first_link(house, clock)
    with house.stranger() as client:
        planted = "p" * 43
        client.cookies.set(SESSION_COOKIE, planted, domain="127.0.0.1")
        entered = sent(client, link or "", {"name": OWNER, "password": PASSWORD, "again": PASSWORD})
        cookies = entered.headers.get_list("set-cookie")
        assert {each.partition("=")[0] for each in cookies} == {
            *(SESSION_COOKIE, KNOWN_COOKIE, BEFORE_COOKIE)
        }
        for each in cookies:
            assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(each.split("; "))
            assert "domain" not in each.lower()
        secret = next(each for each in cookies if SESSION_COOKIE in each).split(";")[0]
        secret = secret.partition("=")[2]
        assert len(secret) == 43, "256 bits"
        assert secret != planted, "a session that was there before is not the one that is let in"
    with psycopg.connect(house.dsn) as conn:
        kept = conn.execute("SELECT digest::text, s::text FROM access.session s").fetchall()
    assert bytes.fromhex(kept[0][0].removeprefix("\\x")) == digest_of(secret)
    assert secret not in str(kept)


@pytest.mark.anyio
async def test_unknown_names_get_the_same_answer_and_who_fails_waits(
    house: Site, clock: ManualClock
) -> None:
    with owner_of(house, await first_link(house, clock)):
        pass
    with house.stranger() as client:
        said = {tries(client, name) for name in (OWNER, "Nobody") for _ in range(6)}
        assert said == {(403, "The name and the password do not belong together.")}
        waits = [tries(client, name) for name in (OWNER, "Nobody")]
        assert waits == [(429, "That failed too often. Try again in 1 seconds.")] * 2
        assert tries(client, OWNER, PASSWORD)[0] == 429, "nor is the right one tried"
        for seconds in (1, 2, 4, 8):
            clock.advance(seconds=seconds)
            assert tries(client, OWNER)[0] == 403
        assert tries(client, OWNER) == (429, "That failed too often. Try again in 16 seconds.")
        clock.advance(seconds=16)
        assert tries(client, OWNER, PASSWORD)[0] == 303
        assert tries(client, OWNER)[0] == 403, "the count begins anew"
    with psycopg.connect(house.dsn) as conn:
        rows = conn.execute("SELECT who, did, about FROM access.trail ORDER BY 1, 3").fetchall()
    assert ("", "failed to sign in", "a name that nobody has") in rows
    assert (OWNER, "failed to sign in", "the password") in rows
    assert not {row for row in rows if "Nobody" in str(row)}, "what was typed may be a password"


@pytest.mark.anyio
async def test_a_flood_of_guesses_does_not_keep_anybody_out(
    house: Site, clock: ManualClock
) -> None:
    """Others fail at the owner's name for a day; the owner's own browser never waits for them."""
    with owner_of(house, await first_link(house, clock)) as client:
        known = client.cookies[KNOWN_COOKIE]
        with house.stranger() as thief:
            waits = set()
            for _ in range(60):
                code, said = tries(thief, OWNER)
                waits |= {int(wait) for wait in re.findall(r"in (\d+) seconds", said)}
                clock.advance(seconds=max(waits, default=1) if code == 429 else 0)
            assert max(waits) <= 900
            assert tries(thief, OWNER, PASSWORD)[0] == 429
            assert tries(client, OWNER, PASSWORD)[0] == 303
            other = "1" if known.endswith("0") else "0"
            thief.cookies.set(KNOWN_COOKIE, known[:-1] + other, domain="127.0.0.1")
            assert tries(thief, OWNER, PASSWORD)[0] == 429, "a forged one proves nothing"


def test_a_foreign_page_can_press_no_button(site: Site) -> None:
    """Without the form's own token, from elsewhere, or with no bearer, nothing is written."""
    with site.reader() as client, site.reader("Bo") as other:
        before = client.get("/parked.json").json()
        form = {"cluster": before["clusters"][0]["cluster"]}
        right = form | {"_csrf_token": fields_of(client.get("/parked").text)["_csrf_token"]}
        others = form | {"_csrf_token": fields_of(other.get("/parked").text)["_csrf_token"]}
        assert right != others
        for forged in (form, form | {"_csrf_token": "a" * 32}, others):
            reply = client.post("/parked", data=forged)
            assert reply.status_code == 403
            assert "This form is too old" in reply.text
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": f"{site.url}.evil.example"},
            {"Origin": f"https://evil.example/{site.url}"},
            {"Origin": ""},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert client.post("/parked", data=right, headers=headers).status_code == 403, headers
        assert client.post("/parked", json=right).status_code == 403, "a form is no JSON"
        api = client.post("/api/v1/parked/retry", json=form)
        assert api.status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.post("/parked", data=right, headers=bearer).status_code == 403
        assert client.get("/parked.json").json()["clusters"] == before["clusters"]


def test_the_sign_in_form_is_tied_to_its_browser(house: Site) -> None:
    with house.stranger() as client, house.stranger() as thief:
        house.session()
        form = credentials() | {"_csrf_token": fields_of(thief.get("/sign-in").text)["_csrf_token"]}
        away = client.post("/sign-in", data=form)
        assert away.status_code == 403
        assert "did not send our cookie back" in away.text
        client.get("/sign-in")
        assert client.post("/sign-in", data=form).status_code == 403
        assert "too old" in client.post("/sign-in", data={}).text
        form["_csrf_token"] = fields_of(client.get("/sign-in").text)["_csrf_token"]
        forged = client.post("/sign-in", data=form, headers={"Origin": "https://evil.example"})
        assert forged.status_code == 403


def test_nobody_is_sent_elsewhere_after_signing_in(site: Site) -> None:
    site.session()
    with site.stranger() as client:
        for wanted in (
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\nb",
            "evil",
        ):
            page = client.get("/sign-in", params={"next": wanted}).text
            assert 'name="next" value="/"' in page, wanted


def test_a_role_that_changes_counts_at_once(site: Site) -> None:
    with site.reader("Vera", Role.FINANCE) as client:
        page = client.get("/")
        assert 'href="/exceptions"' in page.text
        assert 'href="/people"' not in client.get("/connections").text
        assert 'href="/dock"' not in client.get("/skus").text
        assert client.get("/payouts").status_code == 200
        refused = client.get("/dock")
        assert refused.status_code == 403
        assert "Your role has no right to this" in refused.text
        with psycopg.connect(site.dsn, autocommit=True) as conn:
            conn.execute("UPDATE access.member SET role = 'operations' WHERE name = 'Vera'")
            assert client.get("/payouts.json").json()["error"]["code"] == "access.not_allowed"
            assert client.get("/dock").status_code == 200
            conn.execute("UPDATE access.member SET removed_at = now() WHERE name = 'Vera'")
        assert client.get("/").status_code == 303


def test_who_looks_at_personal_data_stands_in_the_trail(site: Site) -> None:
    assert site.world
    with site.reader("Sue", Role.SUPPORT) as client, site.reader("Vic", Role.VIEWER) as viewer:
        path = "/events/1"
        token = {"_csrf_token": fields_of(client.get(path).text)["_csrf_token"]}
        assert "/reveal" not in viewer.get(path).text
        mine = {"_csrf_token": fields_of(viewer.get(path).text)["_csrf_token"]}
        assert viewer.post(f"{path}/reveal", data=mine).status_code == 403
        assert client.post(f"{path}/reveal", data=token).status_code == 200
    with psycopg.connect(site.dsn) as conn:
        rows = conn.execute("SELECT who, about FROM access.trail WHERE did LIKE 'looked%'")
        assert rows.fetchall() == [("Sue", "event/1")]
        with pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute("DELETE FROM access.trail")


def test_the_retry_button_puts_a_cluster_back(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/parked")
        clusters = client.get("/parked.json").json()["clusters"]
        malformed = next(c for c in clusters if c["cause"] == "shopify.body_malformed")
        form = {
            "cluster": malformed["cluster"],
            "_csrf_token": fields_of(page.text)["_csrf_token"],
        }
        reply = client.post("/parked", data=form, follow_redirects=True)
        assert reply.status_code == 200
        assert "1 event is on the queue again" in reply.text
        left = client.get("/parked.json").json()["clusters"]
        assert malformed["cluster"] not in {c["cluster"] for c in left}
        event = client.get(f"/events/{malformed['example_event_id']}.json").json()
        assert event["state"] == "queued"
        assert client.post("/parked", data=form).headers["location"] == "/parked?requeued=0"


def test_without_a_token_no_program_comes_in(database_url: str) -> None:
    with serving(database_url, None, token=None) as running, running.stranger() as client:
        for credential in ("None", TOKEN):
            headers = {"Authorization": f"Bearer {credential}"}
            assert client.get("/api/v1/orders", headers=headers).status_code == 401
        assert client.get("/healthz").status_code == 200


def test_the_token_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    token = load_token(tmp_path / "new")
    path = tmp_path / "new" / "console.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 43
    assert load_token(tmp_path / "new") == token
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_token(tmp_path / "new")
    path.chmod(0o600)
    path.write_text("short\n")
    with pytest.raises(ConfigError, match="shorter than"):
        load_token(tmp_path / "new")
    path.write_bytes(b"\xff" * 50)
    with pytest.raises(ConfigError, match="can not be read"):
        load_token(tmp_path / "new")


@contextmanager
def owner_of(site: Site, link: str | None) -> Iterator[httpx.Client]:
    """Give the browser in which the first owner came in."""
    assert link
    with site.stranger() as client:
        form = {"name": OWNER, "password": PASSWORD, "again": PASSWORD}
        assert sent(client, link, form).status_code == 303
        yield client


def credentials() -> dict[str, str]:
    return {"name": OWNER, "password": PASSWORD}


def sent(
    client: httpx.Client, path: str, form: dict[str, str], *, page: str = ""
) -> httpx.Response:
    """Send the form of a page."""
    token = fields_of(client.get(page or path).text)["_csrf_token"]
    return client.post(path, data={"_csrf_token": token, **form})


def tries(client: httpx.Client, name: str, password: str = "wrong, wrong") -> tuple[int, str]:  # noqa: S107
    """Try to sign in; returns the status and what was said."""
    reply = sent(client, "/sign-in", {"name": name, "password": password}, page="/sign-in")
    said = re.search(r'role="alert"[^>]*>([^<]+)<', reply.text)
    return reply.status_code, said[1] if said else ""


def fields_of(text: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text))
