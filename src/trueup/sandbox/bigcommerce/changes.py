"""What an app changes in a simulated store: the status of an order, and its metafields."""

from collections.abc import Mapping
from typing import Any, Final

from trueup.sandbox.bigcommerce.model import Order, head_body, new_time
from trueup.sandbox.bigcommerce.store import STORE_HASH, BigStore
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route

_ROOT: Final = f"/stores/{STORE_HASH}"
_STATUSES: Final = frozenset(range(15))
_CANCELLED: Final = 5
_NEEDED: Final = ("permission_set", "namespace", "key", "value")


class Changes(BigStore):
    """The routes that write to orders; `keeps` may forget what was written, as another app does."""

    keeps = True

    @route("PUT", f"{_ROOT}/v2/orders/{{id}}", scope="orders")
    def _change_order(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order, status = self._order(places), asked.json().get("status_id")
        if order is None:
            return self.gone()
        if status not in _STATUSES:
            return _wrong("The field 'status_id' is invalid.", 400)
        if self.keeps:
            if status == _CANCELLED and order.status_id != _CANCELLED:
                for line in order.lines:
                    self.move(line.variant, 1, line.quantity)
            self.change(order, status)
        return reply_json(200, head_body(order))

    @route("GET", f"{_ROOT}/v3/orders/{{id}}/metafields")
    def _fields(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order, query = self._order(places), dict(asked.query)
        if order is None:
            return self.gone()
        found = [
            each
            for each in order.fields
            if all(query.get(name) in {None, each[name]} for name in ("namespace", "key"))
        ]
        return self.page(query, found)

    @route("POST", f"{_ROOT}/v3/orders/{{id}}/metafields", scope="orders")
    def _make_field(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order, wish = self._order(places), asked.json()
        if order is None:
            return self.gone()
        if any(not wish.get(name) for name in _NEEDED):
            return _wrong("The metafield is not valid.", 422)
        if any(
            (each["namespace"], each["key"]) == (wish["namespace"], wish["key"])
            for each in order.fields
        ):
            return _wrong("The metafield conflicts with another metafield.", 409)
        now = new_time(self.now())
        made = {"id": self.new_id(), "description": "", "resource_type": "order"}
        made |= wish | {"resource_id": order.id, "date_created": now, "date_modified": now}
        if self.keeps:
            order.fields.append(made)
        return reply_json(200, {"data": made, "meta": {}})

    @route("PUT", f"{_ROOT}/v3/orders/{{id}}/metafields/{{field}}", scope="orders")
    def _change_field(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self._order(places)
        some = [] if order is None else order.fields
        field = next((each for each in some if str(each["id"]) == places["field"]), None)
        if field is None:
            return self.gone()
        if any(not asked.json().get(name) for name in _NEEDED):
            return _wrong("The metafield is not valid.", 422)
        if self.keeps:
            field |= asked.json() | {"date_modified": new_time(self.now())}
        return reply_json(200, {"data": field, "meta": {}})

    def _order(self, places: Mapping[str, str]) -> Order | None:
        return self.orders.get(int(places["id"]))

    def page(self, query: Mapping[str, str], rows: list[dict[str, Any]]) -> Reply:
        """Return one page of a newer list."""
        raise NotImplementedError

    def gone(self) -> Reply:
        """Say that there is no such thing."""
        return _wrong("Not found", 404)


def _wrong(title: str, status: int) -> Reply:
    return reply_json(status, {"status": status, "title": title, "type": "", "errors": {}})
