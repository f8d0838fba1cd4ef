"""What banks' own words for balances and states mean; None where it is not known."""

from typing import Final

from trueup.canon.bank import BalanceKind, BankLineState

_BALANCES: Final = {
    "OPBD": BalanceKind.OPENING,
    "PRCD": BalanceKind.OPENING,
    "CLBD": BalanceKind.CLOSING,
    "OPAV": BalanceKind.OPENING_AVAILABLE,
    "CLAV": BalanceKind.CLOSING_AVAILABLE,
    "FWAV": BalanceKind.FORWARD_AVAILABLE,
    "ITBD": BalanceKind.INTERIM,
    "ITAV": BalanceKind.INTERIM_AVAILABLE,
    "XPCD": BalanceKind.EXPECTED,
    "INFO": BalanceKind.INFO,
}
_STATES: Final = {
    "BOOK": BankLineState.BOOKED,
    "PDNG": BankLineState.PENDING,
    "FUTR": BankLineState.PENDING,  # told ahead of the day on which it will be booked
    "INFO": BankLineState.INFO,
}


def balance_kind(code: str) -> BalanceKind | None:
    """Return which balance a word of ISO 20022 means; a bank's own word begins with "own "."""
    return _BALANCES.get(code)


def line_state(code: str | None) -> BankLineState | None:
    """Return what a word of ISO 20022 says of a line; no word means that it is booked."""
    return BankLineState.BOOKED if code is None else _STATES.get(code)
