"""What Shopify says is wrong with a mutation, and the receipt of it."""

from collections.abc import Sequence

import msgspec

from trueup.contract.connector import Receipt, ReceiptState

_MESSAGE_CHARS_MAX = 300


class UserError(msgspec.Struct, gc=False):
    """One thing that is wrong; some mutations have a word for it, some only a sentence."""

    message: str = ""
    code: str | None = None


def refusal(errors: Sequence[UserError]) -> Receipt:
    """Return the receipt of a mutation that was not carried out; the first error counts."""
    code = (errors[0].code or "user_error").lower()
    return refused(code, errors[0].message[:_MESSAGE_CHARS_MAX])


def refused(code: str, message: str) -> Receipt:
    """Return the receipt of what can not be done."""
    return Receipt(state=ReceiptState.REFUSED, code=code, message=message)
