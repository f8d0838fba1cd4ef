"""Why the account at Shopify Payments changed: the types of its lines.

The API's words in lower case, and those of the older REST bodies. Source: the published schema of
2026-07 (ShopifyPaymentsTransactionType), and
https://shopify.dev/docs/api/admin-rest/latest/resources/transactions, read 2026-11-21.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from trueup.canon.payout import EntryKind


def _both(*words: str) -> Iterable[str]:
    """Yield words, each with the word for its being taken back: the amount's sign tells which."""
    return (f"{word}{end}" for word in words for end in ("", "_reversal"))


_OF: Final[Mapping[EntryKind, Iterable[str]]] = {
    EntryKind.UNKNOWN: ("unknown",),
    EntryKind.CHARGE: ("charge",),
    EntryKind.REFUND: ("refund", "payment_refund"),
    EntryKind.REFUND_FAILED: ("refund_failure",),
    EntryKind.DISPUTE: ("dispute", "dispute_withdrawal", "chargeback_hold"),
    EntryKind.DISPUTE_WON: ("dispute_reversal", "chargeback_hold_release"),
    EntryKind.FEE: (
        *("chargeback_fee", "chargeback_fee_refund", "stripe_fee", "referral_fee"),
        *("ach_bank_failure_debit_fee", "ach_bank_failure_debit_reversal_fee"),
        *("application_fee_refund", *_both("billing_debit", "marketplace_fee_credit")),
    ),
    EntryKind.TAX: (
        *("referral_fee_tax", "customs_duty", "customs_duty_adjustment"),
        *("import_tax", "import_tax_adjustment", "import_tax_refund"),
        *_both("tax_adjustment_debit", "tax_adjustment_credit", "vat_refund_credit"),
    ),
    EntryKind.SHIPPING: (
        *("shipping_label", "shipping_label_adjustment", "shipping_label_adjustment_base"),
        *("shipping_label_adjustment_surcharge", "shipping_return_to_origin_adjustment"),
        "shipping_other_carrier_charge_adjustment",
    ),
    EntryKind.PROMOTION: _both(
        *("promotion_credit", "channel_promotion_credit", "shop_cash_credit"),
        *("shop_cash_billing_debit", "shop_cash_refund_debit"),
        *("shop_cash_campaign_billing_debit", "shop_cash_campaign_billing_credit"),
    ),
    EntryKind.ADJUSTMENT: (
        *("adjustment", "credit", "debit", "charge_adjustment", "refund_adjustment"),
        *("markets_pro_credit", "advance", "advance_funding"),
        *_both("ads_publisher_credit", "chargeback_protection_credit", "channel_credit"),
        *_both("chargeback_protection_debit", "collections_credit", "anomaly_credit"),
        *_both("anomaly_debit", "merchant_goodwill_credit", "seller_protection_credit"),
        *_both("shopify_collective_debit", "shopify_collective_credit", "lending_debit"),
        *_both("lending_credit", "lending_capital_remittance", "lending_credit_remittance"),
        *_both("lending_capital_refund", "lending_credit_refund", "merchant_to_merchant_debit"),
        *_both("merchant_to_merchant_credit", "shopify_source_debit", "shopify_source_credit"),
    ),
    EntryKind.RESERVE_HELD: ("reserved_funds_withdrawal", "risk_withdrawal"),
    EntryKind.RESERVE_RELEASED: ("reserved_funds_reversal", "risk_reversal"),
    EntryKind.TRANSFER: (
        *("balance_transfer_inbound", "balance_transfer_outbound"),
        *_both("channel_transfer_credit", "channel_transfer_debit"),
    ),
    EntryKind.PAYOUT: ("transfer", "payout"),
    EntryKind.PAYOUT_FAILED: (
        *("transfer_failure", "transfer_cancel", "payout_failure", "payout_cancellation"),
    ),
}
KINDS: Final[Mapping[str, EntryKind]] = {
    word: kind for kind, words in _OF.items() for word in words
}
"""The kind of each type; "unknown" is no type of Shopify's."""

_RESERVES = frozenset(("reserve", "reserved_funds"))


def entry_kind(word: str, amount: Decimal) -> EntryKind | None:
    """Return the kind of a line; None for a type that is not known."""
    told = word.lower()
    if told in _RESERVES:
        return EntryKind.RESERVE_HELD if amount < 0 else EntryKind.RESERVE_RELEASED
    kind = None if told == "unknown" else KINDS.get(told)
    if told == "dispute" and amount > 0:
        return EntryKind.DISPUTE_WON
    return kind
