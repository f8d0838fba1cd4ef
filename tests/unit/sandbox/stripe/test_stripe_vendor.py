"""What the simulated Stripe does as the real one: keys, books, lists, endpoints."""

import json
from typing import Any

import httpx
import pytest

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.stripe.vendor import API_KEY, StripeVendor

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def vendor() -> StripeVendor:
    return StripeVendor(ManualClock(), seed=2)


async def call(
    vendor: StripeVendor, method: str, path: str, body: str = "", key: str = "", api: str = API_KEY
) -> tuple[int, Any, dict[str, str]]:
    headers = {"authorization": f"Bearer {api}"}
    headers |= {"idempotency-key": key} if key else {}
    headers |= {"content-type": FORM} if body else {}
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        reply = await client.request(method, f"http://twin{path}", content=body, headers=headers)
    return reply.status_code, json.loads(reply.content), dict(reply.headers)


def total(vendor: StripeVendor) -> int:
    return sum(entry["net"] for entry in vendor.account.entries.values())


async def test_a_key_works_once_for_a_day_and_for_one_call_alone(vendor: StripeVendor) -> None:
    ref = vendor.account.sell(10_000)
    body = f"charge={ref}&amount=100"
    status, first, headers = await call(vendor, "POST", "/v1/refunds", body, "k")
    assert (status, "idempotent-replayed" in headers) == (200, False)
    status, again, headers = await call(vendor, "POST", "/v1/refunds", body, "k")
    assert (again, headers["idempotent-replayed"]) == (first, "true")
    status, told, _ = await call(vendor, "POST", "/v1/refunds", f"{body}0", "k")
    assert (status, told["error"]["type"]) == (400, "idempotency_error")
    vendor.clock.advance(86_401)
    _, later, _ = await call(vendor, "POST", "/v1/refunds", body, "k")
    assert later["id"] != first["id"]
    assert len(vendor.account.refunds) == 2


async def test_a_refusal_of_the_work_is_kept_and_one_of_the_form_is_not(
    vendor: StripeVendor,
) -> None:
    ref = vendor.account.sell(1_000)
    body = f"charge={ref}&amount=2000"
    _, first, _ = await call(vendor, "POST", "/v1/refunds", body, "k1")
    assert (first["error"]["param"], "code" in first["error"]) == ("amount", False)
    _, _, headers = await call(vendor, "POST", "/v1/refunds", body, "k1")
    assert headers["idempotent-replayed"] == "true"
    for _ in range(2):
        status, told, headers = await call(vendor, "POST", "/v1/refunds", f"{body}&x=1", "k2")
        assert (status, told["error"]["code"]) == (400, "parameter_unknown")
        assert "idempotent-replayed" not in headers


async def test_lists_go_newest_first_and_on_after_an_object(vendor: StripeVendor) -> None:
    refs = [vendor.account.sell(100 + n) for n in range(25)]
    seen: list[str] = []
    path = "/v1/charges?limit=10"
    while True:
        _, page, _ = await call(vendor, "GET", path)
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        path = f"/v1/charges?limit=10&starting_after={seen[-1]}"
    assert seen == refs[::-1]
    for bad in ("limit=0", "limit=101", "starting_after=ch_gone", "colour=red"):
        assert (await call(vendor, "GET", f"/v1/charges?{bad}"))[0] == 400


async def test_what_is_paid_out_is_what_was_available_and_the_books_close(
    vendor: StripeVendor,
) -> None:
    account = vendor.account
    account.rates["usd"] = "0.9"
    first, second = account.sell(10_000), account.sell(5_000, "usd")
    assert account.entries[account.charges[second]["balance_transaction"]]["amount"] == 4_500
    assert account.end_day() == []  # nothing is available on the day of the sale
    vendor.clock.advance(2 * 86_400)
    account.refund({"charge": first, "amount": "2000"})
    (payout,) = account.end_day()
    fees = (150 + 25) + (68 + 25)
    assert account.payouts[payout]["amount"] == 10_000 + 4_500 - 2_000 - fees
    assert total(vendor) == 0
    lost = account.dispute(second)
    account.close_dispute(lost, won=False)
    assert total(vendor) == -5_000 * 9 // 10 - 2_000
    assert account.end_day() == []  # below zero: carried on
    account.arrive(payout, well=False)
    assert account.payouts[payout]["status"] == "failed"
    assert total(vendor) == account.payouts[payout]["amount"] - 6_500


async def test_a_failed_refund_puts_the_money_back(vendor: StripeVendor) -> None:
    ref = vendor.account.sell(1_000, method="sepa_debit")
    before = total(vendor)
    made = vendor.account.refund({"charge": ref})
    assert (made["status"], total(vendor)) == ("pending", before - 1_000)
    vendor.account.finish_refund(made["id"], well=False)
    assert total(vendor) == before
    assert vendor.account.charges[ref]["refunded"] is False


async def test_events_are_kept_for_thirty_days_as_they_were(vendor: StripeVendor) -> None:
    ref = vendor.account.sell(1_000, capture=False)
    vendor.account.capture(ref)
    _, page, _ = await call(vendor, "GET", "/v1/events?types[]=charge.succeeded")
    assert [e["data"]["object"]["captured"] for e in page["data"]] == [False]
    vendor.clock.advance(30 * 86_400 + 1)
    _, page, _ = await call(vendor, "GET", "/v1/events")
    assert page["data"] == []


async def test_a_secret_is_told_once_and_a_wrong_key_sees_nothing(vendor: StripeVendor) -> None:
    body = "url=https://hub.example/hooks/a&enabled_events[]=refund.created"
    _, made, _ = await call(vendor, "POST", "/v1/webhook_endpoints", body, "k")
    assert made["secret"].startswith("whsec_")
    _, page, _ = await call(vendor, "GET", "/v1/webhook_endpoints")
    assert [each["id"] for each in page["data"]] == [made["id"]]
    assert "secret" not in page["data"][0]
    assert (await call(vendor, "GET", "/v1/charges", api="rk_test_other"))[0] == 401


async def test_the_same_seed_tells_the_same_story() -> None:
    def story(seed: int) -> list[bytes]:
        vendor, told = StripeVendor(ManualClock(), seed=seed), []
        vendor.sinks.append(lambda event: told.append(event.body))
        vendor.account.dispute(vendor.account.sell(1_000))
        return told

    assert story(1) == story(1) != story(2)
