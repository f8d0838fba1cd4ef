"""The console speaks its reader's language: chosen, or asked for by the browser; every text of it."""

import re
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser

from tests.console.browser import chromium, violations
from tests.console.site import Site
from tests.console.test_access import sent
from tests.tidy.catalogues import read_catalogue
from trueup.access.manner import Language
from trueup.access.rights import Role
from trueup.console import words

GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}

PAGES = (
    *("/", "/?since=month", "/today", "/orders", "/shipments", "/returns", "/customers", "/skus"),
    *("/low-stock", "/dock", "/dock?do=pack", "/serials", "/parity", "/phantoms", "/exceptions"),
    *("/payouts", "/journals", "/margin", "/margin?by=orders", "/forecasts", "/routes", "/tiers"),
    *("/decisions", "/rules/reorder", "/write-rule", "/connections", "/connect", "/parked"),
    *("/people", "/audit", "/me", "/second-factor", "/find", "/find?q=nothing-like-it"),
    *("/orders?progress=sent", "/events/0"),
)

FIRSTS = ('href="(/orders/[^"]+)"', 'href="(/skus/[^"]+)"', 'href="(/events/[^"]+)"')
"""Of each of these on the page of today the first is a page, too."""

NAMES = {"Trueup", "SKU", "PNG", "API", "UTC", "JSON", "English", "Deutsch", "हिन्दी", "Ctrl", "K"}
NAMES |= {
    "Ada",
    "SHA",
    "e",
    "Enter",
    "Esc",
    "Shopify",
    "days",
    "min",
    "ms",
    "s",
    "h",
    "EUR",
    "USD",
    "GBP",
}
"""The same in every language; names of languages in themselves; units as physics has them."""

QUIET = {"code", "kbd", "pre", "script", "style", "time", "svg"}
SAID_ALOUD = ("aria-label", "title", "placeholder", "alt")


class _Bracketed(NullTranslations):
    """A language in which every message stands in brackets; what no catalogue has stays plain."""

    def __init__(self) -> None:
        super().__init__()
        known = [each.id for each in read_catalogue(Language.GERMAN) if each.id]
        self._known = {each if isinstance(each, str) else each[0] for each in known}

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message in self._known else message

    def ngettext(self, one: str, many: str, count: int) -> str:
        return f"⟦{one if count == 1 else many}⟧" if one in self._known else many


class _Plain(HTMLParser):
    """Collects what stands outside of brackets, of what people read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._depth = self._quiet = 0
        self._code: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in QUIET
        given = dict(attrs)
        # The choice of a code, a zone or a language stands there as it is kept.
        self._code = given.get("value", "") if tag == "option" else None
        if "lang" in given and tag == "option":
            self._code = ""
        if not self._quiet:
            for name, value in attrs:
                if name in SAID_ALOUD:
                    self.found.append(re.sub("⟦.*⟧", " ", value or ""))

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in QUIET
        self._code = None

    def handle_data(self, data: str) -> None:
        for part in re.split("([⟦⟧])", data):
            if part in {"⟦", "⟧"}:
                self._depth += 1 if part == "⟦" else -1
            elif not self._quiet and not self._depth and self._code not in {"", part}:
                self.found.append(part)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text))


def _data_of(client: httpx.Client, page: str) -> set[str]:
    """Return the words that a page's twin holds as values: data, which nobody translates."""
    twin = re.search(r'<a href="([^"]+)">⟦?This page as JSON', page)
    if twin is None:
        return set()
    reply = client.get(twin[1].replace("&amp;", "&"), headers={"Accept": "application/json"})
    found: set[str] = set()

    def gather(value: object) -> None:
        if isinstance(value, str):
            found.update(_words(value))
        elif isinstance(value, dict):
            for key, each in value.items():
                gather(key)
                gather(each)
        elif isinstance(value, list):
            for each in value:
                gather(each)

    if reply.headers["content-type"].startswith("application/json"):
        gather(msgspec.json.decode(reply.content))
    return found


def test_every_text_of_every_page_is_of_a_catalogue(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a made-up language all is in brackets, except data; so a forgotten word stands out."""
    made_up = _Bracketed()
    monkeypatch.setattr(words, "_catalogue", lambda _: made_up)
    assert site.world is not None
    names = NAMES | _words(" ".join(site.world.hub.names().values()))
    names |= {part for kind in site.world.hub.connectors for part in _words(kind)}
    plain: dict[str, list[str]] = {}
    with site.reader() as client:
        today = client.get("/today").text
        firsts = [found[1] for each in FIRSTS if (found := re.search(each, today))]
        assert len(firsts) == len(FIRSTS)
        for address in (*PAGES, *firsts):
            page = client.get(address).text
            parser = _Plain()
            parser.feed(page)
            data = names | _data_of(client, page)
            left = [text.strip() for text in parser.found if _words(text) - data]
            if left:
                plain[address] = left
    assert not plain


def test_a_page_is_in_the_language_that_was_chosen_else_in_the_browsers(bare_site: Site) -> None:
    with bare_site.reader("Gita", Role.OPERATIONS) as gita, bare_site.stranger() as stranger:
        assert 'lang="en"' in gita.get("/orders").text
        german = gita.get("/orders", headers=GERMAN).text
        assert 'lang="de"' in german
        assert "<h1>Bestellungen</h1>" in german
        assert "Anmelden" in stranger.get("/sign-in", headers=GERMAN).text
        problem = gita.get("/events/1", headers=GERMAN)
        assert (problem.status_code, "Dieses Ereignis gibt es nicht." in problem.text) == (
            404,
            True,
        )
        twin = gita.get("/overview.json", headers=GERMAN | {"Accept": "application/json"})
        assert twin.json()["cards"][0]["title"] == "Orders", "what programs read is English"
        chosen = {"do": "manner", "numbers": "", "zone": "", "language": "hi"}
        assert sent(gita, "/me", chosen).headers["location"] == "/me?done=manner"
        page = gita.get("/me?done=manner", headers=GERMAN).text
        assert 'lang="hi"' in page
        assert "अब आप ऐसे ही पढ़ेंगे।" in page
        assert '<option value="hi" lang="hi" selected>' in page
        assert gita.get("/me.json").json()["language"] == "hi"
        assert sent(gita, "/me", chosen | {"language": "xx"}).status_code == 409
        assert "ऑर्डर" in gita.get("/").text, "cards too, though English ones were read before"
        sheet = gita.get("/orders.csv", headers={"Accept": "text/html"}).text
        assert sheet.startswith("channel,order,ref")


def test_what_comes_live_brings_its_words_and_keeps_its_values(site: Site) -> None:
    with site.reader() as client, client.stream("GET", "/live", headers=GERMAN) as reply:
        lines = (line for line in reply.iter_lines() if line.startswith('data: {"values"'))
        now = msgspec.json.decode(next(lines).removeprefix("data: "))
    assert now["values"]["health.state"] == "idle", "colours go by it"
    sentence = now["values"]["health.sentence"]
    assert now["words"][sentence] == "Kein Arbeiter ist am Werk; neue Ereignisse warten."


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    del site  # it must be up before Playwright's loop runs in this thread
    with chromium() as running:
        yield running


@pytest.mark.browser
@pytest.mark.parametrize("language", ["de", "hi"])
def test_longer_words_fit_a_phone_and_are_read_otherwise(
    browser: Browser, site: Site, language: str
) -> None:
    size = {"width": 320, "height": 640}
    context = browser.new_context(viewport=size, locale=language)
    page, wrong = context.new_page(), []
    page.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)
    page.goto(site.link())
    wide = []
    for address in ("/", "/today", "/orders", "/skus", "/shipments", "/connections", "/me"):
        page.goto(f"{site.url}{address}")
        assert page.locator("html").get_attribute("lang") == language
        if (width := page.evaluate("document.documentElement.scrollWidth")) > size["width"]:
            wide.append((address, width))
    for address in ("/", "/orders", "/me"):
        page.goto(f"{site.url}{address}")
        assert violations(page) == []
    context.close()
    assert (wide, wrong) == ([], [])
