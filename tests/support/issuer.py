"""A small issuer of OpenID Connect over sockets, which can also do everything wrong.

It keeps to OpenID Connect Core and Discovery 1.0, RFC 6749 and RFC 7636: it answers a code once, for
the client, the address and the verifier that it was asked with.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "trueup-hub", "a secret: of the client"

Claims = dict[str, Any]


class SandboxIssuer:
    """A issuer, and who is signed in there.

    Args:
        url: where it answers, which is what it calls itself.

    Attributes:
        who: claims of whoever is signed in there.
        bend: changes the claims before they are signed.
        sign: makes a token otherwise than by the current key.
        clock: gives seconds; the hub's clock where time matters.
        back: the address that codes are sent to.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.who: Claims = {}
        self.bend: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.clock: Callable[[], float] = time.time
        self.paper: Claims = {}
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.back = ""
        self.key: Any = None
        self.shown: list[Any] = []
        self.rotate()

    def rotate(self) -> None:
        """Sign by a new key from here on, and show no other."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
        self.shown = [self.key]

    def use_curve(self) -> None:
        """Sign by a key on a curve from here on."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)})
        self.shown = [self.key]

    def signed(self, claims: Claims, key: Any = None) -> str:
        """Return a token as it should be."""
        by = key or self.key
        algorithm = "ES256" if isinstance(by, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, claims, by)

    def answer(self, method: str, path: str, body: str, headers: Any) -> tuple[int, Any, str]:
        """Return status, document and location."""
        parts = urlsplit(path)
        self.asked.append(f"{method} {parts.path}")
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return 200, self._paper(), ""
            case "GET", "/keys":
                return 200, {"keys": [each.as_dict(private=False) for each in self.shown]}, ""
            case "GET", "/authorize":
                return self._authorize(_one(parse_qs(parts.query)))
            case "POST", "/token":
                return self._token(_one(parse_qs(body)), headers.get("authorization", ""))
        return 404, {}, ""

    def _paper(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "none"],
            "response_types_supported": ["code"],
        } | self.paper

    def _authorize(self, asked: dict[str, str]) -> tuple[int, Any, str]:
        fits = (
            asked.get("client_id") == CLIENT
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and "openid" in asked.get("scope", "").split()
            and asked.get("redirect_uri", "").startswith(self.back)
        )
        if not fits:
            return 400, {"error": "invalid_request"}, ""
        answer = {"state": asked["state"], "iss": self.url}
        if not self.who:
            return 303, {}, f"{asked['redirect_uri']}?{urlencode(answer | {'error': 'denied'})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return 303, {}, f"{asked['redirect_uri']}?{urlencode(answer | {'code': code})}"

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, Any, str]:
        kind, _, pair = authorization.partition(" ")
        client, _, secret = base64.b64decode(pair or b"").decode().partition(":")
        if (kind, unquote(client), unquote(secret)) != ("Basic", CLIENT, SECRET):
            return 401, {"error": "invalid_client"}, ""
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}, ""
        now = int(self.clock())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            **({"auth_time": now} if asked.get("max_age") == "0" else {}),
            **self.who,
        }
        token = self.sign(self.bend(claims))
        return 200, {"id_token": token, "access_token": "x", "token_type": "Bearer"}, ""


@contextmanager
def issuing() -> Iterator[SandboxIssuer]:
    """Run an issuer on loopback while inside."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            self._answer(self.rfile.read(length).decode())

        def _answer(self, body: str) -> None:
            status, document, location = issuer.answer(self.command, self.path, body, self.headers)
            raw = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = SandboxIssuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _one(fields: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}
