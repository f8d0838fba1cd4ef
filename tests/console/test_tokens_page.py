"""Tokens: made on one's own page and shown once, revoked there and by owners, and in use."""

import re

import httpx

from tests.console.site import Site
from tests.console.test_access import fields_of
from trueup.access.rights import Role

TOKEN = re.compile(r"<code>(trueup_[\w-]{43})</code>")


def make(client: httpx.Client, **fields: object) -> httpx.Response:
    token = fields_of(client.get("/me").text)["_csrf_token"]
    form = {"name": "the till", "days": "90", "scopes": ["orders.read", "stock.read"]}
    return client.post("/me/token", data={"_csrf_token": token} | form | fields)


def test_a_token_is_made_shown_once_used_and_revoked(bare_site: Site) -> None:
    with (
        bare_site.reader("Sue", Role.SUPPORT) as sue,
        bare_site.reader("Vic", Role.VIEWER) as vic,
        bare_site.reader("Ada") as owner,
    ):
        for wrong, said in (
            ({"name": " "}, "A name has"),
            ({"days": "0"}, "1 to 366"),
            ({"days": "soon"}, "1 to 366"),
            ({"scopes": []}, "one right"),
            ({"scopes": ["orders.read", "money.read"]}, "what you have not: money.read"),
        ):
            refused = make(sue, **wrong)
            assert (refused.status_code, said in refused.text) == (409, True), wrong
        shown = TOKEN.search(make(sue).text)
        assert shown
        assert shown[1] not in sue.get("/me").text
        assert f"{shown[1][:12]}…" in sue.get("/me").text
        assert "money.read" not in sue.get("/me").text, "only what one has is offered"
        with bare_site.program(shown[1]) as program:
            assert program.get("/api/v1/orders").status_code == 200
            told = program.get("/api/v1/parked")
            assert (told.status_code, told.json()["error"]["code"]) == (403, "access.not_allowed")
            assert "needs the right events.read" in told.json()["error"]["message"]
            (row,) = sue.get("/me.json").json()["tokens"]
            assert (row["name"], row["scopes"]) == ("the till", ["orders.read", "stock.read"])
            assert row["used_at"]
            form = {"do": "revoke", "token": str(row["token_id"])}
            token = fields_of(vic.get("/me").text)["_csrf_token"]
            assert vic.post("/me", data=form | {"_csrf_token": token}).status_code == 409
            assert program.get("/api/v1/orders").status_code == 200, "nobody ends another's"
            assert vic.get("/me.json").json()["tokens"] == []
            page = owner.get("/people").text
            assert "of Sue, until" in page
            assert shown[1] not in page
            token = fields_of(page)["_csrf_token"]
            form = {"do": "token", "token": str(row["token_id"]), "_csrf_token": token}
            assert owner.post("/people", data=form).headers["location"] == "/people?done=token"
            assert owner.post("/people", data=form).status_code == 409
            over = program.get("/api/v1/orders")
            assert (over.status_code, over.json()["error"]["code"]) == (
                *(401, "access.not_signed_in"),
            )
            assert over.headers["www-authenticate"].startswith("Bearer")
        did = [row["did"] for row in owner.get("/audit.json").json()["rows"]]
        assert did[:2] == ["revoked a token", "made a token"]


def test_the_paper_says_who_may_ask_and_how_it_is_refused(bare_site: Site) -> None:
    with bare_site.stranger() as client:
        paper = client.get("/api/schema/openapi.json").json()
    scheme = paper["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    operations = [
        each
        for path, item in paper["paths"].items()
        if path.startswith("/api/v1")
        for each in item.values()
    ]
    assert len(operations) > 40
    for each in operations:
        assert each["security"][0]["bearer"], each["operationId"]
        for status in ("400", "401", "403", "503"):
            content = each["responses"][status]["content"]["application/json"]
            assert content["schema"]["$ref"].endswith("/Problem"), (each["operationId"], status)
