"""Goal: who reads that a label was not sold knows why, and what to do about it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from trueup.canon.customer import Address
from trueup.canon.returns import ReturnState
from trueup.decisions.blanks.postage import Postage
from trueup.decisions.returning.labelled import Labelled, Unsold
from trueup.decisions.returning.seen import ReturnSeen
from trueup.decisions.returning.unsold import issue_of
from trueup.kernel.money import Money

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SEEN = ReturnSeen(
    record_id=7,
    connection_id=1,
    channel="shop",
    order_ref="1001",
    return_ref="55",
    number="#1001",
    name="#1001-R1",
    state=ReturnState.OPEN,
    asked_at=AT,
    placed_at=AT,
    total=Money(Decimal(20), "EUR"),
    left=Money(Decimal(20), "EUR"),
    lines=(),
)


def refused(code: str, **wish: str) -> Labelled:
    asked = Postage(
        order=SEEN.order,
        number="#1001-R1",
        recipient=Address(),
        price_max=Money(Decimal("6.06"), "USD"),
        weight_g=400,
        **wish,
    )
    unsold = Unsold(ref="decision/9/0", code=code, wish=asked)
    return Labelled(order=SEEN.order, times=0, bought_by=None, unsold=unsold, refusals=1)


@pytest.mark.parametrize(
    ("code", "found", "mend"),
    [
        ("too_dear", "every label that fits costs more than 6.06 USD", "set price_max higher"),
        ("wrong_currency", "no label is sold in USD", "in the currency that the carriers charge"),
        ("no_rates", "no carrier takes this parcel from the customer to there", "change what"),
        ("no_such_service", "no carrier offers UPS Ground for this parcel", "another carrier"),
        ("ADDRESS.VERIFY", "what sells labels refused it: ADDRESS.VERIFY", "change what"),
    ],
)
def test_each_refusal_is_told_with_what_mends_it(code: str, found: str, mend: str) -> None:
    issue = issue_of(SEEN, refused(code, carrier="UPS", service="Ground"))
    assert issue is not None
    assert (issue.found, mend in issue.how_to_fix) == (found, True)
    assert issue.expected == "a label for the return #1001-R1 of order #1001"
    assert issue.how_to_fix.endswith("trueup dead discard --command decision/9/0.")


def test_of_a_label_that_nobody_refused_there_is_nothing_to_tell() -> None:
    assert issue_of(SEEN, Labelled(order=SEEN.order, times=1, bought_by="decision/9/0")) is None
