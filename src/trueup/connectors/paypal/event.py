"""PayPal's transaction event codes, and why they change the account.

Source: the page "Transaction event codes" of PayPal's reports, and memory where that is short; the
README says how well it is known.
"""

from typing import Final

from trueup.canon.payout import EntryKind

_GROUPS: Final = {
    "T01": EntryKind.FEE,
    "T02": EntryKind.TRANSFER,  # between the account's own currencies
    "T03": EntryKind.TOP_UP,
    "T04": EntryKind.PAYOUT,
    "T05": EntryKind.TRANSFER,  # the account's debit card
    "T06": EntryKind.TRANSFER,
    "T07": EntryKind.TOP_UP,
    "T08": EntryKind.PROMOTION,
    "T09": EntryKind.PROMOTION,
    "T10": EntryKind.TRANSFER,
    "T14": EntryKind.ADJUSTMENT,
    "T15": EntryKind.RESERVE_HELD,
    "T16": EntryKind.TOP_UP,
    "T17": EntryKind.TRANSFER,
    "T18": EntryKind.TRANSFER,
    "T19": EntryKind.ADJUSTMENT,
    "T20": EntryKind.TRANSFER,
    "T22": EntryKind.TRANSFER,
    "T97": EntryKind.SHIPPING,
}
_CODES: Final = {
    **dict.fromkeys(("T1101", "T1104"), EntryKind.PAYOUT_FAILED),
    **dict.fromkeys(("T1108", "T1109"), EntryKind.FEE),
    **dict.fromkeys(("T1106", "T1110", "T1201", "T1207"), EntryKind.DISPUTE),
    **dict.fromkeys(("T1111", "T1202", "T1205", "T1208"), EntryKind.DISPUTE_WON),
    **dict.fromkeys(("T1107", "T1113", "T1115", "T1119"), EntryKind.REFUND),
    **dict.fromkeys(("T1100", "T1102", "T1103", "T1112", "T1114", "T1116"), EntryKind.ADJUSTMENT),
    **dict.fromkeys(("T1117", "T1118", "T1120"), EntryKind.ADJUSTMENT),
    **dict.fromkeys(("T1200", "T1203", "T1204"), EntryKind.ADJUSTMENT),
    "T1105": EntryKind.RESERVE_RELEASED,
    **dict.fromkeys(("T2101", "T2103", "T2105", "T2107", "T2111", "T2113"), EntryKind.RESERVE_HELD),
    **dict.fromkeys(("T2102", "T2104", "T2106", "T2108", "T2112"), EntryKind.RESERVE_RELEASED),
}


def entry_kind(event: str, *, received: bool) -> EntryKind:
    """Return why the account changed; unknown where the code is not known.

    Args:
        event: such as "T0006".
        received: money came in; many codes are used for both ways.
    """
    if event in _CODES:
        return _CODES[event]
    if event.startswith("T00"):
        return EntryKind.CHARGE if received else EntryKind.TRANSFER
    kind = _GROUPS.get(event[:3], EntryKind.UNKNOWN)
    if kind is EntryKind.PAYOUT and received:
        return EntryKind.PAYOUT_FAILED
    if kind is EntryKind.RESERVE_HELD and received:
        return EntryKind.RESERVE_RELEASED
    return kind
