"""Field `:86:` of MT940 and MT942: what a line is for, structured in one of several ways or free.

German banks number subfields (`166?00...?20...`), Dutch ones and SWIFT's guidelines name them
(`/EREF/.../REMI/...`); within a German purpose words such as `EREF+` name its parts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.bank import BankCharge, BankReferences
from trueup.connectors.bank.told import LineTold, PartTold, PartyTold
from trueup.connectors.bank.value import reference
from trueup.kernel.money import Money

_NUMBERED: Final = re.compile(r"([0-9]{3})?([^0-9A-Za-z\s])(?=[0-9]{2})")
_PURPOSE: Final = re.compile(r"/?(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|IBAN|BIC)\+/?")
_NAMED: Final = re.compile(
    r"/(EREF|MARF|CSID|REMI|PREF|IBAN|BIC|NAME|TRTP|CNTP|ORDP|BENM|ULTD|ULTB|ULTC|RTRN|PURP|ISDT|"
    r"USTD|STRD|SVCL|OCMT|CHGS|EXCH|TRCD|ADDR|ID|INIT|KREF|BUSP|ACCW|ORIG|BREF)/"
)
_ORIGINAL: Final = re.compile(r"/OCMT/([A-Z]{3})([0-9]{1,12}(?:,[0-9]{0,6}))")
_CHARGES: Final = re.compile(r"/CHGS/([A-Z]{3})([0-9]{1,12}(?:,[0-9]{0,6}))")
_RATE: Final = re.compile(r"/EXCH/([0-9]{1,9}(?:[.,][0-9]{1,12})?)")
_READ: Final = frozenset(
    ("00", "10", "30", "31", "32", "33", "34", *map(str, range(20, 30)), *map(str, range(60, 64)))
)
"""Subfields of numbered details that have a meaning everywhere; others are kept as notes."""

_WORDS: Final = ("USTD", "STRD", "REMI")


def with_details(line: LineTold, details: Sequence[str]) -> LineTold:
    """Return the line with what the fields behind it tell.

    Args:
        line: as `:61:` tells it.
        details: the contents of the fields, mostly one.
    """
    whole = "\n".join(details).strip()
    read = _read(line, whole, whole.replace("\n", "")) if whole else line
    words = "".join((line.note or "", whole)).replace("\n", "")
    charges = tuple(_amounts(_CHARGES, words, 1))
    original = next(_amounts(_ORIGINAL, words, -1 if line.amount.amount < 0 else 1), None)
    rate = _RATE.search(words)
    if original is not None:
        first = read.parts[0] if read.parts else PartTold()
        told = msgspec.structs.replace(
            first, original=original, rate=rate[1].replace(",", ".") if rate else None
        )
        read = msgspec.structs.replace(read, parts=(told,))
    if not charges:
        return read
    return msgspec.structs.replace(read, charges=tuple(BankCharge(amount=each) for each in charges))


def _amounts(words: re.Pattern[str], text: str, sign: int) -> Iterator[Money]:
    for currency, amount in words.findall(text):
        yield Money(sign * Decimal(amount.replace(",", ".").rstrip(".")), currency)


def _read(line: LineTold, whole: str, flat: str) -> LineTold:
    numbered = _NUMBERED.match(flat)
    if numbered is not None and _is_numbered(flat, numbered[1], numbered[2]):
        return _numbered(line, flat, numbered[1] or "", numbered[2])
    if _NAMED.match(flat) or len(_NAMED.findall(flat)) > 1:
        return _named(line, flat)
    if _PURPOSE.search(flat):
        return _worded(line, flat)
    code = re.match(r"([0-9]{3})(?=PN[0-9]{4}|$)", flat)
    words = tuple(part.strip() for part in whole.split("\n") if part.strip())
    part = PartTold(remittance=words)
    kind = _kind(line, code[1]) if code else line.code
    return msgspec.structs.replace(line, code=kind, parts=(part,) if words else ())


def _kind(line: LineTold, *words: str) -> str:
    """Return the kind of movement, written as CAMT writes it for German banks: NTRF+166+9070."""
    return "+".join(filter(None, (line.code, *words)))


def _is_numbered(flat: str, code: str | None, mark: str) -> bool:
    """Tell whether details are numbered; without a code of business only many numbers show it."""
    found = re.findall(re.escape(mark) + r"([0-9]{2})", flat)
    return code is not None or (len(found) > 1 and found[0] in _READ and found[1] in _READ)


def _worded(line: LineTold, flat: str) -> LineTold:
    """Return details that are free but for words such as `EREF+`."""
    words = dict(_parts_of(_PURPOSE, flat))
    part = PartTold(
        references=_references(words, end_to_end="EREF", customer="KREF", mandate="MREF"),
        parties=_told_parties(
            PartyTold(
                role="counterparty", account=_word(words.get("IBAN")), bank=_word(words.get("BIC"))
            ),
            _word(words.get("ABWA")) or _word(words.get("ABWE")),
        ),
        remittance=tuple(filter(None, (words[""].strip(), words.get("SVWZ", "").strip()))),
    )
    return msgspec.structs.replace(line, parts=(part,))


def _numbered(line: LineTold, flat: str, code: str, mark: str) -> LineTold:
    fields: dict[str, str] = {}
    for each in re.split(re.escape(mark) + r"(?=[0-9]{2})", flat)[1:]:
        number, text = each[:2], each[2:]
        fields[number] = fields.get(number, "") + text
    purpose = "".join(fields.get(f"2{digit}", "") for digit in range(10))
    further = "".join(fields.get(f"6{digit}", "") for digit in range(4))
    words = dict(_parts_of(_PURPOSE, purpose))
    named = dict(_parts_of(_PURPOSE, further)) | words
    references = _references(named, end_to_end="EREF", customer="KREF", mandate="MREF")
    remittance = (words.get("", ""), words.get("SVWZ", ""), further)
    party = PartyTold(
        role="counterparty",
        name=_joined(fields, "32", "33"),
        account=_word(fields.get("31")) or _word(named.get("IBAN")),
        bank=_word(fields.get("30")) or _word(named.get("BIC")),
    )
    ultimate = _word(named.get("ABWA")) or _word(named.get("ABWE"))
    note = [line.note, fields.get("00"), *(fields[n] for n in sorted(fields) if n not in _READ)]
    part = PartTold(
        references=references,
        parties=_told_parties(party, ultimate),
        remittance=tuple(filter(None, map(str.strip, remittance))),
        return_code=_word(fields.get("34")) if _is_returned(code) else None,
    )
    return msgspec.structs.replace(
        line,
        code=_kind(line, code, *filter(None, map(_word, (fields.get("10"), fields.get("34"))))),
        note="\n".join(text.strip() for text in note if text and text.strip()) or None,
        parts=(part,),
    )


def _is_returned(code: str) -> bool:
    """Tell whether a German code of business is one of a payment that came back."""
    return code in {"108", "109", "159", "181", "182", "183", "184", "185", "189", "199"}


def _told_parties(party: PartyTold, ultimate: str | None) -> tuple[PartyTold, ...]:
    told = [party] if party.name or party.account or party.bank else []
    if ultimate:
        told.append(PartyTold(role="ultimate", name=ultimate))
    return tuple(told)


def _named(line: LineTold, flat: str) -> LineTold:
    words: dict[str, str] = {}
    for name, text in _parts_of(_NAMED, flat):
        if text.strip("/ "):
            words.setdefault(name, text.strip().removesuffix("/"))
    counter = [each.strip() for each in words.get("CNTP", "").split("/")]
    account, bank, name = (*counter, "", "", "")[:3]
    party = PartyTold(
        role="counterparty",
        name=_word(words.get("NAME")) or _word(name),
        account=_word(words.get("IBAN")) or _word(account),
        bank=_word(words.get("BIC")) or _word(bank),
    )
    ultimate = words.get("ULTD") or words.get("ULTB") or words.get("ULTC")
    remittance = [words[each] for each in _WORDS if words.get(each)]
    part = PartTold(
        references=_references(
            words, end_to_end="EREF", mandate="MARF", customer="KREF", creditor="CSID"
        ),
        parties=_told_parties(party, _word((ultimate or "").removeprefix("NAME/").strip("/"))),
        remittance=tuple(_unlabelled(each) for each in remittance),
        return_code=_word(words.get("RTRN")),
        note=_word(words.get("")),
    )
    return msgspec.structs.replace(line, parts=(part,))


def _unlabelled(text: str) -> str:
    """Return a remittance without ING's labels `USTD//` and `STRD/CUR/`."""
    return re.sub(r"^(USTD//|STRD/[A-Z]{3}/)", "", text).strip()


def _parts_of(names: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    """Yield each name with the text up to the next; the text before the first has none."""
    found = names.split(text)
    yield "", found[0]
    yield from zip(found[1::2], found[2::2], strict=True)


def _references(words: Mapping[str, str], **names: str) -> BankReferences:
    found = {field: reference(words.get(name)) for field, name in names.items()}
    found.setdefault("creditor", reference(words.get("CRED")))
    told = {field: value for field, value in found.items() if value}
    return msgspec.structs.replace(BankReferences(), **told)


def _joined(fields: Mapping[str, str], *numbers: str) -> str | None:
    return _word("".join(fields.get(number, "") for number in numbers))


def _word(text: str | None) -> str | None:
    return (text or "").strip() or None
