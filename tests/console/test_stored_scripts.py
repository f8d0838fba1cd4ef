"""What vendors and customers write is shown as text: a script in any field of any body is none.

Every text of every body that comes in is spoilt on its way into the log, then every page that links
lead to is read as a browser reads it. An element or an attribute made of what was stored is a fault.
The world of money has no events: its own texts are hostile.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec
import pytest

from tests.console.money_world import play_exceptions
from tests.console.screenshots import week
from tests.console.site import MASTER_KEY, Site, serving
from tests.console.world import HOSTILE, World, play
from tests.support.brand import KEY
from trueup.govern.vault import Vault

PROBE = "spoilt"
SCRIPT = f"</title></script>\"'`><{PROBE}-tag on{PROBE}=1 ><svg/on{PROBE}=2>"
LINK = f"javascript:{PROBE}()//"

_CODE = re.compile(
    r"[\d\s.:+/TZ#-]*"  # numbers, instants, an order's name
    r"|gid://.*|[a-z][a-z0-9_./:-]*|[A-Z]{2,3}|[A-Z]+(_[A-Z]+)+"  # what a vendor's program writes
    r"|[^@\s]+@[^@\s]+"  # an address decides whose it is
)
_KEPT = {"ref", "awb", "AWB", "id", "currency", "Status", "StatusType", "StatusCode", "NSLCode"}

PAGES_MAX = 400
"""Of one world; none comes near, as pages of one kind count as few."""
OF_ONE_KIND = 12


def spoil(value: Any, key: str = "") -> Any:
    """Return a body with a script after every text in it, and links that are one."""
    if isinstance(value, dict):
        return {name: spoil(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [spoil(part, key) for part in value]
    if not isinstance(value, str) or not value or key in _KEPT:
        return value
    if value.startswith(("http://", "https://")):
        return LINK + value
    return value if _CODE.fullmatch(value) else value + SCRIPT


@contextmanager
def spoiling(told: list[bool]) -> Iterator[None]:
    """Spoil what is sealed into the log while inside; `told` gets how many bodies were."""
    seal = Vault.seal_body

    def seal_spoilt(self: Vault, plain: bytes, identity: bytes) -> tuple[bytes, bytes]:
        return seal(self, _spoilt(plain, told), identity)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "seal_body", seal_spoilt)
        yield


def _spoilt(plain: bytes, told: list[bool]) -> bytes:
    """Return a body with its texts spoilt; as it is where it is no JSON."""
    try:
        body = msgspec.json.encode(spoil(msgspec.json.decode(plain)))
    except msgspec.MsgspecError:
        return plain
    told.append(body != plain)
    return body


class Reading(HTMLParser):
    """Reads a page as a browser does: its links, and what no page of ours has."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.wrong: list[str] = []
        self.seen = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if PROBE in tag or any(name.startswith("on") for name in named):
            self.wrong.append(f"<{tag} {named}>")
        if tag == "script" and not named.get("src"):
            self.wrong.append("a script of its own")
        for name in ("href", "src", "action", "formaction", "data", "xlink:href"):
            link = (named.get(name) or "").strip()
            if re.match(r"\s*(javascript|vbscript|data:text)", link, re.IGNORECASE):
                self.wrong.append(f"{tag} {name}={link}")
            if name == "href" and tag == "a":
                self.links.append(link)
        self.seen += sum(PROBE in (value or "") for value in named.values())

    def handle_data(self, data: str) -> None:
        self.seen += PROBE in data or HOSTILE in data


def crawl(site: Site, client: httpx.Client, starts: list[str]) -> dict[str, Reading]:
    """Read the pages and all that they lead to, some of each kind."""
    waiting, read, kinds = list(starts), {}, {}
    while waiting and len(read) < PAGES_MAX:
        path = waiting.pop(0)
        kind = re.sub(r"[^/?=&]*\d[^/?=&]*|(?<=\?)q=.*", "*", path)
        if path in read or kinds.get(kind, 0) >= OF_ONE_KIND:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        reply = client.get(path)
        assert reply.status_code < 500, path
        reading = Reading()
        if reply.headers.get("content-type", "").startswith("text/html"):
            reading.feed(reply.text)
        else:
            assert reply.headers["x-content-type-options"] == "nosniff", path
        read[path] = reading
        for link in reading.links:
            target = urlsplit(urljoin(f"{site.url}{path}", link))
            if f"{target.scheme}://{target.netloc}" == site.url and "/static/" not in link:
                waiting.append(target.path + (f"?{target.query}" if target.query else ""))
    return read


Open = Callable[[str], Any]


@contextmanager
def a_day(dsn: str) -> Iterator[Site]:
    with serving(dsn, asyncio.run(play(dsn, Vault(MASTER_KEY)))) as site:
        yield site


@contextmanager
def a_week(dsn: str) -> Iterator[Site]:
    clock = asyncio.run(week(dsn))
    with serving(dsn, World(dsn, Vault(KEY)), key=KEY, clock=clock) as site:
        yield site


@contextmanager
def money(dsn: str) -> Iterator[Site]:
    with serving(dsn, asyncio.run(play_exceptions(dsn))) as site:
        yield site


@pytest.mark.parametrize(
    ("world", "least"), [(a_day, 40), (a_week, 40), (money, 20)], ids=["day", "week", "money"]
)
def test_no_page_makes_an_element_of_what_was_stored(
    database_url: str, world: Open, least: int
) -> None:
    spoilt: list[bool] = []
    with spoiling(spoilt), world(database_url) as site, site.reader() as client:
        starts = ["/", "/today", "/exceptions", "/parked", "/audit", "/margin", "/returns"]
        read = crawl(site, client, starts)
    wrong = {path: reading.wrong for path, reading in read.items() if reading.wrong}
    assert not wrong
    telling = [path for path, reading in read.items() if reading.seen]
    print(len(read), "pages,", len(telling), "of them tell what was spoilt;", sum(spoilt), "bodies")
    assert len(read) >= least
    assert telling, "a page that shows none of it proves nothing"
