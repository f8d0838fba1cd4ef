"""Strict headers stand on every answer, whatever the route and the status."""

import re
from pathlib import Path

import pytest

from tests.console.site import TOKEN, Site
from trueup.api.security import with_headers
from trueup.console.render import FOLDER

STRICT = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

SCANS = {"permissions-policy": STRICT["permissions-policy"].replace("camera=()", "camera=(self)")}
"""The dock's page alone may ask for the camera."""

ROUTES = [
    ("GET", "/", 200),
    ("GET", "/?since=ever", 400),
    ("GET", "/overview.json", 200),
    ("POST", "/seen", 403),
    ("POST", "/views", 403),
    ("GET", "/today", 200),
    ("GET", "/today.json", 200),
    ("GET", "/orders", 200),
    ("GET", "/orders.json", 200),
    ("GET", "/orders.csv", 200),
    ("GET", "/orders?progress=nothing", 400),
    ("GET", "/orders?first=yesterday", 400),
    ("GET", "/orders?before=nothing", 400),
    ("GET", "/orders?channel=nobody", 400),
    ("GET", "/skus", 200),
    ("GET", "/skus.json", 200),
    ("GET", "/skus.csv", 200),
    ("GET", "/skus.png", 404),
    ("GET", "/shipments", 200),
    ("GET", "/shipments.json", 200),
    ("GET", "/shipments.csv", 200),
    ("GET", "/shipments?trouble=nothing", 400),
    ("GET", "/customers", 200),
    ("GET", "/customers.json", 200),
    ("GET", "/customers?tier=nothing", 400),
    ("GET", "/customers/00", 404),
    ("GET", "/customers/x", 404),
    ("POST", "/customers/00/reveal", 403),
    ("GET", "/connections", 200),
    ("GET", "/connections.json", 200),
    ("GET", "/connections/nobody", 404),
    ("POST", "/connections/nobody", 403),
    ("POST", "/connections/nobody/secret", 403),
    ("GET", "/connect", 200),
    ("GET", "/connect.json", 200),
    ("GET", "/connect/nobody", 404),
    ("POST", "/connect/nobody", 403),
    ("POST", "/connect/nobody/finish", 403),
    ("GET", "/parked", 200),
    ("POST", "/parked", 403),
    ("GET", "/parked/preview", 404),
    ("POST", "/brakes", 403),
    ("GET", "/dock", 200),
    ("GET", "/dock.json", 200),
    ("POST", "/dock", 403),
    ("GET", "/serials", 200),
    ("GET", "/serials.json", 200),
    ("GET", "/serials/a/1", 404),
    ("GET", "/parity", 200),
    ("GET", "/parity.json", 200),
    ("GET", "/phantoms", 200),
    ("GET", "/phantoms.json", 200),
    ("GET", "/phantoms?event=0", 400),
    ("POST", "/phantoms", 403),
    ("GET", "/decisions", 200),
    ("GET", "/decisions.json", 200),
    ("GET", "/decisions?state=nothing", 400),
    ("GET", "/decisions/1", 404),
    ("POST", "/decisions/1", 403),
    ("GET", "/rules/reorder", 200),
    ("GET", "/rules/reorder.json", 200),
    ("GET", "/rules/nobody", 404),
    ("POST", "/rules/reorder", 403),
    ("GET", "/write-rule", 200),
    ("GET", "/write-rule.json", 200),
    ("GET", "/write-rule?rule=nobody", 404),
    ("POST", "/write-rule", 403),
    ("GET", "/exceptions", 200),
    ("GET", "/exceptions.json", 200),
    ("GET", "/exceptions?state=nothing", 400),
    ("GET", "/exceptions/1", 404),
    ("POST", "/exceptions/1", 403),
    ("GET", "/payouts", 200),
    ("GET", "/payouts.json", 200),
    ("GET", "/payouts?state=nothing", 400),
    ("GET", "/payouts/a/1", 404),
    ("POST", "/payouts/a/1", 403),
    ("GET", "/journals", 200),
    ("GET", "/journals.json", 200),
    ("GET", "/journals?state=nothing", 400),
    ("GET", "/journals/1", 404),
    ("POST", "/journals/1", 403),
    ("GET", "/returns", 200),
    ("GET", "/returns.json", 200),
    ("GET", "/returns?missing=nothing", 400),
    ("GET", "/returns/1", 404),
    ("GET", "/returns/x", 404),
    ("GET", "/margin", 200),
    ("GET", "/margin.json", 200),
    ("GET", "/margin?by=nothing", 400),
    ("GET", "/margin?first=yesterday", 400),
    ("GET", "/find", 200),
    ("GET", "/find.json", 200),
    ("GET", "/forecasts", 200),
    ("GET", "/forecasts.json", 200),
    ("GET", "/forecasts?sku=nothing-like-it", 404),
    ("GET", "/routes", 200),
    ("GET", "/routes.json", 200),
    ("GET", "/tiers", 200),
    ("GET", "/tiers.json", 200),
    ("GET", "/oversold", 200),
    ("GET", "/oversold.json", 200),
    ("GET", "/oversold.csv", 200),
    ("GET", "/low-stock", 200),
    ("GET", "/low-stock.json", 200),
    ("GET", "/events/1", 404),
    ("POST", "/events/1/reveal", 403),
    ("GET", "/orders/a/1", 404),
    ("GET", "/skus/a", 404),
    ("GET", "/sign-in", 200),
    ("POST", "/sign-in", 403),
    ("POST", "/sign-out", 403),
    ("GET", "/first-run/x", 410),
    ("GET", "/invite/x", 410),
    ("GET", "/people", 200),
    ("GET", "/people.json", 200),
    ("POST", "/people", 403),
    ("GET", "/me", 403),
    ("GET", "/me.json", 403),
    ("POST", "/me", 403),
    ("POST", "/me/token", 403),
    ("POST", "/me/issuer", 403),
    ("GET", "/sign-in/issuer", 403),
    ("GET", "/sign-in/issuer/back", 403),
    ("GET", "/second-factor", 403),
    ("POST", "/second-factor", 403),
    ("POST", "/second-factor/change", 403),
    ("GET", "/audit", 200),
    ("GET", "/audit.json", 200),
    ("GET", "/audit?before=0", 400),
    ("POST", "/invite/x", 403),
    ("POST", "/first-run/x", 403),
    ("GET", "/oauth/callback", 400),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 200),
    ("GET", "/metrics", 200),
    ("GET", "/static/base.css", 200),
    ("GET", "/static/none.css", 404),
    ("GET", "/static/../routes.py", 404),
    ("GET", "/api/schema/openapi.json", 200),
    ("GET", "/api/v1/orders", 200),
    ("GET", "/api/v1/orders?count=0", 400),
    ("GET", "/api/v1/nothing", 404),
    ("POST", "/api/v1/parked/retry", 400),
    ("DELETE", "/", 405),
    ("GET", "/no/such/page", 404),
]


def test_every_route_has_strict_headers(bare_site: Site) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    with bare_site.stranger() as client:
        for method, path, status in ROUTES:
            reply = client.request(method, path, headers=token)
            assert reply.status_code == status, (method, path, reply.text)
            strict = STRICT | SCANS if method == "GET" and path.startswith("/dock") else STRICT
            assert strict.items() <= dict(reply.headers).items(), (method, path)
            assert "strict-transport-security" not in reply.headers, "this is not https"
            if not path.startswith("/static/base"):
                assert reply.headers["cache-control"] == "no-store", path
        for path in ("/", "/api/v1/orders"):  # turned away at the door
            assert STRICT.items() <= dict(client.get(path).headers).items()


def test_the_table_above_knows_every_route(bare_site: Site) -> None:
    """A route that is added must be added above: Litestar's own list is compared with it."""
    from trueup.api.app import TrueupApp
    from trueup.console.routes import console_routes
    from trueup.govern.vault import Vault
    from trueup.hub import Hub

    hub = Hub(Vault(b"k" * 32), {})
    app = TrueupApp(bare_site.dsn, hub, body_bytes_max=1000, routes=console_routes())
    known = {path.split("?")[0].strip("/").split("/")[0] for _, path, _ in ROUTES}
    there = {route.path.strip("/").split("/")[0] for route in app.rest.routes}
    twins = {"skus.json", "skus.svg", "skus.png", "parked.json", "live"}
    assert there - twins <= known | {""}


@pytest.mark.anyio
async def test_over_https_cookies_are_secure_and_the_browser_stays() -> None:
    async def app(_scope: dict, _receive: object, send: object) -> None:
        headers = [(b"set-cookie", b"a=b; HttpOnly"), (b"cache-control", b"max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    await with_headers(app)({"type": "http", "scheme": "https"}, None, send)
    headers = dict(sent[0]["headers"])
    assert headers[b"set-cookie"] == b"a=b; HttpOnly; Secure"
    assert headers[b"strict-transport-security"].startswith(b"max-age=31536000")
    assert headers[b"cache-control"] == b"max-age=60"


@pytest.mark.parametrize(
    "path", sorted((FOLDER / "templates").glob("*.html")), ids=lambda p: p.name
)
def test_no_template_has_inline_script_or_style(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"https?://", text), "nothing comes from elsewhere"
    assert re.findall(r"\|\s*safe\b", text) == (["|safe"] if path.name == "parts.html" else [])
