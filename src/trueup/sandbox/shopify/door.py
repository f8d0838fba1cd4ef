"""The vendor's HTTP side: who may ask, which fault strikes, and the reply as bytes."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import DocumentNode

from trueup.sandbox.faults import ApiFault, Hangup
from trueup.sandbox.line import Reply
from trueup.sandbox.shopify import bulk, order_writes
from trueup.sandbox.shopify.answer import Answerer, read_document, root_fields, throttled
from trueup.sandbox.shopify.budget import Budget
from trueup.sandbox.shopify.oauth import Consents
from trueup.sandbox.shopify.shop import API_VERSION, Shop
from trueup.sandbox.shopify.view import Ask

__all__ = ["Call", "Door"]

_CALLS_KEPT_MAX = 10_000
_FROZEN_WORDS = {
    402: "Unavailable Shop",
    403: "Forbidden",
    404: "Not Found",
    423: "Unavailable Shop",
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the vendor saw it: what was asked, with which key, and what came of it."""

    at: str
    operations: list[str]
    idempotency_keys: list[str]
    status: int
    fault: str | None = None
    errors: list[str] = []


class Door:
    """Answers for one shop."""

    def __init__(self, shop: Shop, answerer: Answerer) -> None:
        self.shop = shop
        self._answerer = answerer
        settings = shop.settings
        self.budget = Budget(
            points_per_s=settings.points_per_s,
            points_max=settings.budget_points,
            now=shop.now(),
        )
        self.calls: deque[Call] = deque(maxlen=_CALLS_KEPT_MAX)
        self.consents = Consents(shop)
        self.counters: dict[str, int] = {}

    async def graphql(
        self, version: str, headers: Mapping[str, str], body: bytes, base_url: str
    ) -> Reply:
        """Answer one GraphQL request.

        Raises:
            Hangup: a fault cuts the line; the caller decides how that looks on its transport.
        """
        refused = self._refuse(version, headers)
        if refused is not None:
            self._note([], [], refused.status, None, [])
            return refused
        try:
            asked = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            return _json(400, {"errors": "Body is not valid JSON."})
        query, variables = str(asked.get("query", "")), asked.get("variables") or {}
        document = read_document(query)
        names = root_fields(document) if isinstance(document, DocumentNode) else frozenset()
        keys = [str(variables[it]) for it in ("key", "idempotencyKey") if it in variables]
        fault = self.shop.faults.pick(names)
        if fault is not None and not _is_after_work(fault):
            early = await self._strike(fault, names, keys)
            if early is not None:
                return early
        order_writes.work_off(self.shop)
        ask = Ask(self.shop, base_url, stale=fault is not None and fault.kind == "stale_read")
        answer = self._answerer.answer(
            ask, self.budget, query, variables, asked.get("operationName")
        )
        errors = _codes_in(answer)
        self._note(sorted(names), keys, 200, fault.kind if fault else None, errors)
        _hang_up_after(fault)
        return _json(200, answer)

    def bulk_file(self, number: int) -> Reply:
        """Return the result of an export; anyone with the address may read it."""
        run = self.shop.bulk.get(number)
        if run is None or run.cancelled or self.shop.now() < run.done_at:
            return _json(404, {"errors": "Not Found"})
        return Reply(body=bulk.jsonl(run), content_type="application/jsonl")

    async def access_token(self, given: Mapping[str, str]) -> Reply:
        """Hand out a token; the fault's operation is `access_token`.

        Raises:
            Hangup: as `graphql`.
        """
        names = frozenset(("access_token",))
        fault = self.shop.faults.pick(names)
        if fault is not None and not _is_after_work(fault):
            early = await self._strike(fault, names, [])
            if early is not None:
                return early
        reply = self.consents.swap(given)
        self._note(["access_token"], [], reply.status, fault.kind if fault else None, [])
        _hang_up_after(fault)
        return reply

    def _refuse(self, version: str, headers: Mapping[str, str]) -> Reply | None:
        if self.shop.frozen is not None:
            return _json(self.shop.frozen, {"errors": _FROZEN_WORDS[self.shop.frozen]})
        token = headers.get("x-shopify-access-token")
        if not self.shop.installed or not self.consents.knows(token):
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return _json(401, {"errors": text})
        if version != API_VERSION:
            return _json(404, {"errors": "Not Found"})
        return None

    async def _strike(
        self, fault: ApiFault, names: frozenset[str], keys: list[str]
    ) -> Reply | None:
        if fault.kind == "slow":
            await self.shop.clock.sleep(fault.delay_s)
            return None
        if fault.kind == "stale_read":
            return None
        operations = sorted(names)
        if fault.kind in {"reset", "timeout"}:
            self._note(operations, keys, 0, fault.kind, [])
            raise Hangup("reset" if fault.kind == "reset" else "timeout")
        if fault.kind == "throttled":
            self._note(operations, keys, 200, fault.kind, ["THROTTLED"])
            points = self.budget.points_max
            return _json(200, throttled(self.budget, points, self.shop.now()))
        self._note(operations, keys, fault.status, fault.kind, [])
        headers = {}
        if fault.status in {429, 503}:
            headers["Retry-After"] = f"{fault.retry_after_s:g}"
        return _json(fault.status, {"errors": f"Fault {fault.status}"}, headers)

    def _note(
        self, operations: list[str], keys: list[str], status: int, fault: str | None,
        errors: list[str],
    ) -> None:  # fmt: skip
        at = self.shop.now().isoformat()
        self.calls.append(
            Call(
                at=at,
                operations=operations,
                idempotency_keys=keys,
                status=status,
                fault=fault,
                errors=errors,
            )
        )
        for name in ("calls", *operations, *errors):
            self.counters[name] = self.counters.get(name, 0) + 1


def _is_after_work(fault: ApiFault) -> bool:
    return fault.kind in {"timeout_after_work", "reset_after_work"}


def _hang_up_after(fault: ApiFault | None) -> None:
    if fault is not None and _is_after_work(fault):
        raise Hangup("timeout" if fault.kind == "timeout_after_work" else "reset")


def _codes_in(answer: dict[str, Any]) -> list[str]:
    found = [str(it.get("extensions", {}).get("code", "ERROR")) for it in answer.get("errors", [])]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [str(it.get("code")) for it in payload.get("userErrors", [])]
    return found


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(body), headers=headers or {})
