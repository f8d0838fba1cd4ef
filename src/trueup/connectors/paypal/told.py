"""The bodies of the pieces that a settlement report becomes."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from trueup.contract.amount import Currency

STATEMENT_TOPIC = "paypal/statement"
ENTRY_TOPIC = "paypal/entry"
PAYOUT_TOPIC = "paypal/payout"

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class StatementTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one section says of one currency; `found` is what its rows come to, fees taken off.

    Attributes:
        opening, closing: what is available, before the first row and after the last.
        differs: the rows do not lead from one to the other.
    """

    account: Ref
    currency: Currency
    start_at: Instant
    end_at: Instant
    told_at: Instant
    rows: int
    found: Decimal
    opening: Decimal | None = None
    closing: Decimal | None = None
    differs: bool = False


class EntryTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row; amounts are signed as the account sees them. Also the body of a payout."""

    ref: Ref
    account: Ref
    transaction: Ref
    event: str
    gross: Decimal
    fee: Decimal
    currency: Currency
    at: Instant
    told_at: Instant
    initiated_at: Instant | None = None
    invoice: str | None = None
    reference: str | None = None
    reference_type: str | None = None
    tracking: str | None = None
    store: str | None = None
    bank_reference: str | None = None
    custom: str | None = None
    consumer: str | None = None
