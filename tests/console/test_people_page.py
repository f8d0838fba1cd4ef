"""The pages of the team and of the trail."""

import re

import httpx

from tests.console.site import PASSWORD, Site
from trueup.access.rights import Role


def send(client: httpx.Client, **fields: str) -> httpx.Response:
    token = re.search(r'name="_csrf_token" value="([^"]+)"', client.get("/people").text)
    assert token
    return client.post("/people", data={"_csrf_token": token[1], **fields})


def test_an_owner_lets_somebody_in_gives_a_role_and_removes_them(bare_site: Site) -> None:
    with bare_site.reader() as owner, bare_site.stranger() as guest:
        made = send(owner, do="invite", role="support")
        link = re.search(r"<code>([^<]+/invite/[^<]+)</code>", made.text)
        assert link
        assert link[1].startswith(bare_site.url)
        assert link[1] not in owner.get("/people").text, "shown once"
        assert "to join as support" in owner.get("/people").text
        token = re.search(r'name="_csrf_token" value="([^"]+)"', guest.get(link[1]).text)
        assert token
        form = {"_csrf_token": token[1], "password": PASSWORD, "again": PASSWORD}
        assert guest.post(link[1], data=form | {"name": "<Sue>"}).status_code == 303
        assert guest.get("/returns").status_code == 200
        assert guest.get("/people").status_code == 403
        page = owner.get("/people").text
        assert "&lt;Sue&gt;" in page
        assert "<Sue>" not in page
        for wrong, said in (
            ({"do": "burn"}, "Say what shall be done"),
            ({"do": "invite", "role": "king"}, "Say which role"),
            ({"do": "role", "name": "Nobody", "role": "viewer"}, "There is no member"),
            ({"do": "remove", "name": "Ada"}, "is the last owner"),
            ({"do": "role", "name": "Ada", "role": "viewer"}, "is the last owner"),
        ):
            refused = send(owner, **wrong)
            assert (refused.status_code, said in refused.text) == (409, True), wrong
        done = send(owner, do="role", name="<Sue>", role="finance")
        assert done.headers["location"] == "/people?done=role"
        assert guest.get("/").status_code == 303, "and signs in again"
        assert "Link for a new password" in page
        assert "/invite/" in send(owner, do="reset", name="<Sue>").text
        assert send(owner, do="revoke", name="<Sue>").status_code == 303
        assert send(owner, do="remove", name="<Sue>").status_code == 303
        members = owner.get("/people.json").json()["members"]
        assert [row["name"] for row in members] == ["Ada"]
        trail = owner.get("/audit.json").json()["rows"]
        assert [(row["who"], row["did"]) for row in trail[:4]] == [
            ("Ada", "removed a member"),
            ("Ada", "ended sessions"),
            ("Ada", "made a link for a new password"),
            ("Ada", "gave a role"),
        ]
        assert "&lt;Sue&gt;: support to finance" in owner.get("/audit").text
        assert owner.get(f"/audit.json?before={trail[0]['entry_id']}").json()["rows"] == trail[1:]


def test_others_see_neither_page(bare_site: Site) -> None:
    with bare_site.reader("Fay", Role.FINANCE) as client:
        assert 'href="/people"' not in client.get("/low-stock").text
        for path in ("/people", "/people.json", "/audit", "/audit.json"):
            assert client.get(path).status_code == 403, path
        token = re.search(r'name="_csrf_token" value="([^"]+)"', client.get("/low-stock").text)
        assert token
        form = {"_csrf_token": token[1], "do": "invite", "role": "owner"}
        assert client.post("/people", data=form).status_code == 403
