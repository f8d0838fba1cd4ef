"""Files that want to harm: refused within bounded time and memory, and never by another error."""

import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.unit.connectors.bank.reading import AT, balance, camt, entry, statement
from tests.unit.connectors.bank.test_mt940 import message
from tests.unit.connectors.bank.test_ofx import line, ofx
from tests.unit.connectors.paypal.report import body, footer, report
from trueup.canon.issue import Severity
from trueup.connectors.bank import mapping as bank_mapping
from trueup.connectors.bank import mt940, tree
from trueup.connectors.bank.files import read_file
from trueup.connectors.paypal import mapping as paypal_mapping
from trueup.connectors.paypal.files import read_file as read_report
from trueup.contract.connector import Piece, Source
from trueup.errors import ConfigError

MEGABYTE = 1024 * 1024
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><l>&i;</l>"
)
HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "billion laughs": ("camt", LAUGHS.encode),
    "external entity": (
        "camt",
        lambda: b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    ),
    "external type": ("camt", lambda: b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd"><l/>'),
    "one long text": ("camt", lambda: b"<a>" + b"x" * 20 * MEGABYTE + b"</a>"),
    "one long tag": ("camt", lambda: b"<a " + b"b" * 20 * MEGABYTE + b"='1'/>"),
    "many attributes": (
        "camt",
        lambda: b"<a " + b"".join(b'a%d="1" ' % n for n in range(300_000)) + b"/>",
    ),
    "deep": ("camt", lambda: b"<a>" * 1_000_000),
    "wide": ("camt", lambda: b"<a>" + b"<b/>" * 30_000 + b"</a>"),
    "no text": ("camt", lambda: bytes(range(256)) * 1000),
    "laughs in OFX": ("ofx", lambda: b"<!DOCTYPE OFX [<!ENTITY a 'x'>]><OFX>&a;</OFX>"),
    "open comments": ("ofx", lambda: b"<OFX>" + b"<!--" * 1_000_000),
    "open sections": ("ofx", lambda: b"<OFX><A>" + b"<![CDATA[" * 1_000_000),
    "signs": ("ofx", lambda: b"<OFX><A>" + b"< " * 2_000_000),
    "open elements": ("ofx", lambda: b"<OFX>" + b"<A>" * 1_000_000),
    "one long line": ("mt940", lambda: b":20:X\n:61:" + b"9" * 20 * MEGABYTE),
    "many messages": ("mt940", lambda: b":20:X\n" * 1_000_000),
    "many fields": ("mt940", lambda: b":20:X\n:25:1\n" + b":86:x\n" * 30_000),
    "too large": ("mt940", lambda: b"x" * 51 * MEGABYTE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_bounded_time_and_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, bound in ((tree, "ELEMENTS_MAX"), (mt940, "FIELDS_MAX")):
        monkeypatch.setattr(module, bound, 20_000)  # the real ones take their time under tracing
    format_name, make = HOSTILE[name]
    content = make()
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(ConfigError) as caught:
            read_file(format_name, content)
        taken_s = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.context["expected"]
    assert taken_s < 10
    assert peak < 200 * MEGABYTE


GOOD = {
    "camt": camt(statement(balance("OPBD", "0"), entry(), entry("2.00"), balance("CLBD", "12.00"))),
    "mt940": message(":61:2603020302C1,00NTRFNONREF//B\n:86:166?00X?20EREF+E?21SVWZ+y?32Ada"),
    "ofx": ofx(line("<MEMO>Rent<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>")),
    "paypal": report(body(), footer()),
}
SPLINTERS = (
    *(b"999999999999999999999", b"-", b",", b"\x00", b"\xff\xfe", b"<", b">", b"&", b":61:", b"\n"),
    *(b"1e400", b"NaN", "\u0663".encode(), b"9999-12-31T23:59:59-14:00", b"[-12:X]", b'"', b"?20"),
)


def spoilt(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del changed[at : at + chance.randint(1, 40)]
        elif kind == 2:
            changed[at:at] = chance.choice(SPLINTERS)
        elif kind == 3:
            begin = chance.randrange(len(changed) + 1)
            changed[at:at] = changed[begin : begin + chance.randint(1, 60)]
        else:
            changed[at : at + 1] = str(chance.randrange(10)).encode()
    return bytes(changed)


def outcome(format_name: str, content: bytes) -> tuple[Sequence[Piece], dict[str, Any] | None]:
    """Return the pieces of a file, or what is told where it is refused."""
    try:
        if format_name == "paypal":
            return read_report("paypal-settlement", content), None
        return read_file(format_name, content), None
    except ConfigError as refused:
        return (), dict(refused.context)


@pytest.mark.parametrize("format_name", GOOD)
@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_file_is_read_or_refused_and_never_half_read(format_name: str, seed: int) -> None:
    chance = random.Random(f"{format_name} {seed}")
    for _ in range(300):
        content = spoilt(GOOD[format_name].encode(), chance)
        pieces, told = outcome(format_name, content)
        assert told is None or {"line", "column", "expected", "found"} <= told.keys()
        mapping = paypal_mapping if format_name == "paypal" else bank_mapping
        for piece in pieces:
            source = Source(topic=piece.topic, body=piece.body, received_at=AT)
            mapped = mapping.map_source(source)
            assert mapped.records
            severities = {issue.severity for issue in mapped.issues}
            assert Severity.ERROR not in severities
