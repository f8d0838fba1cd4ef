"""Every cause is told in words, and one that is not known is not passed over."""

import pytest

from trueup.reconcile.doubles import SPLIT, UNMAPPED
from trueup.reconcile.exceptions import UNDER_WAY
from trueup.reconcile.loop_causes import CAUSES
from trueup.reconcile.meanings import meaning_of
from trueup.reconcile.money.model import Cause
from trueup.reconcile.promises import OVERSOLD

KNOWN = {*Cause, *CAUSES, SPLIT, UNMAPPED, OVERSOLD, "not_arrived", "deleted_there"} - UNDER_WAY


@pytest.mark.parametrize("cause", sorted(KNOWN))
def test_every_cause_says_what_it_means_and_what_to_do(cause: str) -> None:
    meaning = meaning_of(cause)
    assert meaning.says != cause.replace("_", " ")
    assert meaning.to_do.endswith(".")
    assert not meaning.says.endswith(".")


def test_a_cause_that_nobody_described_is_shown_as_it_is() -> None:
    assert meaning_of("moon_phase").says == "moon phase"
