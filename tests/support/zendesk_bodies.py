"""Where Zendesk's recorded exchanges lie, and what their bodies would come under."""

import base64
import gzip
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tests.support.leftout import SHARED

PAYLOADS = SHARED / "payloads" / "zendesk"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call with its reply; the path is without its ending ".json"."""

    file: str
    method: str
    path: str
    query: dict[str, str]
    sent: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The reply's body; None where it is none of JSON."""
        with suppress(ValueError):
            return json.loads(self.body)
        return None


def exchanges() -> list[Exchange]:
    """Return every call that was recorded."""
    found = []
    for path in sorted(PAYLOADS.glob("*.json*")):
        raw = path.read_bytes()
        text = gzip.decompress(raw) if path.suffix == ".gz" else raw
        for one in json.loads(text)["http_interactions"]:
            asked, told = one["request"], one["response"]
            parts = urlsplit(asked["uri"])
            headers = {name.lower(): values[0] for name, values in told["headers"].items()}
            found.append(
                Exchange(
                    file=path.name,
                    method=asked["method"],
                    path=parts.path.removesuffix(".json"),
                    query=dict(parse_qsl(parts.query)),
                    sent=_bytes(asked["body"]),
                    status=told["status"]["code"],
                    headers=headers,
                    body=_bytes(told["body"]),
                )
            )
    return found


def things(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """Give what a body holds: (noun, thing); a noun that we do not read is given as one thing."""
    told = exchange.json
    if not isinstance(told, dict):
        yield "other", told
        return
    nouns = [noun for noun in ("ticket", "comment", "user") if noun in told or f"{noun}s" in told]
    for noun in nouns:
        one = [told[noun]] if noun in told else told[f"{noun}s"]
        for thing in one if isinstance(one, list) else [one]:
            yield noun, thing
    if "results" in told:
        for thing in told["results"] or ():
            is_user = isinstance(thing, dict) and "role" in thing and "email" in thing
            yield ("user" if is_user else "other"), thing
    elif not nouns:
        yield "other", told


def _bytes(body: dict[str, Any]) -> bytes:
    if body.get("base64_string"):
        raw = base64.b64decode(body["base64_string"])
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return str(body.get("string") or "").encode()
