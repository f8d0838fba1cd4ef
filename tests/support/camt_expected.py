"""The parse that another reader of CAMT expects, leaf by leaf, and what ours says of each.

The expectations lie beside the statements as JSON; they name the other reader's own methods.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from trueup.canon.bank import BankCharge
from trueup.connectors.bank.told import BalanceTold, LineTold, PartTold, PartyTold, Read
from trueup.kernel.money import Money, minor_digits

_FIRSTS = {
    "getTransactionDetails": "getTransactionDetail",
    "getRelatedParties": "getRelatedParty",
    "getRelatedAgents": "getRelatedAgent",
    "getStructuredBlocks": "getStructuredBlock",
    "getUnstructuredBlocks": "getUnstructuredBlock",
}
"""Where a list's first member is told alone as well, and the list only points to it."""

_SEEN = "__RECURSIVITY__"
_BALANCES = {
    "opening": {"OPBD", "PRCD"},
    "closing": {"CLBD"},
    "opening_available": {"OPAV"},
    "closing_available": {"CLAV"},
    "forward_available": {"FWAV"},
    "information": {"INFO"},
    "interim": {"ITBD"},
    "interim_available": {"ITAV"},
    "expected_credit": {"XPCD"},
}


class Spot:
    """What of ours an expected leaf speaks of."""

    def __init__(self, read: Read, line: LineTold, numbers: list[int], kind: str) -> None:
        self.read, self.line, self.numbers, self.kind = read, line, numbers, kind

    @property
    def part(self) -> PartTold:
        return self.line.parts[self.numbers[0]]

    @property
    def balance(self) -> BalanceTold:
        return self.read.statement.balances[self.numbers[0]]

    @property
    def party(self) -> PartyTold:
        role = re.sub(r"(?<!^)([A-Z])", r"_\1", self.kind.removesuffix("Agent")).lower()
        return next(party for party in self.part.parties if party.role == role)


Says = Callable[[Spot, Any], Any]


def leaves(
    value: Any, path: str = "", kinds: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, Any]]:
    """Yield (path, class of the party nearest above, value) of each leaf that says something."""
    if isinstance(value, dict):
        own = str(value.get("__CLASS__", "")).rpartition("\\")[2]
        if own == "Money":
            yield path, kinds[-1] if kinds else "", money_text(value)
            return
        if own == "DateTimeImmutable":
            yield path, "", value["0"]
            return
        party = value.get("getRelatedPartyType") or value.get("getRelatedAgentType") or {}
        kind = str(party.get("__CLASS__", "")).rpartition("\\")[2]
        for name, child in value.items():
            if name == "__CLASS__" or name in _FIRSTS.values():
                continue
            if isinstance(child, list) and child and child[0] == _SEEN and name in _FIRSTS:
                child = [value[_FIRSTS[name]], *child[1:]]  # noqa: PLW2901 - the list as it is
            yield from leaves(child, f"{path}/{name}", (*kinds, kind) if kind else kinds)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from leaves(child, f"{path}/{number}", kinds)
    elif value not in (None, "", _SEEN):
        yield path, kinds[-1] if kinds else "", value


def money_text(value: dict[str, Any]) -> str:
    """Return an amount as both sides write it; theirs counts in minor units."""
    currency = value["getCurrency"]["getCode"]
    amount = Decimal(value["getAmount"]).scaleb(-minor_digits(currency))
    return shown(Money(amount, currency))


def shown(money: Money | None) -> str | None:
    return None if money is None else f"{money.amount.normalize() + 0:f} {money.currency}"


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _code(_: Spot, wanted: Any, told: str | None) -> Any:
    words = re.split(r"[/ ()]", told or "")
    return wanted if wanted in words else told


def _remittance(spot: Spot, wanted: Any) -> Any:
    told = (*spot.part.remittance, *spot.part.structured)
    return wanted if wanted in told or wanted == "\n".join(told) else told


def _number(spot: Spot, _: Any) -> Any:
    return spot.party.number


def _address(spot: Spot, wanted: Any) -> Any:
    address = spot.party.address
    if address is None:
        return None
    told = (*address.lines, address.city, address.postcode, address.country)
    held = wanted in told or any(str(wanted) in line for line in address.lines)
    return wanted if held else told


def _own(spot: Spot, wanted: str) -> Any:
    return wanted if any(wanted in each for each in spot.part.references.own) else None


_RECORD: dict[str, Says] = {
    "getAccount/getIban/getIban": lambda s, _: s.read.statement.account,
    "getAccount/getId": lambda s, _: s.read.statement.account,
    "getAccount/getIdentification": lambda s, _: s.read.statement.account,
    "getAccount/getName": lambda s, _: s.read.statement.owner,
    "getAdditionalInformation": lambda s, _: s.read.statement.note,
    "getBalances/#/getAmount": lambda s, _: shown(s.balance.amount),
    "getBalances/#/getDate": lambda s, w: w if w[:10] == str(s.balance.on) else s.balance.on,
    "getBalances/#/getType": lambda s, w: w if s.balance.code in _BALANCES[w] else s.balance.code,
    "getCreatedOn": lambda s, _: _instant(s.read.statement.told_at),
    "getElectronicSequenceNumber": lambda s, _: s.read.statement.number,
    "getLegalSequenceNumber": lambda s, _: s.read.statement.number,
    "getFromDate": lambda s, _: _instant(s.read.statement.from_at),
    "getToDate": lambda s, _: _instant(s.read.statement.to_at),
    "getId": lambda s, _: s.read.statement.ident,
    "getPagination/getPageNumber": lambda s, _: str(s.read.statement.page),
}
_CODES: dict[str, Says] = {
    f"getBankTransactionCode/{path}": lambda s, w: _code(s, w, s.line.code)
    for path in (
        "getDomain/getCode",
        "getDomain/getFamily/getCode",
        "getDomain/getFamily/getSubFamilyCode",
        "getProprietary/getCode",
        "getProprietary/getIssuer",
    )
}
_PARTY = "getRelatedParties/#"
_AGENT = "getRelatedAgents/#/getRelatedAgentType"
_PART: dict[str, Says] = {
    "getAmount": lambda s, _: shown(s.part.amount),
    "getCreditDebitIndicator": lambda s, w: (
        w if (s.part.amount or s.line.amount).amount * (1 if w == "CRDT" else -1) >= 0 else "other"
    ),
    "getReference/getEndToEndId": lambda s, w: s.part.references.end_to_end or _none_word(w),
    "getReference/getInstructionId": lambda s, _: s.part.references.instruction,
    "getReference/getPaymentInformationId": lambda s, _: s.part.references.payment,
    "getReference/getUuidEndToEndReference": lambda s, _: s.part.references.uetr,
    "getReference/getProprietaries/#/getReference": _own,
    "getReference/getProprietaries/#/getType": _own,
    f"{_PARTY}/getRelatedPartyType/getName": lambda s, _: s.party.name,
    f"{_PARTY}/getAccount/getIban/getIban": lambda s, _: s.party.account,
    f"{_PARTY}/getAccount/getIdentification": lambda s, _: s.party.account,
    f"{_PARTY}/getAccount/getName": lambda s, _: s.party.name,
    f"{_PARTY}/getRelatedPartyType/getAddress/getBuildingNumber": _address,
    f"{_PARTY}/getRelatedPartyType/getAddress/getCountry": _address,
    f"{_PARTY}/getRelatedPartyType/getAddress/getPostCode": _address,
    f"{_PARTY}/getRelatedPartyType/getAddress/getStreetName": _address,
    f"{_PARTY}/getRelatedPartyType/getAddress/getTownName": _address,
    f"{_PARTY}/getRelatedPartyType/getAddress/getAddressLines/#": _address,
    f"{_PARTY}/getRelatedPartyType/getIdentification/getIdentification": _number,
    f"{_PARTY}/getRelatedPartyType/getIdentification/getOtherId": _number,
    f"{_PARTY}/getRelatedPartyType/getIdentification/getBic": _number,
    f"{_AGENT}/getBIC": lambda s, _: s.party.bank,
    f"{_AGENT}/getName": lambda s, _: s.party.bank,
    "getRemittanceInformation/getMessage": _remittance,
    "getRemittanceInformation/getCreditorReferenceInformation/getRef": _remittance,
    "getRemittanceInformation/getStructuredBlocks/#/getAdditionalRemittanceInformation": _remittance,
    "getRemittanceInformation/getStructuredBlocks/#/getCreditorReferenceInformation/getRef": (
        _remittance
    ),
    "getRemittanceInformation/getUnstructuredBlocks/#/getMessage": _remittance,
} | {path: (lambda s, w: _code(s, w, s.part.code or s.line.code)) for path in _CODES}


def _none_word(wanted: str) -> str | None:
    """Ours says nothing where the bank wrote that there is nothing."""
    return wanted if wanted == "NOTPROVIDED" else None


def _charges(spot: Spot) -> tuple[BankCharge, ...]:
    return spot.part.charges if spot.numbers else spot.line.charges


def _charge_sum(spot: Spot, _: Any) -> Any:
    charges = _charges(spot)
    return shown(
        Money(sum((c.amount.amount for c in charges), Decimal(0)), charges[0].amount.currency)
    )


_CHARGES: dict[str, Says] = {
    "getCharges/getTotalChargesAndTaxAmount": _charge_sum,
    "getCharges/getRecord/getAmount": lambda s, _: shown(_charges(s)[0].amount),
    "getCharges/getRecord/getChargesIncludedIndicator": lambda s, _: _charges(s)[0].included,
    "getCharges/getRecord/getIdentification": lambda s, _: _charges(s)[0].code,
}

SAYS: dict[str, Says] = (
    {
        "getAccountServicerReference": lambda s, _: s.line.references.bank,
        "getAdditionalInfo": lambda s, _: s.line.note,
        "getAmount": lambda s, _: shown(s.line.amount),
        "getBatchPaymentId": lambda s, _: s.line.references.payment,
        "getBookingDate": lambda s, w: w if w[:10] == str(s.line.booked_on) else s.line.booked_on,
        "getValueDate": lambda s, w: w if w[:10] == str(s.line.value_on) else s.line.value_on,
        "getCreditDebitIndicator": lambda s, _: "DBIT" if s.line.amount.amount < 0 else "CRDT",
        "getReversalIndicator": lambda s, _: s.line.reversal,
        "getStatus": lambda s, _: s.line.state or "BOOK",
    }
    | _CODES
    | _CHARGES
    | {f"getRecord/{path}": says for path, says in _RECORD.items()}
    | {f"getTransactionDetails/#/{path}": says for path, says in (_PART | _CHARGES).items()}
)
"""By the other reader's path below an entry: what ours says."""
