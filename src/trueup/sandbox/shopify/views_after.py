"""Payments, parcels, refunds and returns as the API shows them."""

from typing import Any

from trueup.sandbox.shopify import refunds, reverse_deliveries, totals
from trueup.sandbox.shopify.model import (
    Disposition,
    Fulfillment,
    Line,
    Order,
    OrderReturn,
    Refund,
    RefundLine,
    ReturnLine,
    Transaction,
)
from trueup.sandbox.shopify.money import ZERO, Pair
from trueup.sandbox.shopify.shop import gid
from trueup.sandbox.shopify.view import Ask, Pick, View, bag, listed, number_of
from trueup.sandbox.shopify.views_catalogue import LocationView
from trueup.sandbox.shopify.views_line import LineView, ShippingView

__all__ = ["FulfillmentView", "RefundView", "ReturnView", "transaction_of"]


def transaction_of(ask: Ask, order: Order, each: Transaction) -> Pick:
    """Return one movement of money."""
    parents = [it for it in order.transactions if it.id == each.parent_id]
    return Pick(
        "OrderTransaction", id=gid("OrderTransaction", each.id), kind=each.kind.upper(),
        status=each.status.upper(), gateway=each.gateway, formatted_gateway=each.gateway.title(),
        amount_set=bag(order, each.amount), created_at=each.created_at,
        processed_at=each.created_at, test=each.test, error_code=None,
        payment_id=f"{order.token[:12]}.{each.id % 1000}", manual_payment_gateway=False,
        account_number=None, authorization_code=None,
        parent_transaction=transaction_of(ask, order, parents[0]) if parents else None,
        order=lambda: order_view(ask, order),
    )  # fmt: skip


def order_view(ask: Ask, order: Order) -> object:
    """Return the view of the order that a part belongs to."""
    from trueup.sandbox.shopify.views_orders import (  # noqa: PLC0415 - both name each other
        OrderView,
    )

    return OrderView(ask, order)


class _OrderPart(View[Any]):
    """Something that belongs to an order."""

    def __init__(self, ask: Ask, owner: Order, it: object) -> None:
        super().__init__(ask, it)
        self.owner = owner

    @property
    def order(self) -> object:
        """The order it belongs to."""
        return order_view(self.ask, self.owner)

    def _bag(self, amount: Pair) -> Pick:
        return bag(self.owner, amount)

    def _location(self, number: int | None) -> LocationView | None:
        found = self.shop.locations.get(number or 0)
        return None if found is None else LocationView(self.ask, found)

    def _line(self, line: Line) -> LineView:
        return LineView(self.ask, self.owner, line)


class FulfillmentView(_OrderPart):
    """A parcel."""

    typename = "Fulfillment"
    it: Fulfillment
    estimated_delivery_at = None
    requires_shipping = True

    @property
    def status(self) -> str:
        """SUCCESS or CANCELLED."""
        return self.it.status.upper()

    @property
    def display_status(self) -> str:
        """How far the parcel is."""
        if self.it.status == "cancelled":
            return "CANCELED"
        return (self.it.shipment_status or "fulfilled").upper()

    @property
    def in_transit_at(self) -> object:
        """When the carrier took it."""
        return self.it.created_at if self.it.shipment_status else None

    @property
    def total_quantity(self) -> int:
        """Units inside."""
        return sum(units for _, units, _ in self.it.lines)

    @property
    def location(self) -> LocationView | None:
        """Where it was sent from."""
        return self._location(self.it.location_id)

    @property
    def service(self) -> Pick:
        """Who packed it: the merchant."""
        return Pick("FulfillmentService", id=gid("FulfillmentService", "manual"), handle="manual",
                    service_name="Manual", type="MANUAL")  # fmt: skip

    def tracking_info(self, first: int | None = None) -> list[Pick]:
        """Return the tracking numbers."""
        return [
            Pick("FulfillmentTrackingInfo", company=self.it.company, number=number,
                 url=f"https://track.example/{number}")
            for number in self.it.numbers
        ][:first]  # fmt: skip

    def fulfillment_line_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return what is inside."""
        return listed(self.ask, self.it.lines, self.inside, args)

    def inside(self, part: tuple[Line, int, int]) -> Pick:
        """Return one line of it."""
        line, units, number = part
        share = self.owner.exchange.share(line.net, units, line.quantity)
        return Pick(
            "FulfillmentLineItem", id=gid("FulfillmentLineItem", number), quantity=units,
            line_item=self._line(line), discounted_total_set=self._bag(share),
            original_total_set=self._bag(line.unit_price * units),
        )  # fmt: skip


class RefundView(_OrderPart):
    """Money given back."""

    typename = "Refund"
    it: Refund

    @property
    def updated_at(self) -> object:
        """Refunds never change."""
        return self.it.created_at

    processed_at = updated_at

    @property
    def return_(self) -> "ReturnView | None":
        """The return that led to it."""
        found = [each for each in self.owner.returns if each.id == self.it.return_id]
        return ReturnView(self.ask, self.owner, found[0]) if found else None

    @property
    def total_refunded_set(self) -> Pick:
        """The money that went back."""
        return self._bag(sum((each.amount for each in self.it.transactions), ZERO))

    @property
    def duties(self) -> list[Pick]:
        """Duties given back."""
        return []

    def refund_line_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the lines."""
        return listed(self.ask, self.it.lines, self._refund_line, args)

    def transactions(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the movements of money."""
        show = lambda it: transaction_of(self.ask, self.owner, it)  # noqa: E731 - one line
        return listed(self.ask, self.it.transactions, show, args)

    def order_adjustments(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return differences between lines and money."""
        parts = [self.it.discrepancy] if self.it.discrepancy else []
        return listed(self.ask, parts, self._adjustment, args)

    def refund_shipping_lines(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return shipping given back."""
        ships = self.owner.shipping_lines[:1] if self.it.shipping else []
        return listed(self.ask, ships, self._shipping, args)

    def _shipping(self, ship: object) -> Pick:
        return Pick(
            "RefundShippingLine", id=gid("RefundShippingLine", self.it.adjustment_id),
            shipping_line=ShippingView(self.ask, self.owner, ship),  # type: ignore[arg-type]
            subtotal_amount_set=self._bag(self.it.shipping),
            tax_amount_set=self._bag(self.it.shipping_tax),
        )  # fmt: skip

    def _adjustment(self, amount: Pair) -> Pick:
        return Pick(
            "OrderAdjustment", id=gid("OrderAdjustment", self.it.adjustment_id + 1),
            reason="REFUND_DISCREPANCY", amount_set=self._bag(amount),
            tax_amount_set=self._bag(ZERO),
        )  # fmt: skip

    def _refund_line(self, each: RefundLine) -> Pick:
        return Pick(
            "RefundLineItem", id=gid("RefundLineItem", each.id), quantity=each.quantity,
            restock_type=each.restock_type.upper(), restocked=each.restock_type != "no_restock",
            location=self._location(each.location_id), line_item=self._line(each.line),
            price_set=self._bag(each.line.unit_price), subtotal_set=self._bag(each.subtotal),
            total_tax_set=self._bag(each.tax),
        )  # fmt: skip


class ReturnView(_OrderPart):
    """A return."""

    typename = "Return"
    it: OrderReturn

    @property
    def status(self) -> str:
        """REQUESTED, OPEN, CLOSED, DECLINED or CANCELED."""
        return self.it.status.upper()

    @property
    def request_approved_at(self) -> object:
        """When the merchant agreed."""
        return None if self.it.status == "requested" else self.it.created_at

    @property
    def decline(self) -> Pick | None:
        """Why the merchant did not agree."""
        if self.it.decline is None:
            return None
        reason, note = self.it.decline
        return Pick("ReturnDecline", reason=reason, note=note)

    def exchange_line_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return what is sent instead."""
        show = lambda it: Pick(  # noqa: E731 - one expression
            "ExchangeLineItem", id=gid("ExchangeLineItem", it[0]), quantity=it[1]
        )
        return listed(self.ask, self.it.exchanged, show, args)

    def suggested_financial_outcome(
        self,
        return_line_items: list[dict[str, Any]],
        exchange_line_items: list[dict[str, Any]],  # noqa: ARG002 - there are none here
    ) -> Pick:
        """Return what these units are worth, and of which payments it would go back."""
        lines = {each.id: each.line for each in self.it.lines}
        named = {number_of(it["id"], "ReturnLineItem"): it for it in return_line_items}
        units = [(lines[n], it["quantity"]) for n, it in named.items() if n in lines]
        amount = refunds.worth(self.owner, units)
        money_in, money_back = totals.received(self.owner)
        parts = refunds.shares(self.owner, amount)
        outcome = Pick(
            "RefundReturnOutcome", amount=self._bag(amount),
            suggested_transactions=[self._suggested(*part) for part in parts],
        )  # fmt: skip
        return Pick(
            "SuggestedReturnFinancialOutcome",
            maximum_refundable=self._bag(money_in - money_back),
            discounted_subtotal=self._bag(amount), total_tax=self._bag(ZERO),
            financial_transfer=outcome if amount else None,
        )  # fmt: skip

    def _suggested(self, parent: Transaction, amount: Pair) -> Pick:
        return Pick(
            "SuggestedOrderTransaction", amount_set=self._bag(amount), gateway=parent.gateway,
            kind="SUGGESTED_REFUND",
            parent_transaction=transaction_of(self.ask, self.owner, parent),
        )  # fmt: skip

    @property
    def total_quantity(self) -> int:
        """Units that come back."""
        return sum(line.quantity for line in self.it.lines)

    def return_line_items(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the lines."""
        return listed(self.ask, self.it.lines, self._return_line, args)

    def refunds(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the refunds it led to."""
        found = [each for each in self.owner.refunds if each.id in self.it.refund_ids]
        return listed(self.ask, found, lambda it: RefundView(self.ask, self.owner, it), args)

    def reverse_fulfillment_orders(self, **args: Any) -> object:  # noqa: ANN401 - page arguments
        """Return the way back of the goods: one per return that was agreed to."""
        agreed = [] if self.it.status in {"requested", "declined"} else [self.it]
        return listed(self.ask, agreed, self._reverse, args)

    def _reverse(self, each: OrderReturn) -> Pick:
        state = "CLOSED" if each.status == "closed" else "OPEN"
        return Pick(
            "ReverseFulfillmentOrder", id=gid("ReverseFulfillmentOrder", each.id + 1),
            order=lambda: order_view(self.ask, self.owner), status=state,
            line_items=lambda **args: listed(self.ask, each.lines, self._reverse_line, args),
            reverse_deliveries=lambda **args: listed(
                self.ask, each.deliveries, reverse_deliveries.shown, args
            ),
        )  # fmt: skip

    def _reverse_line(self, each: ReturnLine) -> Pick:
        done = [self._disposition(each, part) for part in each.dispositions]
        return Pick(
            "ReverseFulfillmentOrderLineItem",
            id=gid("ReverseFulfillmentOrderLineItem", each.id), total_quantity=each.quantity,
            fulfillment_line_item=self._sent(each), dispositions=done,
        )  # fmt: skip

    def _disposition(self, each: ReturnLine, part: Disposition) -> Pick:
        return Pick(
            "ReverseFulfillmentOrderDisposition",
            id=gid("ReverseFulfillmentOrderDisposition", each.id), quantity=part.quantity,
            type=part.type.upper(), location=self._location(part.location_id),
        )  # fmt: skip

    def _sent(self, each: ReturnLine) -> Pick:
        line = each.line
        return Pick(
            "FulfillmentLineItem", id=gid("FulfillmentLineItem", each.fulfillment_line_id),
            quantity=each.quantity, line_item=self._line(line),
            original_total_set=self._bag(line.unit_price * each.quantity),
            discounted_total_set=self._bag(line.net),
        )  # fmt: skip

    def _return_line(self, each: ReturnLine) -> Pick:
        left = each.quantity - each.processed
        return Pick(
            "ReturnLineItem", id=gid("ReturnLineItem", each.id), quantity=each.quantity,
            processable_quantity=left, processed_quantity=each.processed,
            unprocessed_quantity=left, refundable_quantity=each.quantity - each.refunded,
            refunded_quantity=each.refunded, return_reason=each.reason.upper(),
            return_reason_note=each.note, customer_note=each.wish,
            fulfillment_line_item=self._sent(each),
        )  # fmt: skip
