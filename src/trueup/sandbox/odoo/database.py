"""Odoo's tables: records by model, relations between them, and domains over both."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Final

Row = dict[str, Any]
Domain = Sequence[Any]

TO_ONE: Final = MappingProxyType(
    {
        "currency_id": "res.currency",
        "cost_currency_id": "res.currency",
        "company_currency_id": "res.currency",
        "partner_id": "res.partner",
        "commercial_partner_id": "res.partner",
        "partner_shipping_id": "res.partner",
        "product_id": "product.product",
        "product_tmpl_id": "product.template",
        "categ_id": "product.category",
        "location_id": "stock.location",
        "location_dest_id": "stock.location",
        "account_id": "account.account",
        "state_id": "res.country.state",
        "country_id": "res.country",
        "move_id": "account.move",
        "order_id": "purchase.order",
        "picking_type_id": "stock.picking.type",
        "picking_id": "stock.picking",
        "sale_id": "sale.order",
        "debit_move_id": "account.move.line",
        "credit_move_id": "account.move.line",
    }
)
TO_MANY: Final = MappingProxyType(
    {
        ("product.product", "stock_quant_ids"): ("stock.quant", "product_id"),
        ("stock.picking", "move_ids"): ("stock.move", "picking_id"),
        ("purchase.order", "order_line"): ("purchase.order.line", "order_id"),
        ("account.move", "line_ids"): ("account.move.line", "move_id"),
        ("account.move", "invoice_line_ids"): ("account.move.line", "move_id"),
        ("account.move.line", "matched_debit_ids"): ("account.partial.reconcile", "credit_move_id"),
        ("account.move.line", "matched_credit_ids"): ("account.partial.reconcile", "debit_move_id"),
    }
)
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "=": lambda left, right: bool(left == right),
        "!=": lambda left, right: bool(left != right),
        ">": lambda left, right: bool(left > right),
        ">=": lambda left, right: bool(left >= right),
        "in": lambda left, right: left in right,
    }
)


class BadDomainError(Exception):
    """The domain names what is not there; Odoo answers it with an error of its own."""


class Database:
    """Tables of one Odoo; rows are committed at once, with the stamp that they are given."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {}
        self._last: dict[str, int] = {}

    def insert(self, model: str, values: Row, at: datetime) -> int:
        """Add a row; `at` is when its transaction began, which may be long ago."""
        number = self._last.get(model, 0) + 1
        self._last[model] = number
        stamps = {"id": number, "create_date": at, "write_date": at}
        self.tables.setdefault(model, {})[number] = values | stamps
        return number

    def update(self, model: str, number: int, values: Row, at: datetime) -> None:
        """Change a row."""
        self.tables[model][number] |= values | {"write_date": at}

    def delete(self, model: str, number: int) -> None:
        """Remove a row; nothing remembers it."""
        del self.tables[model][number]

    def row(self, model: str, number: int) -> Row:
        """Return one row."""
        return self.tables[model][number]

    def search(self, model: str, domain: Domain) -> list[Row]:
        """Return the rows of a domain, by id."""
        wanted = _parse(domain)
        rows = self.tables.get(model, {})
        return [rows[n] for n in sorted(rows) if self._matches(model, rows[n], wanted)]

    def read(self, model: str, row: Row, fields: Mapping[str, Any]) -> Row:
        """Return a row as `web_read` tells it: `false` for nothing, seconds of instants."""
        told: Row = {"id": row["id"]}
        for name, nested in fields.items():
            if (model, name) in TO_MANY:
                other, _ = TO_MANY[model, name]
                inner = nested.get("fields", {})
                told[name] = [
                    self.read(other, each, inner) for each in self._many(model, row, name)
                ]
            elif name in TO_ONE:
                told[name] = self._told_one(row, name, nested)
            elif name not in row and name not in _EMPTY:
                raise BadDomainError(f"Invalid field {name!r} on {model!r}")
            else:
                told[name] = _plain(row.get(name))
        return told

    def _told_one(self, row: Row, name: str, nested: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an id, an object or false
        number = row.get(name)
        if not number:
            return False
        if "fields" not in nested:
            return number
        return self.read(TO_ONE[name], self.row(TO_ONE[name], number), nested["fields"])

    def _many(self, model: str, row: Row, name: str) -> list[Row]:
        other, inverse = TO_MANY[model, name]
        rows = self.tables.get(other, {}).values()
        found = [each for each in rows if each.get(inverse) == row["id"]]
        if name == "invoice_line_ids":
            found = [each for each in found if each.get("invoice_line")]
        return found

    def _matches(self, model: str, row: Row, wanted: Any) -> bool:  # noqa: ANN401 - a tree of domains
        operator, parts = wanted
        if operator == "leaf":
            path, compare, value = parts
            seen = self._values(model, row, path.split("."))
            return any(_compare(compare, each, value) for each in seen)
        results = [self._matches(model, row, part) for part in parts]
        return all(results) if operator == "&" else any(results)

    def _values(self, model: str, row: Row, path: list[str]) -> list[Any]:
        """Return every value that a dotted path leads to."""
        name, rest = path[0], path[1:]
        if (model, name) in TO_MANY:
            other = TO_MANY[model, name][0]
            rows = self._many(model, row, name)
        elif rest and name in TO_ONE:
            other = TO_ONE[name]
            rows = [self.row(other, row[name])] if row.get(name) else []
        elif name in row:
            return [row[name]]
        else:
            raise BadDomainError(f"Invalid field {model}.{name} in leaf")
        return [value for each in rows for value in self._values(other, each, rest or ["id"])]


_EMPTY = frozenset(
    (
        *("default_code", "barcode", "active", "display_type", "origin", "partner_ref", "ref"),
        *("effective_date", "date_planned", "invoice_origin", "payment_reference", "invoice_date"),
        *("invoice_date_due", "invoice_partner_display_name", "payment_state", "email", "phone"),
        *("street", "street2", "city", "zip", "display_name", "amount_total", "amount_tax"),
        *("amount_residual", "weight", "code", "name", "price_subtotal", "quantity", "narration"),
        *("date_done", "client_order_ref"),
    )
)


def _parse(domain: Domain) -> Any:  # noqa: ANN401 - a tree
    """Read Odoo's prefix notation; what stands side by side is joined by "and"."""
    terms = list(domain)
    parts = []
    while terms:
        parts.append(_take(terms))
    return ("&", parts)


def _take(terms: list[Any]) -> Any:  # noqa: ANN401 - a tree
    first = terms.pop(0)
    if isinstance(first, str) and first in {"|", "&"}:
        return (first, [_take(terms), _take(terms)])
    if not isinstance(first, list) or len(first) != 3 or first[1] not in _COMPARE:
        raise BadDomainError(f"Invalid leaf {first}")
    return ("leaf", first)


def _compare(operator: str, left: Any, right: Any) -> bool:  # noqa: ANN401 - any column
    if isinstance(left, datetime) and isinstance(right, str):
        right = datetime.fromisoformat(right).replace(tzinfo=UTC)
    if left in {None, False} and operator in {">", ">="}:
        return False
    return _COMPARE[operator](left or False, right)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column
    if value is None:
        return False
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value
