"""What a connection's word about money is worth, by its connector."""

import pytest

from trueup.contract.loader import find_connectors
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.model import Connection
from trueup.ledger.money import SELLERS, Teller


@pytest.mark.parametrize(
    ("connector", "teller"),
    [
        ("shopify", Teller.SELLER),
        ("bigcommerce", Teller.SELLER),
        ("woocommerce", Teller.PAID_ORDERS),
        ("amazon", Teller.MARKETPLACE),
        ("stripe", Teller.PAYMENTS),
        ("paypal", Teller.PAYMENTS),
        ("quickbooks", Teller.COPY),
        ("odoo", Teller.COPY),
        ("manual", Teller.COPY),
    ],
)
def test_only_who_sells_tells_sales(connector: str, teller: Teller) -> None:
    """An ERP holds copies of orders and payments that a shop has told."""
    one = Connection(connection_id=1, name="c", connector=connector, settings={}, state="active")
    hub = Hub(Vault(bytes(range(32))), find_connectors(), [one])
    assert hub.teller_of(1) is teller
    assert (hub.sellers() == [1]) is (teller in SELLERS)
    assert hub.teller_of(2) is Teller.COPY, "of a connection that is gone nothing is booked"
