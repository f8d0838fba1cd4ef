"""Every route names the right that it needs, and every role may do what the table says, and no more."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from tests.console.site import MASTER_KEY, TOKEN, Site
from trueup.access.door import Door
from trueup.access.rights import (
    GRANTABLE,
    PUBLIC,
    PUBLIC_ROUTES,
    RIGHTS,
    Role,
    _read_table,
    may,
    rights_of,
)
from trueup.api.app import TrueupApp
from trueup.api.guard import SESSION_COOKIE, Guard
from trueup.console.routes import console_routes
from trueup.db.pool import open_pool
from trueup.errors import InvariantBroken, NotAllowed
from trueup.govern.vault import Vault
from trueup.hub import Hub

_PROGRAM = {"Accept": "application/json"}
_REFUSED = {"access.not_allowed", "access.not_signed_in"}

Route = tuple[str, str, Any]


def routes(dsn: str) -> list[Route]:
    """Return (method, path, right) of every route but those that Litestar answers by itself."""
    app = TrueupApp(dsn, Hub(Vault(MASTER_KEY), {}), body_bytes_max=1000, routes=console_routes())
    return [
        (method, route.path, handler.opt.get("right"))
        for route in app.rest.routes
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if isinstance(handler, HTTPRouteHandler) and method != "OPTIONS"
    ]


def test_every_route_names_a_right_of_the_table(bare_site: Site) -> None:
    there = routes(bare_site.dsn)
    assert len(there) > 100
    unnamed = [route for route in there if route[2] not in {*RIGHTS, PUBLIC}]
    assert not unnamed, "give each of these a right of trueup/access/rights.py"
    assert {right for _, _, right in there} - {PUBLIC} == set(RIGHTS), "a right nobody asks for"


def test_what_strangers_may_reach_is_listed_with_its_reason(bare_site: Site) -> None:
    public = {path for _, path, right in routes(bare_site.dsn) if right == PUBLIC}
    for path in public:
        assert any(path == each or path.startswith(f"{each}/") for each in PUBLIC_ROUTES), path
    for each in PUBLIC_ROUTES:
        assert any(path == each or path.startswith(f"{each}/") for path in public), each
    closed = [path for _, path, right in routes(bare_site.dsn) if right != PUBLIC]
    assert not [path for path in closed for each in PUBLIC_ROUTES if path.startswith(f"{each}/")]


def test_all_routes_let_in_who_the_table_says(bare_site: Site) -> None:
    """Walk every route as everybody: nobody at all, and each role."""
    there = [route for route in routes(bare_site.dsn) if route[2] != PUBLIC]
    wrong = []
    with bare_site.stranger() as client:
        wrong += [
            ("a stranger", method, path)
            for method, path, _ in there
            if client.request(method, _filled(path), headers=_PROGRAM).status_code != 401
        ]
    for role in Role:
        with bare_site.reader(role.value.title(), role) as client:
            wrong += [
                (role.value, method, path)
                for method, path, right in there
                if not may(role, right)
                and _code(client.request(method, _filled(path), headers=_PROGRAM)) not in _REFUSED
            ]
    assert not wrong, "these were let in"


@pytest.mark.anyio
async def test_the_guard_lets_everybody_in_whom_the_table_names(bare_site: Site) -> None:
    """What lies behind is another test's matter; a page for each role would take long."""
    app = TrueupApp(bare_site.dsn, Hub(Vault(MASTER_KEY), {}), body_bytes_max=1000).rest
    app.state.door = Door(Vault(MASTER_KEY))
    rights = [right for _, _, right in routes(bare_site.dsn)]
    secrets = {role: bare_site.session(role.value.title(), role) for role in Role}
    async with open_pool(bare_site.dsn, application_name="test") as pool:
        app.state.pool = pool
        let_in = {
            (role, right): await _is_let_in(app, right, secrets[role])
            for role in Role
            for right in sorted({*rights, "nothing.read"})
        }
    assert let_in == {key: key[1] == PUBLIC or may(*key) for key in let_in}


@pytest.mark.anyio
async def test_a_token_is_let_in_by_its_scopes_and_its_members_role_alone(bare_site: Site) -> None:
    """A token of each role with all that its role has; and an owner's with one right each."""
    app = TrueupApp(bare_site.dsn, Hub(Vault(MASTER_KEY), {}), body_bytes_max=1000).rest
    app.state.door, app.state.token = Door(Vault(MASTER_KEY)), TOKEN
    rights = sorted({*(right for _, _, right in routes(bare_site.dsn)), "nothing.read"} - {PUBLIC})
    tokens = {role: bare_site.token(role.value.title(), role) for role in Role}
    single = {each: bare_site.token("Owner", Role.OWNER, [each]) for each in GRANTABLE}
    async with open_pool(bare_site.dsn, application_name="test") as pool:
        app.state.pool = pool
        let_in = {
            (role, right): await _is_let_in(app, right, "", bearer=tokens[role])
            for role in Role
            for right in rights
        }
        alone = {
            given: {right for right in rights if await _is_let_in(app, right, "", bearer=secret)}
            for given, secret in list(single.items())[::5]
        }
        hubs = {right for right in rights if await _is_let_in(app, right, "", bearer=TOKEN)}
    assert let_in == {key: key[1] in GRANTABLE and may(*key) for key in let_in}
    assert alone == {given: {given} for given in alone}
    assert hubs == {*GRANTABLE}, "the hub's own has what a token may have, and no more"


def test_all_routes_of_the_api_let_tokens_in_as_the_table_says(bare_site: Site) -> None:
    """Walk every route of the API with a token of each role; pages take no token's forms."""
    there = [each for each in routes(bare_site.dsn) if each[1].startswith("/api/v1")]
    assert len(there) > 40
    wrong = []
    for role in Role:
        with bare_site.program(bare_site.token(role.value.title(), role)) as client:
            wrong += [
                (role.value, method, path)
                for method, path, right in there
                if not may(role, right)
                and _code(client.request(method, _filled(path), headers=_PROGRAM))
                != "access.not_allowed"
            ]
            form = client.post("/me", data={"do": "others"})
            assert form.status_code == 403
            assert client.get("/me.json").status_code == 403
    assert not wrong, "these were let in"


async def _is_let_in(app: Any, right: str, secret: str, *, bearer: str = "") -> bool:
    seen: list[Any] = []

    async def behind(scope: Any, _receive: object, _send: object) -> None:
        seen.append(scope["state"].get("visitor"))

    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {bearer}".encode())
            if bearer
            else (b"cookie", f"{SESSION_COOKIE}={secret}".encode())
        ],
        "client": ("127.0.0.1", 1),
        "state": {},
        "litestar_app": app,
        "route_handler": SimpleNamespace(opt={"right": right}),
    }
    try:
        await Guard().handle(scope, None, None, behind)  # type: ignore[arg-type]
    except NotAllowed:
        assert not seen
    return bool(seen)


def test_a_route_without_a_right_is_open_to_nobody(database_url: str) -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "everything"

    hub = Hub(Vault(MASTER_KEY), {})
    app = TrueupApp(database_url, hub, body_bytes_max=1000, token=TOKEN, routes=[forgotten])
    with TestClient(app.rest) as client:
        assert client.get("/forgotten").status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        reply = client.get("/forgotten", headers=bearer)
        assert (reply.status_code, _code(reply)) == (403, "access.not_allowed")
        assert client.options("/forgotten").status_code == 401
        assert client.options("/forgotten", headers=bearer).status_code == 403


def test_the_table_is_read_strictly() -> None:
    assert rights_of(Role.OWNER) == tuple(RIGHTS), "an owner may do everything"
    assert not may(Role.OWNER, "orders.burn")
    head = f"right again {' '.join(Role)}\n"
    for row in ("a.read . x x x x x", "a.read . x x x x x y", "a.read no x x x x x x"):
        with pytest.raises(InvariantBroken):
            _read_table(head + row)
    with pytest.raises(InvariantBroken):
        _read_table(head + "a.read . x x x x x x\na.read . . . . . . .")
    with pytest.raises(InvariantBroken):
        _read_table("right again owner\na.read . x")


def _filled(path: str) -> str:
    return re.sub(r"\{\w+:(\w+)\}", lambda match: "1" if match[1] == "int" else "x", path)


def _code(reply: Any) -> str:
    try:
        return str(reply.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
