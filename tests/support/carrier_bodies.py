"""Where the carriers' recorded bodies lie, and what each would come under."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import yaml  # type: ignore[import-untyped]  # its stubs are not installed

from tests.support.leftout import SHARED

PAYLOADS = SHARED / "payloads"


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call with its reply; the path is below the version."""

    file: str
    method: str
    path: str
    query: dict[str, str]
    sent: bytes
    status: int
    body: bytes


def exchanges() -> list[Exchange]:
    """Return every call that was recorded with EasyPost."""
    found = []
    for path in sorted((PAYLOADS / "easypost").glob("*.yaml*")):
        raw = path.read_bytes()
        text = gzip.decompress(raw) if path.suffix == ".gz" else raw
        for one in yaml.load(text, Loader=yaml.CSafeLoader)["interactions"]:
            asked, told = one["request"], one["response"]
            parts = urlsplit(asked["uri"])
            found.append(
                Exchange(
                    file=path.name,
                    method=asked["method"],
                    path=parts.path.partition("/v2")[2] or parts.path,
                    query=dict(parse_qsl(parts.query)),
                    sent=_bytes(asked.get("body")),
                    status=told["status"]["code"],
                    body=_bytes(told["body"].get("string")),
                )
            )
    return found


def objects(body: bytes, kind: str) -> Iterator[dict[str, Any]]:
    """Yield every object of a kind in a body, at any depth."""
    try:
        waiting = [json.loads(body)]
    except ValueError:
        return
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if here.get("object") == kind:
                yield here
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here


def _bytes(content: str | bytes | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""
