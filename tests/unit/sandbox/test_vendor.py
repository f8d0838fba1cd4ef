"""What every simulated vendor does on the line: budget, faults, keys, and signed webhooks."""

from collections.abc import Mapping
from typing import ClassVar

import httpx
import pytest

from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify
from trueup.contract.signature_scheme import BodyHmac
from trueup.errors import SignatureInvalid
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Vendor, route

pytestmark = pytest.mark.anyio


class Counter(Vendor):
    """Adds one for each call that works."""

    scheme = BodyHmac(header="x-sign", encoding="hex")
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (2, 1.0)}
    key_header = "idempotency-key"
    count = 0

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the token."""
        known = asked.headers.get("authorization") == "Bearer token"
        return None if known else reply_json(401, {})

    @route("POST", "/counts/{name}", scope="count")
    def add(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Add one."""
        self.count += asked.json().get("by", 1)
        self.emit("counted", {"name": places["name"], "count": self.count})
        return reply_json(200, {"name": places["name"], "count": self.count})


async def post(vendor: Vendor, body: object = None, **headers: str) -> httpx.Response:
    sent = {"authorization": "Bearer token"} | {k.replace("_", "-"): v for k, v in headers.items()}
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        return await client.post("http://twin/counts/a", json=body or {}, headers=sent)


async def test_the_same_key_works_once_and_answers_the_same() -> None:
    vendor = Counter()
    first = await post(vendor, idempotency_key="k1")
    again = await post(vendor, idempotency_key="k1")
    assert (first.json(), again.json(), vendor.count) == (first.json(), first.json(), 1)
    vendor.clock.advance(10)
    assert (await post(vendor, {"by": 2}, idempotency_key="k1")).status_code == 400
    assert vendor.count == 1
    assert [call.worked for call in vendor.calls] == [True, False, False]


async def test_over_the_limit_nothing_is_done_and_the_wait_is_told() -> None:
    vendor = Counter()
    statuses = [(await post(vendor)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (vendor.count, vendor.over_limit) == (2, 1)
    vendor.clock.advance(1)
    assert (await post(vendor)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "worked"),
    [("reset", 0), ("timeout", 0), ("reset_after_work", 1), ("timeout_after_work", 1)],
)
async def test_a_cut_line_tells_nothing_of_the_work(kind: str, worked: int) -> None:
    vendor = Counter()
    vendor.strike(ApiFault(kind=kind, next_calls=1, operation="count"))  # type: ignore[arg-type]
    with pytest.raises(httpx.TransportError):
        await post(vendor)
    assert vendor.count == worked


async def test_unknown_routes_and_wrong_tokens_are_refused() -> None:
    vendor = Counter()
    assert (await post(vendor, authorization="Bearer other")).status_code == 401
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        assert (await client.get("http://twin/counts/a")).status_code == 404
    assert vendor.count == 0


async def test_webhooks_are_signed_tried_again_and_fault_by_the_seed() -> None:
    vendor = Counter(ManualClock(), seed=3)
    vendor.subscribe("counted", "http://hub/hooks/a")
    vendor.desk.faults = WebhookFaults(corrupt=1.0)
    heard: list[bool] = []

    async def listen(request: httpx.Request) -> httpx.Response:
        delivery = Delivery(
            method="POST", url=str(request.url), headers=dict(request.headers), body=request.content
        )
        try:
            verify(vendor.scheme, delivery, [Secret(value=b"sandbox-secret")], vendor.now())
        except SignatureInvalid:
            heard.append(False)
            return httpx.Response(401)
        heard.append(True)
        return httpx.Response(200)

    await post(vendor)
    courier = vendor.courier(httpx.MockTransport(listen))
    assert await courier.deliver_due() == 1
    vendor.clock.advance(5)
    assert await courier.deliver_due() == 1
    await courier.close()
    assert heard == [False, True]
