"""The catalogues of the console: every message that it can say, in each language.

`make words` brings them up to date: what is new stands there without a translation, what is gone is
taken out. `test_words.py` fails where one lacks anything. Messages are found by four ways: marked in
templates, said or marked in code, raised with a whole sentence, and in the closed sets below, whose
words stand in data and are said where they are shown.
"""

import ast
import io
from collections.abc import Iterator
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from tests.tidy.tree import SOURCE, syntax
from trueup import canon, errors
from trueup.access.manner import Language
from trueup.access.rights import Role
from trueup.access.trail import Did
from trueup.canon.order import PaymentStatus
from trueup.canon.parcel import ParcelStatus
from trueup.canon.payout import EntryKind, PayoutState
from trueup.canon.record import kinds
from trueup.canon.returns import ReturnState
from trueup.console.shipments_page import Trouble
from trueup.console.words import DOMAIN, catalogue_path
from trueup.decisions.model import Mode
from trueup.decisions.model import State as DecisionState
from trueup.decisions.written.condition import Op
from trueup.decisions.written.deeds import DEEDS
from trueup.intake.model import Origin
from trueup.ledger.model import Place
from trueup.ledger.money import MoneyAccount
from trueup.margin.layers import Certainty
from trueup.models.demand.series import Kind as DemandKind
from trueup.models.value.rfm import Tier
from trueup.outbox.model import CallState, CommandState
from trueup.pull.health import Condition
from trueup.reconcile.cause import Cause as ParityCause
from trueup.reconcile.checks import DOES
from trueup.reconcile.exceptions import AGES
from trueup.reconcile.exceptions import State as ExceptionState
from trueup.reconcile.loop import FactState
from trueup.reconcile.meanings import every_meaning
from trueup.reconcile.money.model import Cause

CONSOLE = SOURCE / "console"
LANGUAGES = (Language.GERMAN, Language.HINDI)

MARKS = {"_": None, "say": None, "mark": None, "ngettext": (1, 2), "say_count": (1, 2)}

SETS: tuple[type[StrEnum], ...] = (
    *(Role, Did, PaymentStatus, ParcelStatus, Trouble, PayoutState, EntryKind, ReturnState),
    *(Mode, DecisionState, Op, CallState, CommandState, Origin, FactState, ExceptionState),
    *(Place, MoneyAccount, Certainty, Tier, DemandKind, Condition, Cause),
)
"""Words that stand in data, shown with blanks between them."""

WORDS = (
    *("applied", "queued", "parked", "deleted", "test", "removed", "settled", "later"),
    *("fulfilled", "partial", "unfulfilled", "restocked", "scheduled", "on hold"),
    *(each.value for each in ParityCause),
    *(label for _, label in AGES),
)

RAISED = (SOURCE / "access", CONSOLE, SOURCE / "api" / "guard.py")
"""Where what is raised is told to a person on a page."""


def catalogue_of_all() -> Catalog:
    """Return every message, without translations."""
    catalog = Catalog(project="Trueup", domain=DOMAIN, charset="utf-8", fuzzy=False)
    for message in (*_in_templates(), *_in_code(), *_raised(), *_in_sets()):
        catalog.add(message)
    return catalog


def read_catalogue(language: Language) -> Catalog:
    """Return what is translated; empty where there is no file yet."""
    path = catalogue_path(language)
    text = path.read_bytes() if path.exists() else b""
    return read_po(io.BytesIO(text), locale=language.value, domain=DOMAIN)


def update(language: Language) -> int:
    """Bring a language's file up to date; returns how many messages wait to be translated."""
    catalog, path = read_catalogue(language), catalogue_path(language)
    catalog.fuzzy = False
    catalog.update(catalogue_of_all(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_of(catalog))
    return sum(not all(forms_of(each.string)) for each in catalog if each.id)


def file_of(catalog: Catalog) -> bytes:
    """Return a catalogue as its file: in order, without places and dates, which only differ."""
    written = io.BytesIO()
    write_po(written, catalog, width=100, no_location=True, omit_header=True, sort_output=True)
    head = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {catalog.locale_identifier}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return head.encode() + written.getvalue()


def forms_of(string: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Return the translations of a message: one, or one for each form of the plural."""
    return (string or "",) if string is None or isinstance(string, str) else tuple(string)


def _in_templates() -> Iterator[str | tuple[str, ...]]:
    options = {"trim_blocks": "true", "lstrip_blocks": "true"}
    for path in sorted((CONSOLE / "templates").glob("*.html")):
        yield from _extracted("jinja2.ext:babel_extract", path, options)


def _in_code() -> Iterator[str | tuple[str, ...]]:
    for path in sorted(CONSOLE.glob("*.py")):
        yield from _extracted("python", path, {})


def _extracted(method: str, path: Path, options: dict[str, str]) -> Iterator[str | tuple[str, ...]]:
    with path.open("rb") as file:
        for _, message, _, _ in extract(method, file, keywords=MARKS, options=options):
            yield message


def _raised() -> Iterator[str]:
    for place in RAISED:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield from _raised_in(syntax(path))
    for each in vars(errors).values():
        if isinstance(each, type) and issubclass(each, errors.AccessError):
            yield (each.__doc__ or "").strip().splitlines()[0]


def _raised_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else None
        first = call.args[0] if isinstance(call, ast.Call) and call.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and " " in first.value:
            yield first.value


def _in_sets() -> Iterator[str]:
    for each in SETS:
        yield from (member.value.replace("_", " ") for member in each)
    yield from WORDS
    for module in iter_modules(canon.__path__, "trueup.canon."):
        import_module(module.name)
    yield from (kind.replace("_", " ") for kind in kinds())
    for meaning in every_meaning():
        yield from meaning
    yield from DOES.values()
    for deed in DEEDS.values():
        yield from (deed.label, *(each.label for each in deed.inputs))


if __name__ == "__main__":
    for each in LANGUAGES:
        print(f"{catalogue_path(each)}: {update(each)} to translate")
