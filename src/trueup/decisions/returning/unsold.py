"""What people are told where nobody sells the label that a return wants. Pure."""

from collections.abc import Mapping
from typing import Final

from trueup.canon.issue import Issue, Severity
from trueup.decisions.returning.labelled import LABELS, Labelled, Unsold
from trueup.decisions.returning.seen import ReturnSeen

UNSOLD: Final = "return.label_unsold"

_WHY: Final[Mapping[str, str]] = {
    "too_dear": "every label that fits costs more than {price}",
    "wrong_currency": "no label is sold in {currency}",
    "no_rates": "no carrier takes this parcel from the customer to there",
    "no_such_service": "no carrier offers {service} for this parcel",
}
_MEND: Final[Mapping[str, str]] = {
    "too_dear": "set price_max higher",
    "wrong_currency": "set price_max in the currency that the carriers charge in",
    "no_such_service": "set another carrier and service, or none",
}
_OTHERWISE: Final = "change what is wished for"


def issue_of(seen: ReturnSeen, label: Labelled) -> Issue | None:
    """Return the issue of a return whose label was not sold; None where none was refused.

    Args:
        seen: the return, which still wants a label.
        label: how far its label is.
    """
    unsold = label.unsold
    if unsold is None:
        return None
    mend = _MEND.get(unsold.code, _OTHERWISE)
    return Issue(
        code=UNSOLD,
        severity=Severity.WARNING,
        pointer=unsold.ref,
        expected=f"a label for the return {seen.name} of order {seen.number}",
        found=_why(unsold),
        how_to_fix=(
            f"In [decisions.{LABELS}] {mend}: the label is asked for again. Or put one on the "
            f"return at the shop yourself, then: trueup dead discard --command {unsold.ref}."
        ),
        ref=f"return/{seen.return_ref}",
    )


def _why(unsold: Unsold) -> str:
    wish = unsold.wish
    said = _WHY.get(unsold.code, "what sells labels refused it: {code}")
    service = " ".join(each for each in (wish.carrier, wish.service) if each)
    return said.format(
        price=wish.price_max,
        currency=wish.price_max.currency,
        service=service or "that",
        code=unsold.code,
    )
