"""What a refund of a return asks next, from replies as the shop gives them."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trueup.canon.return_command import RefundReturn, Settled
from trueup.connectors.shopify import return_refund
from trueup.contract.connector import ReceiptState, Reply
from trueup.kernel.money import Money

_PAY = RefundReturn(
    order_ref="1",
    return_ref="2",
    amount=Money(Decimal(30), "EUR"),
    lines=(Settled(line_ref="5", quantity=3, restocked=2, absent=1, location_ref="9"),),
)


def reply(**data: Any) -> Reply:
    return Reply(status=200, headers={}, body=msgspec.json.encode({"data": data}))


def look(*, refunded: int = 0, disposed: int = 0, cut: bool = False) -> Reply:
    """Return a return of one line that was sent in two parcels."""
    line = {"id": "gid://shopify/LineItem/5"}
    sent = [{"id": f"parcel-{n}", "lineItem": line} for n in range(2)]
    back = {"quantity": refunded, "lineItem": line}
    page = {"hasNextPage": cut}
    lines = [
        {
            "id": f"line-{n}",
            "processableQuantity": units,
            "refundableQuantity": units,
            "fulfillmentLineItem": each,
        }
        for n, (units, each) in enumerate(zip((2, 1), sent, strict=True))
    ]
    coming = [
        {
            "id": f"way-{n}",
            "totalQuantity": units,
            "fulfillmentLineItem": each,
            "dispositions": [{"quantity": disposed}] if disposed and not n else [],
        }
        for n, (units, each) in enumerate(zip((2, 1), sent, strict=True))
    ]
    refund = {"id": "r", "refundLineItems": {"nodes": [back], "pageInfo": {}}}
    order = {"id": "o", "refunds": [refund] if refunded else []}
    told = {
        "id": "gid://shopify/Return/2",
        "status": "OPEN",
        "order": order,
        "exchangeLineItems": {"nodes": []},
        "returnLineItems": {"nodes": lines, "pageInfo": page},
        "reverseFulfillmentOrders": {
            "nodes": [{"lineItems": {"nodes": coming, "pageInfo": {}}}],
            "pageInfo": {},
        },
    }
    return reply(**{"return": told})


def bag(amount: str, currency: str = "EUR") -> dict[str, Any]:
    money = {"amount": amount, "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def outcome(*parts: str, whole: str = "45.0") -> Reply:
    payments = [
        {"amountSet": bag(part), "parentTransaction": {"id": f"paid-{n}"}}
        for n, part in enumerate(parts)
    ]
    transfer = {"amount": bag(whole), "suggestedTransactions": payments}
    return reply(outcome={"suggestedFinancialOutcome": {"financialTransfer": transfer}})


def sent(*replies: Reply) -> dict[str, Any]:
    asked = return_refund.following(_PAY, "decision/7/0", replies)
    assert asked is not None
    found: dict[str, Any] = msgspec.json.decode(asked.body)["variables"]
    return found


def test_units_of_a_line_are_taken_from_its_parcels_and_money_from_its_payments() -> None:
    worth = sent(look())
    assert worth["lines"] == [{"id": "line-0", "quantity": 2}, {"id": "line-1", "quantity": 1}]
    paid = sent(look(), outcome("25.0", "20.0"))["input"]
    first, second = paid["returnLineItems"]
    assert [(each["dispositionType"], each["quantity"]) for each in first["dispositions"]] == [
        ("RESTOCKED", 2)
    ]
    assert second["dispositions"] == [
        {"reverseFulfillmentOrderLineItemId": "way-1", "quantity": 1, "dispositionType": "MISSING"}
    ]
    parts = paid["financialTransfer"]["issueRefund"]["orderTransactions"]
    assert [(each["parentId"], each["transactionAmount"]["amount"]) for each in parts] == [
        ("paid-0", "25.00"),
        ("paid-1", "5.00"),
    ]


def test_what_the_shops_team_said_of_units_is_not_said_again() -> None:
    paid = sent(look(disposed=1), outcome("45.0"))["input"]["returnLineItems"]
    kinds = [[each["dispositionType"] for each in line["dispositions"]] for line in paid]
    assert [[each["quantity"] for each in line["dispositions"]] for line in paid] == [[1], [1]]
    assert kinds == [["RESTOCKED"], ["RESTOCKED"]]


def test_a_refusal_of_what_an_earlier_call_may_have_done_is_looked_into() -> None:
    wrong = [{"code": "INVALID", "message": "Quantity exceeds what can be processed."}]
    refused = reply(returnProcess={"userErrors": wrong})
    replies = [look(), outcome("45.0"), refused]
    asked = return_refund.following(_PAY, "r", replies)
    assert asked == return_refund.request(_PAY)
    assert return_refund.following(_PAY, "r", [*replies, look()]) is None
    done = return_refund.receipt(_PAY, "r", look(refunded=3))
    assert (done.state, done.vendor_ref) == (ReceiptState.DONE, "2")
    assert return_refund.receipt(_PAY, "r", look()).code == "invalid"
    denied = reply(returnProcess={"userErrors": [{"code": "TOO_LONG", "message": "no"}]})
    assert return_refund.following(_PAY, "r", [*replies[:2], denied]) is None
    assert return_refund.receipt(_PAY, "r", denied).code == "too_long"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (look(cut=True), "too_large"),
        (look(refunded=1), "refunded_by_others"),
        (reply(outcome={"suggestedFinancialOutcome": None}), "nothing_to_pay"),
        (outcome(whole="0.0"), "nothing_to_pay"),
    ],
)
def test_nothing_is_paid_where_it_is_not_as_it_was_thought(last: Reply, code: str) -> None:
    replies = [last] if "outcome" not in last.body.decode() else [look(), last]
    assert return_refund.following(_PAY, "r", replies) is None
    assert return_refund.receipt(_PAY, "r", last).code == code


def test_a_payment_that_nobody_names_is_not_guessed() -> None:
    told = msgspec.json.decode(outcome("45.0").body)["data"]["outcome"]
    transfer = told["suggestedFinancialOutcome"]["financialTransfer"]
    transfer["suggestedTransactions"][0]["parentTransaction"] = None
    last = reply(outcome=told)
    assert return_refund.following(_PAY, "r", [look(), last]) is None
    assert return_refund.receipt(_PAY, "r", last).code == "no_payment"
