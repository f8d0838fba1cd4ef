"""A new connector's folder: small, whole, and passing the contract tests from the first minute."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Final

from trueup.errors import ConfigError

_ID: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")


def write_connector(root: Path, connector_id: str, *, owner: str, today: date) -> list[Path]:
    """Write the folder of a new connector; returns its files.

    Args:
        root: the folder that holds the connectors' folders.
        connector_id: snake_case; becomes the folder's name.
        owner: who answers for it.
        today: the day on which the vendor's pages are read.

    Raises:
        ConfigError: the id is none, or there is such a folder.
    """
    if not _ID.fullmatch(connector_id):
        raise ConfigError(
            "A connector's id is snake_case, 2 to 40 characters.",
            expected="fern_stock",
            found=connector_id[:60],
        )
    folder = root / connector_id
    if folder.exists():
        raise ConfigError("There is such a folder already.", folder=str(folder))
    words = {
        "id": connector_id,
        "name": connector_id.replace("_", " ").title(),
        "header": connector_id.replace("_", "-"),
        "owner": owner,
        "today": today.isoformat(),
    }
    written = []
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(path)
    return written


_MANIFEST = """# The facts about $name; what decides stands in the Python files beside this one.
id = "$id"
name = "$name"
kind = "erp"
owner = "$owner"
# Where personal data stands in the bodies, such as "$$.customer.email" or "$$..phone".
personal = ["$$.counted_by"]

[api]
version = "1"
docs_url = "https://$header.example/docs"
docs_read_on = $today

[auth]
schemes = ["none"]

[conventions]
money = "none"
time = "rfc3339"

[[config]]
key = "webhook_secret"
label = "Webhook secret"
type = "secret"
help = "The secret that the vendor signs its deliveries with."

[webhook]
external_id_headers = ["x-$header-delivery"]
topic_header = "x-$header-topic"
secrets = ["webhook_secret"]

[webhook.signature]
family = "body_hmac"
header = "x-$header-signature"
encoding = "hex"

[[webhook.topics]]
topic = "counted"
kind = "stock_movement"
entity = "stock_movement"
sample = "samples/counted.json"
"""

_WEBHOOK = '''"""Whose delivery is it, and about what; read without understanding the body."""

from collections.abc import Mapping, Sequence

import msgspec

from trueup.contract.connector import Identified, Piece
from trueup.kernel.ids import sha256


class _Head(msgspec.Struct):
    id: str


def identify(headers: Mapping[str, str], body: bytes) -> Identified:
    """Return what the delivery is; an unreadable body has no entity, and is parked later."""
    piece = identify_piece(Piece(topic=headers.get("x-$header-topic", ""), body=body))
    external_id = headers.get("x-$header-delivery") or piece.external_id
    return msgspec.structs.replace(piece, external_id=external_id)


def split(topic: str, body: bytes) -> Sequence[Piece]:
    """Return one piece: a body holds one record."""
    return (Piece(topic=topic, body=body),)


def identify_piece(piece: Piece) -> Identified:
    """Return what a piece is: the same bytes under one topic have the same external id."""
    digest = sha256(piece.topic.encode(errors="replace") + b"\\n" + piece.body).hex()
    try:
        entity = f"stock_movement/{msgspec.json.decode(piece.body, type=_Head).id}"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        entity = ""
    return Identified(external_id=f"sha256:{digest}", topic=piece.topic, entity=entity)
'''

_MAPPING = '''"""What a body means. Pure: whatever comes in, it answers with records or issues."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Mapped, Source


class _Count(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    pieces: Annotated[int, msgspec.Meta(ge=0, le=2_000_000_000)]
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    site: str = "main"


def map_source(source: Source) -> Mapped:
    """Return the count, or the issue that says why there is none."""
    if source.topic != "counted":
        return Mapped(ignored=f"nothing in the hub reads the topic {source.topic[:60]!r}")
    if b"\\\\u0000" in source.body:
        return _wrong("text without the character U+0000", "U+0000")
    try:
        count = msgspec.json.decode(source.body, type=_Count)
        counted_at = count.at.astimezone(UTC)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        return _wrong("a count with id, sku, pieces and at", type(fault).__name__)
    movement = StockMovement(
        ref=count.id,
        updated_at=counted_at,
        movement=MovementKind.COUNT,
        sku=count.sku,
        quantity=count.pieces,
        site=count.site,
    )
    return Mapped(records=(movement,))


def _wrong(expected: str, found: str) -> Mapped:
    issue = Issue(
        code="$id.body_malformed",
        severity=Severity.ERROR,
        expected=expected,
        found=found,
        how_to_fix="Look at the body of the event.",
    )
    return Mapped(issues=(issue,))
'''

_README = """# $name

Reads counts of stock. Replace this by what it reads and does.

## Set it up
1. Make a secret, and set it at the vendor and in the connection's form.
2. Let the vendor send `counted` to the address that the form shows.

## Limits
A count has at most 2,000,000,000 pieces.

## Remove it
Remove the connection, then the address at the vendor.
"""

_SAMPLE = """{
 "id": "count-1",
 "sku": "LAMP-OAK",
 "pieces": 24,
 "at": "2026-03-04T08:30:00+01:00",
 "site": "main",
 "counted_by": "ines@warehouse.example"
}
"""

_EXPECTED = """[
 {
  "topics": ["counted"],
  "expected": {
   "records": [
    {
     "kind": "stock_movement",
     "ref": "count-1",
     "updated_at": "2026-03-04T07:30:00Z",
     "movement": "count",
     "sku": "LAMP-OAK",
     "quantity": 24,
     "site": "main"
    }
   ]
  }
 }
]
"""

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "__init__.py": '"""$name."""\n',
        "manifest.toml": _MANIFEST,
        "webhook.py": _WEBHOOK,
        "mapping.py": _MAPPING,
        "README.md": _README,
        "samples/counted.json": _SAMPLE,
        "samples/counted.expected.json": _EXPECTED,
    }
)
"""Each file of a new connector, with `$$id`, `$$name`, `$$header`, `$$owner` and `$$today`."""
