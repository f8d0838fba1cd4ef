"""The nodes of Shopify Payments as the documents ask for them, and the shapes they become."""

from trueup.connectors.shopify.node import MoneyNode, Node
from trueup.connectors.shopify.payout import EntryShape, PayoutShape
from trueup.connectors.shopify.shape import Id
from trueup.connectors.shopify.unsound import Unsound


class PayoutNode(Node, frozen=True, kw_only=True):
    """Money on its way to the bank."""

    id: Id
    issued_at: str
    status: str
    net: MoneyNode
    external_trace_id: str | None = None
    transaction_type: str | None = None


class PayoutOfNode(Node, frozen=True, kw_only=True):
    """The payout that a line was paid out with."""

    id: Id | None = None


class NamedNode(Node, frozen=True, kw_only=True):
    """An order by its number."""

    name: str | None = None


class EntryNode(Node, frozen=True, kw_only=True):
    """One line of the account."""

    id: Id
    type: str
    transaction_date: str
    amount: MoneyNode
    fee: MoneyNode
    net: MoneyNode
    source_id: Id | None = None
    source_order_transaction_id: Id | None = None
    associated_payout: PayoutOfNode | None = None
    associated_order: NamedNode | None = None
    adjustments_orders: tuple[NamedNode, ...] = ()


def payout_shape(node: PayoutNode) -> PayoutShape:
    """Return the payout in the shape of REST."""
    return PayoutShape(
        id=node.id,
        status=node.status,
        date=node.issued_at,
        currency=_currency(node.net),
        amount=node.net.amount,
        trace=node.external_trace_id,
        withdrawal=node.transaction_type == "WITHDRAWAL",
    )


def entry_shape(node: EntryNode) -> EntryShape:
    """Return the line in the shape of REST."""
    currency = _currency(node.net)
    if {_currency(node.amount), _currency(node.fee)} != {currency}:
        raise Unsound(b"", "one currency for amount, fee and net")
    orders = [node.associated_order, *node.adjustments_orders]
    return EntryShape(
        id=node.id,
        type=node.type,
        payout_id=node.associated_payout.id if node.associated_payout else None,
        currency=currency,
        amount=node.amount.amount,
        fee=node.fee.amount,
        net=node.net.amount,
        source_id=node.source_id,
        source_order_transaction_id=node.source_order_transaction_id,
        processed_at=node.transaction_date,
        order_names=tuple(order.name for order in orders if order and order.name),
    )


def _currency(node: MoneyNode) -> str:
    if node.currency_code is None:
        raise Unsound(b"", "an amount with its currency")
    return node.currency_code
