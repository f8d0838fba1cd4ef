"""People as the API shows them."""

from typing import Any

from trueup.sandbox.shopify import store_credit
from trueup.sandbox.shopify.model import Customer
from trueup.sandbox.shopify.view import Pick, View, listed, money
from trueup.sandbox.shopify.views_orders import OrderView, address_of

__all__ = ["CustomerView"]


class CustomerView(View[Customer]):
    """A person known to the shop."""

    typename = "Customer"
    state = "DISABLED"
    locale = "en"
    verified_email = True
    tax_exempt = False
    data_sale_opt_out = False

    @property
    def display_name(self) -> str:
        """Both names."""
        return f"{self.it.first_name} {self.it.last_name}".strip()

    @property
    def number_of_orders(self) -> int:
        """Orders so far."""
        return self.it.orders_count

    @property
    def amount_spent(self) -> Pick:
        """Money spent so far."""
        return money(self.it.total_spent, self.shop.settings.currency)

    @property
    def default_address(self) -> Pick | None:
        """Where things are sent."""
        return address_of(self.it.address)

    def addresses(self, first: int | None = None) -> list[Pick]:
        """Return all addresses."""
        one = address_of(self.it.address)
        return [] if one is None else [one][:first]

    def addresses_v2(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return all addresses as pages."""
        held = [self.it.address] if self.it.address else []
        return listed(self.ask, held, address_of, args)

    def store_credit_accounts(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return what credit there is."""
        return store_credit.accounts(self.ask, self.it.id, args)

    @property
    def default_email_address(self) -> Pick | None:
        """E-mail and what it may be used for."""
        if self.it.email is None:
            return None
        return Pick(
            "CustomerEmailAddress", email_address=self.it.email, valid_format=True,
            marketing_state=self.it.email_consent.upper(),
            marketing_opt_in_level="SINGLE_OPT_IN",
            marketing_updated_at=self.it.email_consent_at,
        )  # fmt: skip

    @property
    def default_phone_number(self) -> Pick | None:
        """Phone and what it may be used for."""
        if self.it.phone is None:
            return None
        return Pick(
            "CustomerPhoneNumber", phone_number=self.it.phone,
            marketing_state=self.it.sms_consent.upper(),
            marketing_opt_in_level="SINGLE_OPT_IN", marketing_updated_at=self.it.sms_consent_at,
        )  # fmt: skip

    @property
    def email_marketing_consent(self) -> Pick | None:
        """Consent to e-mail."""
        return Pick(
            "CustomerEmailMarketingConsentState", consent_updated_at=self.it.email_consent_at,
            marketing_opt_in_level="SINGLE_OPT_IN",
            marketing_state=self.it.email_consent.upper(),
        )  # fmt: skip

    @property
    def sms_marketing_consent(self) -> Pick | None:
        """Consent to messages; None without a phone."""
        if self.it.phone is None:
            return None
        return Pick(
            "CustomerSmsMarketingConsentState", consent_updated_at=self.it.sms_consent_at,
            consent_collected_from="OTHER", marketing_opt_in_level="SINGLE_OPT_IN",
            marketing_state=self.it.sms_consent.upper(),
        )  # fmt: skip

    def orders(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return this person's orders."""
        found = [each for each in self.shop.orders.values() if each.customer is self.it]
        return listed(self.ask, found, lambda it: OrderView(self.ask, it), args)

    @property
    def last_order(self) -> OrderView | None:
        """The newest order."""
        found = self.shop.orders.get(self.it.last_order_id or 0)
        return None if found is None else OrderView(self.ask, found)
