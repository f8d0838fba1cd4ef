"""Coming in by an issuer over sockets: who may, and every way in which it may lie."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from tests.console.site import Site, serving
from tests.console.test_access import sent
from tests.support.issuer import CLIENT, SECRET, SandboxIssuer, issuing
from trueup.access.issuer import Issuer, IssuerSettings
from trueup.access.rights import Role
from trueup.api.guard import SESSION_COOKIE
from trueup.console.issuer_page import FLOW_COOKIE
from trueup.kernel.clock import ManualClock

ADA = {"sub": "s-ada", "email": "Ada@brand.example", "email_verified": True, "name": "Ada L"}
ROLES = {"warehouse": Role.OPERATIONS, "boss": Role.OWNER}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[SandboxIssuer]:
    with issuing() as running:
        running.clock = lambda: clock.now().timestamp()
        yield running


@pytest.fixture
def house(database_url: str, issuer: SandboxIssuer, clock: ManualClock) -> Iterator[Site]:
    settings = IssuerSettings(
        issuer=issuer.url,
        client_id=CLIENT,
        client_secret=SECRET,
        label="Brand Login",
        role_claim="groups",
        roles=ROLES,
        allowed=frozenset({issuer.url}),
    )
    asked = Issuer(settings, clock=clock)
    with serving(database_url, None, clock=clock, issuer=asked) as running:
        issuer.back = f"{running.url}/sign-in/issuer/back"
        yield running


def go(client: httpx.Client, path: str = "/sign-in/issuer") -> str:
    """Go to the issuer, sign in there, and return where it sends the browser back to."""
    away = client.get(path)
    assert away.status_code == 303, away.text
    back = httpx.get(away.headers["location"])
    assert back.status_code == 303, back.text
    return back.headers["location"]


def come_in(client: httpx.Client, path: str = "/sign-in/issuer") -> httpx.Response:
    return client.get(go(client, path))


def invite(site: Site, email: str, role: str = "support") -> None:
    with site.reader("Owner") as owner:
        made = sent(owner, "/people", {"do": "invite", "role": role, "email": email})
        assert made.status_code == 200, made.text


def test_an_invited_address_comes_in_once_and_is_the_same_member_from_then_on(
    house: Site, issuer: SandboxIssuer
) -> None:
    house.session("Owner")
    issuer.who = dict(ADA)
    with house.stranger() as client:
        assert "Sign in with Brand Login" in client.get("/sign-in?next=/returns").text
        refused = come_in(client)
        assert (refused.status_code, "Nobody invited this account" in refused.text) == (403, True)
        invite(house, "ADA@brand.example")
        entered = come_in(client, "/sign-in/issuer?next=/returns")
        assert (entered.status_code, entered.headers["location"]) == (303, "/returns")
        assert client.get("/returns").status_code == 200
        assert client.get("/people").status_code == 403
        me = client.get("/me.json").json()
        assert (me["name"], me["role"], me["linked"]) == ("Ada L", "support", True)
        cookies = entered.headers.get_list("set-cookie")
        for each in cookies:
            assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(each.split("; "))
    issuer.who = ADA | {"email": "ada@other.example", "name": "Ada N"}
    with house.stranger() as client:
        assert come_in(client).status_code == 303, "the subject counts, not the address"
        assert client.get("/me.json").json()["name"] == "Ada L"
    issuer.who = ADA | {"sub": "s-eve"}
    with house.stranger() as client:
        assert come_in(client).status_code == 403, "an invite is good once"
    with house.reader("Owner") as owner:
        assert sent(owner, "/people", {"do": "remove", "name": "Ada L"}).status_code == 303
        issuer.who = dict(ADA)
        invite(house, "ada@brand.example")
    with house.stranger() as client:
        refused = come_in(client)
        assert (refused.status_code, "let in no more" in refused.text) == (403, True)
    with psycopg.connect(house.dsn) as conn:
        rows = conn.execute("SELECT did, about FROM access.trail WHERE about LIKE 'by the%'")
        assert {row[1] for row in rows} >= {
            *("by the issuer: not invited", "by the issuer: removed")
        }


def test_a_group_gives_a_role_and_takes_it_away_again(house: Site, issuer: SandboxIssuer) -> None:
    house.session("Owner")
    issuer.who = ADA | {"groups": ["warehouse", "all"]}
    with house.stranger() as client:
        assert come_in(client).status_code == 303
        assert client.get("/me.json").json()["role"] == "operations"
        issuer.who = ADA | {"groups": ["boss", "warehouse"]}
        with house.stranger() as again:
            assert come_in(again).status_code == 303
            assert again.get("/me.json").json()["role"] == "owner"
        assert client.get("/me.json").status_code == 303, "another role ends sessions"
        issuer.who = ADA | {"groups": ["all"]}
        refused = come_in(client)
        assert (refused.status_code, "in no group" in refused.text) == (403, True)
    with house.reader("Owner") as owner:
        dids = [row["did"] for row in owner.get("/audit.json").json()["rows"]]
        assert dids[:4] == ["failed to sign in", "signed in", "gave a role", "joined"]


@pytest.mark.parametrize(
    ("bend", "sign"),
    [
        (lambda c: c | {"nonce": "another"}, None),
        (lambda c: c | {"aud": "another"}, None),
        (lambda c: c | {"aud": [CLIENT, "another"], "azp": "another"}, None),
        (lambda c: c | {"iss": "https://another.example"}, None),
        (lambda c: c | {"exp": c["iat"] - 120}, None),
        (lambda c: c | {"iat": c["iat"] - 3600, "exp": c["exp"] + 3600}, None),
        (lambda c: c | {"email_verified": False}, None),
        (lambda c: {key: value for key, value in c.items() if key != "email"}, None),
        (None, "none"),
        (None, "swapped"),
        (None, "cut"),
    ],
)
def test_a_token_that_does_not_fit_lets_nobody_in(
    house: Site, issuer: SandboxIssuer, bend: Callable | None, sign: str | None
) -> None:
    issuer.who = ADA | {"groups": ["boss"]}
    issuer.bend = bend or issuer.bend
    good = issuer.signed
    if sign is not None:
        issuer.sign = {
            "none": lambda c: "eyJhbGciOiJub25lIn0." + good(c).split(".")[1] + ".",
            "swapped": lambda c: good(c, type(issuer.key).generate_key(2048)),
            "cut": lambda c: good(c)[:-4],
        }[sign]
    with house.stranger() as client:
        assert come_in(client).status_code == 403
        assert SESSION_COOKIE not in client.cookies
    with psycopg.connect(house.dsn) as conn:
        assert conn.execute("SELECT count(*) FROM access.member").fetchall() == [(0,)]


def test_keys_that_change_are_read_anew_and_not_all_the_time(
    house: Site, issuer: SandboxIssuer, clock: ManualClock
) -> None:
    issuer.who = ADA | {"groups": ["boss"]}
    with house.stranger() as client:
        assert come_in(client).status_code == 303
        issuer.rotate()
        assert come_in(client).status_code == 403, "a moment after the last reading"
        clock.advance(seconds=11)
        assert come_in(client).status_code == 303
        clock.advance(seconds=11)
        issuer.use_curve()
        assert come_in(client).status_code == 303
        asked = issuer.asked.count("GET /keys")
        assert come_in(client).status_code == 303
        assert issuer.asked.count("GET /keys") == asked
        old, issuer.key = issuer.key, type(issuer.key).generate_key("P-256")
        for _ in range(5):
            assert come_in(client).status_code == 403
        assert issuer.asked.count("GET /keys") == asked, "nobody makes us ask all the time"
        issuer.key = old


def test_an_answer_counts_in_the_browser_that_asked_and_once(
    house: Site, issuer: SandboxIssuer, clock: ManualClock
) -> None:
    issuer.who = ADA | {"groups": ["boss"]}
    with house.stranger() as client, house.stranger() as thief:
        back = go(client)
        assert thief.get(back).status_code == 403, "another browser kept nothing"
        go(thief)
        assert thief.get(back).status_code == 403, "nor another question's answer"
        state = parse_qs(urlsplit(back).query)["state"][0]
        for forged in (
            back.replace(state, "x" * 43),
            back.replace(f"state={state}", ""),
            f"{issuer.back}?state={state}",
            f"{back}&error=access_denied",
            re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back),
        ):
            kept = client.cookies[FLOW_COOKIE]
            assert client.get(forged).status_code == 403, forged
            client.cookies.set(FLOW_COOKIE, kept, domain="127.0.0.1")
        for broken in ("", "zz", "00" * 60, "01" * 60, kept[:-2] + "00"):
            client.cookies.set(FLOW_COOKIE, broken, domain="127.0.0.1")
            assert client.get(back).status_code == 403, broken
        client.cookies.set(FLOW_COOKIE, kept, domain="127.0.0.1")
        assert client.get(back).status_code == 303
        client.cookies.set(FLOW_COOKIE, kept, domain="127.0.0.1")
        assert client.get(back).status_code == 403, "a code is good once"
        late = go(client)
        clock.advance(minutes=11)
        assert client.get(late).status_code == 403
        issuer.who = {}
        denied = come_in(client)
        assert (denied.status_code, "did not sign in there" in denied.text) == (403, True)
        question = parse_qs(urlsplit(client.get("/sign-in/issuer").headers["location"]).query)
        assert question["code_challenge_method"] == ["S256"]
        assert "code_verifier" not in question
        away = client.get("/sign-in/issuer?next=https://evil.example")
        assert away.status_code == 303


def test_who_has_no_password_shows_it_there_before_money(
    house: Site, issuer: SandboxIssuer, clock: ManualClock
) -> None:
    issuer.who = ADA | {"groups": ["boss"]}
    with house.stranger() as client:
        assert come_in(client).status_code == 303
        clock.advance(minutes=16)
        form = {"do": "invite", "role": "viewer"}
        asked = sent(client, "/people", form)
        assert (asked.status_code, "/sign-in/issuer?again=true" in asked.text) == (403, True)
        before = client.cookies[SESSION_COOKIE]
        issuer.bend = lambda c: c | {"auth_time": c["iat"] - 3600}
        again = "/sign-in/issuer?again=true&next=/people"
        assert come_in(client, again).status_code == 403, "they were signed in there since long"
        issuer.bend = lambda c: c | {"sub": "s-eve"}
        assert come_in(client, again).status_code == 403, "somebody else is"
        issuer.bend = lambda c: c
        assert sent(client, "/people", form).status_code == 403
        assert come_in(client, again).headers["location"] == "/people"
        assert client.cookies[SESSION_COOKIE] != before
        assert sent(client, "/people", form).status_code == 200


def test_who_has_a_password_links_their_account(house: Site, issuer: SandboxIssuer) -> None:
    issuer.who = dict(ADA)
    with house.reader("Ada", Role.FINANCE) as ada, house.reader("Bo", Role.VIEWER) as bo:
        assert "not linked" in ada.get("/me").text
        page = sent(ada, "/me/issuer", {}, page="/me")
        onward = re.search(r'class="button" href="(http[^"]+)"', page.text)
        assert onward
        back = httpx.get(onward[1].replace("&amp;", "&")).headers["location"]
        assert bo.get(back).status_code == 403, "it is not theirs to take"
        assert ada.get(back).headers["location"] == "/me?done=linked"
        assert ada.get("/me.json").json()["linked"] is True
        page = sent(bo, "/me/issuer", {}, page="/me")
        onward = re.search(r'class="button" href="(http[^"]+)"', page.text)
        assert onward
        taken = bo.get(httpx.get(onward[1].replace("&amp;", "&")).headers["location"])
        assert (taken.status_code, "somebody" in taken.text) == (403, True)
    with house.stranger() as client:
        assert come_in(client).status_code == 303
        assert client.get("/me.json").json()["name"] == "Ada"


@contextmanager
def broken(issuer: SandboxIssuer, paper: dict) -> Iterator[None]:
    issuer.paper = paper
    yield
    issuer.paper = {}


@pytest.mark.parametrize(
    "paper",
    [
        {"issuer": "https://another.example"},
        {"jwks_uri": 7},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://localhost/keys"},
    ],
)
def test_a_issuer_that_says_strange_things_of_itself_is_not_asked(
    house: Site, issuer: SandboxIssuer, paper: dict
) -> None:
    issuer.who = ADA | {"groups": ["boss"]}
    with broken(issuer, paper), house.stranger() as client:
        away = client.get("/sign-in/issuer")
        if away.status_code == 303:
            away = client.get(httpx.get(away.headers["location"]).headers["location"])
        assert (away.status_code, "does not answer as it should" in away.text) == (403, True)


def test_without_a_issuer_there_is_no_way_to_one(bare_site: Site) -> None:
    bare_site.session()
    with bare_site.stranger() as client:
        assert "Sign in with" not in client.get("/sign-in").text
        assert client.get("/sign-in/issuer").status_code == 403
        assert client.get("/sign-in/issuer/back?code=x&state=y").status_code == 403
    with bare_site.reader() as client:
        assert "not linked" not in client.get("/me").text
        assert sent(client, "/me/issuer", {}, page="/me").status_code == 403
