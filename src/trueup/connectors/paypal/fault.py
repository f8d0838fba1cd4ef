"""What may be wrong with a piece of a settlement report."""

from typing import Final

from trueup.contract.fault import Faults

FAULTS: Final = Faults(
    vendor="PayPal", malformed_code="paypal.piece_malformed", invalid_code="paypal.piece_invalid"
)
