"""Entries of CAMT messages: an entry is a line, each of its transaction details a part of it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.bank import BankCharge, BankReferences
from trueup.canon.customer import Address
from trueup.connectors.bank.told import BOOKED, LineTold, PartTold, PartyTold
from trueup.connectors.bank.tree import Element
from trueup.connectors.bank.value import currency_of, iso_amount, iso_day, reference
from trueup.kernel.money import Money

_SIGNS: Final = ("CRDT", "DBIT")
_PARTIES: Final = (
    ("debtor", "Dbtr", "DbtrAcct", "DbtrAgt"),
    ("creditor", "Cdtr", "CdtrAcct", "CdtrAgt"),
    ("ultimate_debtor", "UltmtDbtr", "", ""),
    ("ultimate_creditor", "UltmtCdtr", "", ""),
    ("initiating", "InitgPty", "", ""),
)
_BANKS: Final = (
    *(("BICFI",), ("BIC",), ("Nm",), ("NmAndAdr", "Nm"), ("CmbndId", "BIC"), ("CmbndId", "Nm")),
    *(("ClrSysMmbId", "MmbId"), ("ClrSysMmbId", "Id"), ("Othr", "Id"), ("PrtryId", "Id")),
)
_NUMBERS: Final = (
    *(("OrgId", "AnyBIC"), ("OrgId", "BICOrBEI"), ("OrgId", "BIC"), ("OrgId", "Othr", "Id")),
    *(("OrgId", "PrtryId", "Id"), ("PrvtId", "Othr", "Id"), ("PrvtId", "OthrId", "Id")),
)
_ACCOUNTS: Final = (("IBAN",), ("Othr", "Id"), ("BBAN",), ("UPIC",), ("PrtryAcct", "Id"))
_REFERENCES: Final = (
    *(("bank", "AcctSvcrRef"), ("end_to_end", "EndToEndId"), ("instruction", "InstrId")),
    *(("transaction", "TxId"), ("customer", "AcctOwnrTxId"), ("mandate", "MndtId")),
    *(("cheque", "ChqNb"), ("message", "MsgId"), ("payment", "PmtInfId"), ("uetr", "UETR")),
    ("clearing", "ClrSysRef"),
)


def line_of(element: Element) -> LineTold:
    """Return what an entry (`Ntry`) tells.

    Raises:
        ConfigError: an element of it is wrong.
    """
    amount = signed(money_of(element.need("Amt")), element)
    state = _state(element)
    parts = _directed(tuple(_parts(element, amount)), amount)
    bank_id = reference(element.word("AcctSvcrRef"))
    if bank_id is None and len(parts) == 1:
        bank_id = parts[0].references.bank
    original, rate = _original(element, amount)
    if original is not None and len(parts) < 2:
        part = parts[0] if parts else PartTold(amount=amount)
        if part.original is None:
            parts = (msgspec.structs.replace(part, original=original, rate=rate),)
    return LineTold(
        amount=amount,
        value_on=day_of(element, "ValDt"),
        booked_on=day_of(element, "BookgDt"),
        state=None if state == BOOKED else state,
        reversal=element.word("RvslInd") in {"true", "1"},
        code=_code(element),
        references=BankReferences(
            bank=reference(element.word("AcctSvcrRef")),
            entry=reference(element.word("NtryRef")),
            message=reference(element.word("NtryDtls", "Btch", "MsgId")),
            payment=reference(element.word("NtryDtls", "Btch", "PmtInfId")),
        ),
        charges=tuple(_charges(element)),
        note=element.word("AddtlNtryInf"),
        parts=parts,
        bank_id=bank_id,
        day_counts=False,
    )


def _state(element: Element) -> str:
    """Return ISO 20022's word for the state; versions from 8 on have it one element deeper."""
    found = element.need("Sts")
    word = found.word("Cd") or found.word("Prtry") or found.text.strip()
    if not word:
        raise found.fault("a state such as BOOK", "nothing")
    return word


def _parts(element: Element, entry: Money) -> Iterator[PartTold]:
    for details in element.all("NtryDtls", "TxDtls"):
        yield _part(details, element, entry)
    for details in element.all("TxDtls"):  # the first version has no NtryDtls
        yield _part(details, element, entry)


def _directed(parts: tuple[PartTold, ...], entry: Money) -> tuple[PartTold, ...]:
    """Return the parts with signs that fit the entry.

    Some banks write each part's direction as the other side sees it. Parts' own directions count
    where the parts come to the entry by them; else all have the entry's.
    """
    amounts = [part.amount for part in parts if part.amount is not None]
    same = len(amounts) == len(parts) and all(a.currency == entry.currency for a in amounts)
    if same and sum((a.amount for a in amounts), Decimal(0)) == entry.amount:
        return parts
    return tuple(
        msgspec.structs.replace(
            part,
            amount=_like(part.amount, entry),
            original=_like(part.original, entry),
        )
        for part in parts
    )


def _like(money: Money | None, entry: Money) -> Money | None:
    if money is None:
        return None
    return Money(abs(money.amount).copy_sign(entry.amount), money.currency)


def _part(details: Element, element: Element, entry: Money) -> PartTold:
    told = details.first("Amt") or details.first("AmtDtls", "TxAmt", "Amt")
    sign = details if details.first("CdtDbtInd") is not None else element
    amount = None if told is None else signed(money_of(told), sign)
    original, rate = _original(details, amount or entry)
    structured = tuple(_structured(details))
    references = {name: reference(details.word("Refs", path)) for name, path in _REFERENCES}
    return PartTold(
        amount=amount,
        original=original,
        rate=rate,
        code=_code(details),
        references=BankReferences(
            remittance=structured[0] if structured else None,
            own=tuple(_own_references(details)),
            **{name: value for name, value in references.items() if value},
        ),
        charges=tuple(_charges(details)),
        parties=tuple(_parties(details)),
        remittance=tuple(_words(details)),
        structured=structured,
        return_code=_reason(details),
        note=details.word("AddtlTxInf"),
    )


def _own_references(details: Element) -> Iterator[str]:
    for each in details.all("Refs", "Prtry"):
        words = (each.word("Tp"), each.word("Ref"))
        yield " ".join(filter(None, words))


def signed(money: Money, element: Element) -> Money:
    """Return the amount with the sign of an element's `CdtDbtInd`.

    A reversal has the direction of its own booking there, so nothing is turned round for it.
    """
    indicator = element.need("CdtDbtInd")
    word = indicator.text.strip()
    if word not in _SIGNS:
        raise indicator.fault("CRDT or DBIT", "another word" if word else "nothing")
    return money if word == "CRDT" else -money


def money_of(element: Element, currency: str | None = None) -> Money:
    """Return an amount with the currency of its attribute, or with that given."""
    amount = iso_amount(element.text.strip(), element.fault)
    if currency is None:
        currency = currency_of(element.attributes.get("Ccy", ""), element.fault)
    return Money(amount, currency)


def _original(element: Element, booked: Money) -> tuple[Money | None, str | None]:
    """Return what was ordered, where it is not what was booked, and the rate between them."""
    details = element.first("AmtDtls")
    if details is None:
        return None, None
    rates = (each.word("CcyXchg", "XchgRate") for each in details.children)
    rate = next(filter(None, rates), None)
    told = details.first("InstdAmt", "Amt")
    if told is None:
        return None, rate
    money = money_of(told)
    same = money.currency == booked.currency and money.amount == abs(booked.amount)
    if same:
        return None, rate
    return (-money if booked.amount < 0 else money), rate


def _charges(element: Element) -> Iterator[BankCharge]:
    for charges in element.all("Chrgs"):
        records = list(charges.all("Rcrd")) or (
            [charges] if charges.first("Amt") is not None else []
        )
        for each in records:
            money = money_of(each.need("Amt"))
            credited = each.word("CdtDbtInd") == "CRDT"
            included = each.word("ChrgInclInd")
            kind = each.first("Tp", "CdOrPrtry") or each.first("Tp") or each
            yield BankCharge(
                amount=-money if credited else money,
                included=None if included is None else included in {"true", "1"},
                code=kind.word("Cd") or kind.word("Prtry") or kind.word("Prtry", "Id"),
            )
        total = charges.first("TtlChrgsAndTaxAmt")
        if total is not None and not records:
            yield BankCharge(amount=money_of(total))


def _code(element: Element) -> str | None:
    """Return the bank's word for the kind of movement: ISO's three words, then its own."""
    domain = element.first("BkTxCd", "Domn")
    words = []
    if domain is not None:
        steps = (("Cd",), ("Fmly", "Cd"), ("Fmly", "SubFmlyCd"))
        words.append("/".join(filter(None, (domain.word(*path) for path in steps))))
    own = element.first("BkTxCd", "Prtry")
    if own is not None and own.word("Cd"):
        issuer = own.word("Issr")
        words.append(f"{own.word('Cd')} ({issuer})" if issuer else f"{own.word('Cd')}")
    return " ".join(filter(None, words)) or None


def _parties(details: Element) -> Iterator[PartyTold]:
    parties, agents = details.first("RltdPties"), details.first("RltdAgts")
    for role, name, account_name, agent_name in _PARTIES:
        who = parties.first(name) if parties is not None else None
        account = parties.first(account_name) if parties is not None and account_name else None
        agent = agents.first(agent_name) if agents is not None and agent_name else None
        if who is None and account is None and agent is None:
            continue
        party = party_of(who, role) if who is not None else PartyTold(role=role)
        bank = party.bank if agent is None else party_of(agent, role).bank
        number = None if account is None else account_of(account)
        name_of = party.name or (None if account is None else account.word("Nm"))
        yield msgspec.structs.replace(party, name=name_of, account=number, bank=bank)


def account_of(account: Element) -> str | None:
    """Return an account's number, whichever scheme it is of."""
    return next(filter(None, (account.word("Id", *path) for path in _ACCOUNTS)), None)


def party_of(element: Element, role: str) -> PartyTold:
    """Return a party; versions from 8 on have it one element deeper, a person or a bank."""
    who = element.first("Pty") or element
    institution = element.first("FinInstnId") or element.first("Agt", "FinInstnId")
    bank = None
    if institution is not None:
        bank = next(filter(None, (institution.word(*path) for path in _BANKS)), None)
    numbers = (who.word("Id", *path) for path in _NUMBERS)
    postal = who.first("PstlAdr")
    if postal is None and institution is not None:
        postal = institution.first("PstlAdr")
    return PartyTold(
        role=role,
        name=who.word("Nm") or (bank if institution is not None else None),
        bank=bank,
        number=next(filter(None, numbers), None),
        address=None if postal is None else _address(postal),
    )


def _address(postal: Element) -> Address:
    street = " ".join(filter(None, (postal.word("StrtNm"), postal.word("BldgNb"))))
    more = (each.text.strip() for each in postal.all("AdrLine"))
    return Address(
        lines=tuple(filter(None, (street, *more))),
        city=postal.word("TwnNm"),
        province=postal.word("CtrySubDvsn"),
        postcode=postal.word("PstCd"),
        country=postal.word("Ctry"),
    )


def _structured(details: Element) -> Iterator[str]:
    for block in details.all("RmtInf", "Strd"):
        for path in (("CdtrRefInf", "Ref"), ("CdtrRefInf", "CdtrRef"), ("RfrdDocInf", "Nb")):
            yield from (each.text.strip() for each in block.all(*path) if each.text.strip())
        yield from filter(None, [block.word("RfrdDocInf", "RfrdDocNb")])


def _words(details: Element) -> Iterator[str]:
    for path in (("Ustrd",), ("Strd", "AddtlRmtInf")):
        for each in details.all("RmtInf", *path):
            if each.text.strip():
                yield each.text.strip()


def _reason(details: Element) -> str | None:
    for path in (("Rsn", "Cd"), ("Rsn", "Prtry"), ("RtrRsn", "Cd"), ("RtrRsn", "Prtry")):
        found = details.word("RtrInf", *path)
        if found:
            return found
    return None


def day_of(element: Element, name: str) -> date | None:
    """Return the day of a child that holds a day or an instant; None where there is none."""
    holder = element.first(name)
    if holder is None:
        return None
    found = holder.first("Dt") or holder.first("DtTm") or holder
    return iso_day(found.text.strip(), found.fault)
