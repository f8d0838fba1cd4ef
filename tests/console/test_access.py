"""Nobody comes in without the token; a link is good once; a foreign page can press no button."""

import re
import stat
import time
from pathlib import Path

import pytest

from tests.console.site import TOKEN, Site, serving
from trueup.api.token import Door, entry_link, load_token
from trueup.errors import ConfigError

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


def test_a_stranger_sees_nothing(bare_site: Site) -> None:
    with bare_site.stranger() as client:
        for path in CLOSED:
            reply = client.get(path)
            assert (reply.status_code, reply.headers["location"]) == (303, "/enter"), path
        for path in ("/api/v1/orders", "/api/v1/parked/retry"):
            reply = client.get(path)
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "access.denied"
            assert reply.headers["www-authenticate"].startswith("Bearer")
        for path in ("/healthz", "/readyz", "/metrics", "/static/base.css", "/enter"):
            assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Cookie": "trueup_session=1.2.3"},
        {"Cookie": "trueup_session=;;;=; =; a[b]=c"},
        {"Cookie": "trueup_session=" + "9" * 30 + ".n." + "0" * 64},
    ],
)
def test_a_wrong_credential_is_refused(bare_site: Site, headers: dict[str, str]) -> None:
    with bare_site.stranger() as client:
        assert client.get("/api/v1/orders", headers=headers).status_code == 401
        assert client.get("/", headers=headers).status_code == 303


def test_a_link_is_good_once(bare_site: Site) -> None:
    link = bare_site.link()
    with bare_site.stranger() as client:
        first = client.get(link)
        assert (first.status_code, first.headers["location"]) == (303, "/")
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert client.get("/").status_code == 200
    with bare_site.stranger() as client:
        again = client.get(link)
        assert again.status_code == 403
        assert "was used or is too old" in again.text
        assert client.get("/").status_code == 303


def test_the_token_itself_opens_by_the_form(bare_site: Site) -> None:
    with bare_site.stranger() as client:
        csrf = _csrf(client.get("/enter").text)
        wrong = client.post("/enter", data={"token": "no", "_csrf_token": csrf})
        assert wrong.status_code == 403
        right = client.post("/enter", data={"token": f" {TOKEN}\n", "_csrf_token": csrf})
        assert right.status_code == 303
        assert client.get("/").status_code == 200


def test_a_foreign_page_can_press_no_button(site: Site) -> None:
    """Without the form's own token, or with a session but no bearer, nothing is written."""
    with site.reader() as client:
        before = client.get("/parked.json").json()
        cluster = before["clusters"][0]["cluster"]
        assert client.post("/parked", data={"cluster": cluster}).status_code == 403
        forged = {"cluster": cluster, "_csrf_token": "a" * 128}
        assert client.post("/parked", data=forged).status_code == 403
        api = client.post("/api/v1/parked/retry", json={"cluster": cluster})
        assert api.status_code == 401
        assert client.get("/parked.json").json()["clusters"] == before["clusters"]


def test_the_retry_button_puts_a_cluster_back(site: Site) -> None:
    with site.reader() as client:
        page = client.get("/parked")
        clusters = client.get("/parked.json").json()["clusters"]
        malformed = next(c for c in clusters if c["cause"] == "shopify.body_malformed")
        form = {"cluster": malformed["cluster"], "_csrf_token": _csrf(page.text)}
        reply = client.post("/parked", data=form, follow_redirects=True)
        assert reply.status_code == 200
        assert "1 event is on the queue again" in reply.text
        left = client.get("/parked.json").json()["clusters"]
        assert malformed["cluster"] not in {c["cluster"] for c in left}
        event = client.get(f"/events/{malformed['example_event_id']}.json").json()
        assert event["state"] == "queued"
        assert client.post("/parked", data=form).headers["location"] == "/parked?requeued=0"


def test_without_a_token_the_door_is_shut(database_url: str) -> None:
    with serving(database_url, None, token=None) as running, running.stranger() as client:
        for credential in ("None", TOKEN):
            headers = {"Authorization": f"Bearer {credential}"}
            assert client.get("/api/v1/orders", headers=headers).status_code == 401
        assert client.get(entry_link(running.url, TOKEN)).status_code == 403
        assert client.get("/healthz").status_code == 200


def test_tickets_and_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(TOKEN)
    ticket = entry_link("", TOKEN).partition("=")[2]
    session = door.new_session()
    assert not door.knows_session(ticket)
    assert not door.take_ticket(session)
    assert not Door("other" * 9).knows_session(session)
    now = time.time()
    monkeypatch.setattr("trueup.api.token.time.time", lambda: now + 3700)
    assert not door.take_ticket(ticket)
    assert door.knows_session(session)
    monkeypatch.setattr("trueup.api.token.time.time", lambda: now + 12 * 3600 + 100)
    assert not door.knows_session(session)


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


def _csrf(text: str) -> str:
    found = re.search(r'name="_csrf_token" value="([^"]+)"', text)
    assert found
    return found[1]
