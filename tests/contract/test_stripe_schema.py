"""Every call that the connector can make is one that Stripe publishes, and the twin answers so."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.support.openapi import load_document, problems, reply_problems
from tests.support.stripe_bodies import SPECS
from tests.support.stripe_hub import SECRETS, SmallHub
from trueup.canon.command import RefundPayment
from trueup.connectors.stripe import api, commands, hooks, pull
from trueup.contract.connector import Command, Fetch, Hook, Reply, Request
from trueup.kernel.money import Money
from trueup.sandbox.stripe.vendor import StripeVendor

pytestmark = [pytest.mark.anyio, pytest.mark.shared]

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
HOOK = Hook(ref="we_1", topic="refund.created", url="https://hub.example/hooks/stripe")
DOCUMENTS = {
    "balance": "stripe-balance-api-openapi.yml",
    "balance_transactions": "stripe-balance-transactions-api-openapi.yml",
    "charges": "stripe-charges-api-openapi.yml",
    "disputes": "stripe-disputes-api-openapi.yml",
    "events": "stripe-events-api-openapi.yml",
    "payouts": "stripe-payouts-api-openapi.yml",
    "refunds": "stripe-refunds-api-openapi.yml",
    "webhook_endpoints": "stripe-webhook-endpoints-api-openapi.yml",
}
# The published documents are of 2023-10-16; these kinds of events came later. They are named in
# https://docs.stripe.com/api/events/types, read 2026-11-21.
NEWER = frozenset(("refund.created", "refund.updated", "refund.failed"))
# Of a later version than the published document, which closes the list of versions.
PINNED = "body.api_version"


def refund(payment: str, reason: str | None) -> Command:
    content = RefundPayment(
        payment_ref=payment, amount=Money(Decimal("12.50"), "EUR"), reason=reason, order_ref="7"
    )
    return Command(
        kind="payment.refund", key=payment, ref="cmd-1", content=content, wanted_at=SINCE
    )


def every_request() -> list[Request]:
    found = [api.check_request(), hooks.list_request(None), hooks.list_request("we_1")]
    found += [hooks.create_request("refund.created", HOOK.url), hooks.delete_request(HOOK)]
    for resource in ("events", *DOCUMENTS.keys() & pull._NOUNS.keys()):
        for since, cursor in ((None, None), (SINCE, None), (SINCE, "xx_1")):
            found.append(pull.page_request(resource, since, cursor))
    for resource in sorted(pull._NOUNS):
        found.append(pull.fetch_request(Fetch(resource=resource, ref="xx_1")))
    for place in (None, "txn_1"):
        found.append(pull.fetch_request(Fetch(resource="payout_entries", ref="po_1", place=place)))
    for payment, reason in (("ch_1", "duplicate"), ("pi_1", "broken in the post"), ("py_1", None)):
        command = refund(payment, reason)
        found.append(commands.command_request(command, "key"))
        found.append(commands.find_request(command, "key"))
        found.append(commands.confirm_request(command, "re_1"))
    return [api.authorise(request, SECRETS) for request in found]


def document_of(request: Request) -> dict[str, object]:
    return load_document(SPECS / DOCUMENTS[request.path.partition("?")[0].split("/")[2]])


def unexpected(request: Request) -> list[str]:
    found = problems(document_of(request), request)
    return [
        text
        for text in found
        if PINNED not in text and not any(f"'{name}' is not one of" in text for name in NEWER)
    ]


def test_every_request_is_one_that_stripe_publishes() -> None:
    requests = every_request()
    wrong = {f"{r.method} {r.path}": found for r in requests if (found := unexpected(r))}
    print(
        f"\n{len(requests)} requests of {len({r.path.partition('?')[0] for r in requests})} paths"
    )
    assert wrong == {}


def test_a_wrong_request_would_be_found() -> None:
    request = commands.command_request(refund("ch_1", None), "key")
    spoilt = Request(
        method="POST",
        path=request.path,
        headers=request.headers,
        body=request.body.replace(b"amount=1250", b"amount=12.50&sum=1"),
    )
    assert len(unexpected(spoilt)) == 2


async def test_the_twin_answers_in_the_published_shape() -> None:
    vendor = StripeVendor()
    hub = SmallHub(vendor)
    await hub.subscribe()
    vendor.account.rates["usd"] = "0.91"
    sold = vendor.account.sell(12_500, metadata={"order_id": "7"}, email="a@buyers.example")
    vendor.account.sell(9_900, "usd")
    vendor.account.release(vendor.account.sell(5_000, capture=False))
    vendor.account.decline(700)
    vendor.account.close_dispute(vendor.account.dispute(vendor.account.sell(3_000)), won=True)
    refunded = await hub.send(commands.command_request(refund(sold, "duplicate"), "key"))
    vendor.clock.advance(3 * 86_400)
    (payout,) = vendor.account.end_day()
    vendor.account.arrive(payout)
    await hub.send(api.check_request())
    for resource in ("events", *pull._NOUNS):
        await hub.walk(resource)
    await hub.fetch_wanted()
    await hub.send(commands.find_request(refund(sold, None), "key"))
    await hub.send(commands.confirm_request(refund(sold, None), json.loads(refunded.body)["id"]))
    await hub.send(hooks.list_request(None))
    for resource, ref in (("charges", sold), ("payouts", payout), ("disputes", "du_gone")):
        await hub.ask(pull.fetch_request(Fetch(resource=resource, ref=ref)))
    wrong: dict[str, list[str]] = {}
    for request, reply in hub.asked:
        if found := reply_problems(document_of(request), request, reply):
            wrong[f"{request.method} {request.path}"] = found
    print(f"\n{len(hub.asked)} replies held")
    assert wrong == {}


def test_a_wrong_reply_would_be_found() -> None:
    body = json.dumps({"object": "list", "data": [{"id": 17}], "has_more": "no", "url": "/"})
    reply = Reply(status=200, headers={"content-type": "application/json"}, body=body.encode())
    request = pull.page_request("charges", None, None)
    assert len(reply_problems(document_of(request), request, reply)) > 2
