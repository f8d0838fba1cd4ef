"""One Odoo on the line: keys, the methods that are called, and its own errors."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec

from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply
from trueup.sandbox.odoo.database import BadDomainError, Database, Row
from trueup.sandbox.vendor import Bucket, Vendor, route

API_KEY = "sandbox-odoo-key"
DATABASE = "sandbox"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_LIMIT_MAX = 10_000


class UserError(Exception):
    """What Odoo refuses in words for people."""


class Odoo(Vendor):
    """A company with a warehouse, suppliers and books."""

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (1000, 100.0)}

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.database = Database()
        self.api_key = API_KEY
        self.locked_until: str = ""
        self.numbers = 0
        at = self.now()
        self.euro = self.database.insert("res.currency", {"name": "EUR"}, at)
        company = {"name": "Sandbox GmbH", "currency_id": self.euro}
        self.database.insert("res.company", company, at)

    # -- what happens in it ----------------------------------------------------------------------

    def add(self, model: str, values: Row, at: datetime | None = None) -> int:
        """Add a record; `at`: its transaction began then and commits now."""
        return self.database.insert(model, values, at or self.now())

    def change(self, model: str, number: int, **values: Any) -> None:  # noqa: ANN401 - any column
        """Change a record."""
        self.database.update(model, number, values, self.now())

    def add_product(self, sku: str, **values: Any) -> int:  # noqa: ANN401 - any column
        """Add a product with its template."""
        template = self.add("product.template", {"default_code": sku, "name": sku})
        defaults = {
            "default_code": sku,
            "display_name": f"[{sku}] {sku}",
            "active": True,
            "is_storable": True,
            "lst_price": Decimal("19.90"),
            "standard_price": Decimal("7.35"),
            "currency_id": self.euro,
            "cost_currency_id": self.euro,
            "product_tmpl_id": template,
        }
        return self.add("product.product", defaults | values)

    def move(self, product: int, source: int, target: int, quantity: int) -> None:
        """Move units; a place that holds none of them any more forgets it ever did."""
        for place, delta in ((source, -quantity), (target, quantity)):
            if self.database.row("stock.location", place)["usage"] != "internal":
                continue
            domain = [["product_id", "=", product], ["location_id", "=", place]]
            held = self.database.search("stock.quant", domain)
            if not held:
                self.add("stock.quant", _quant(product, place, delta))
                continue
            left = held[0]["quantity"] + delta
            self.change("stock.quant", held[0]["id"], quantity=left)
            if not left:
                self.database.delete("stock.quant", held[0]["id"])
        moved = {"product_id": product, "location_id": source, "location_dest_id": target}
        self.add("stock.move.line", moved | {"state": "done"})

    def sell(self, order: str, product: int, quantity: int, source: int, target: int) -> int:
        """Take a shop's order: a sales order that names it, and a delivery that waits."""
        if "stock.picking.type" not in self.database.tables:
            self.add("stock.picking.type", {"code": "outgoing"})
        self.numbers += 1
        name = f"S{self.numbers:05}"
        sale = self.add("sale.order", {"name": name, "client_order_ref": order})
        head: Row = {"name": f"WH/OUT/{self.numbers:05}", "state": "assigned", "origin": name}
        head |= {"picking_type_id": 1, "sale_id": sale, "date_done": None}
        picking = self.add("stock.picking", head | {"location_id": source, "target": target})
        move: Row = {"picking_id": picking, "product_id": product, "state": "assigned"}
        self.add("stock.move", move | {"quantity": Decimal(f"{quantity}.0")})
        return picking

    def deliver(self, picking: int) -> None:
        """Validate a delivery: its units leave."""
        row = self.database.row("stock.picking", picking)
        for move in self.database.search("stock.move", [["picking_id", "=", picking]]):
            units = int(move["quantity"])
            self.move(move["product_id"], row["location_id"], row["target"], units)
            self.change("stock.move", move["id"], state="done")
        self.change("stock.picking", picking, state="done", date_done=self.now())

    # -- the line; routes are tried in the order of these names --------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key and the database."""
        if asked.headers.get("authorization") != f"bearer {self.api_key}":
            return self._error(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
        if asked.headers.get("x-odoo-database", DATABASE) != DATABASE:
            return self._error(404, "werkzeug.exceptions.NotFound", "Database not found")
        return None

    def limited(self, bucket: Bucket) -> Reply:
        """Return the reply of the proxy before Odoo."""
        reply = super().limited(bucket)
        return msgspec.structs.replace(reply, body=b"<html>429</html>", content_type="text/html")

    def failed(self, status: int) -> Reply:
        """Return the reply of a fault with a status."""
        return self._error(status, "psycopg2.errors.Simulated", f"fault {status}")

    @route("POST", "/json/2/account.move/create", scope="journal.post")
    def create_move(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Make drafts of entries."""
        return self._do(lambda: [self._create_move(each) for each in asked.json()["vals_list"]])

    @route("POST", "/json/2/account.move/action_post", scope="journal.confirm")
    def post_move(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Post drafts."""
        return self._do(lambda: self._post(asked.json()["ids"]))

    @route("POST", "/json/2/purchase.order/load", scope="purchase.draft")
    def load_orders(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002 - as routes are called
        """Import purchase orders: all rows, or none."""
        body = asked.json()
        return self._do(
            lambda: self._load([dict(zip(body["fields"], r, strict=True)) for r in body["data"]])
        )

    @route("POST", "/json/2/{model}/search_count")
    def read_count(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Count."""
        domain = asked.json()["domain"]
        return self._do(lambda: len(self.database.search(places["model"], domain)))

    @route("POST", "/json/2/{model}/web_search_read")
    def read_page(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Read a page by id."""
        body, model = asked.json(), places["model"]
        return self._do(lambda: self._page(model, body))

    @route("POST", "/json/2/{model}/web_read")
    def read_records(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        """Read records by their ids."""
        body, model = asked.json(), places["model"]
        wanted = [["id", "in", body["ids"]]]
        return self._do(
            lambda: [
                self.database.read(model, row, body["specification"])
                for row in self.database.search(model, wanted)
            ]
        )

    # -- the work --------------------------------------------------------------------------------

    def _page(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("order") != "id" or not 1 <= body.get("limit", 0) <= _LIMIT_MAX:
            raise UserError("The simulated Odoo reads pages by id")
        found = self.database.search(model, body["domain"])
        if body.get("context", {}).get("active_test", True) is not False:
            found = [row for row in found if row.get("active", True)]
        rows = found[: body["limit"]]
        records = [self.database.read(model, row, body["specification"]) for row in rows]
        return {"length": len(found), "records": records}

    def _create_move(self, values: Row) -> int:
        lines = [each[2] for each in values.pop("line_ids")]
        sums = [Decimal(str(x["debit"])) - Decimal(str(x["credit"])) for x in lines]
        if sum(sums):
            raise UserError("The entry is not balanced.")
        if any(x["account_id"] not in self.database.tables["account.account"] for x in lines):
            raise UserError("The account does not exist or has been deleted.")
        move = self.add(
            "account.move",
            {"name": "/", "state": "draft", "company_currency_id": self.euro} | values,
        )
        for line, balance in zip(lines, sums, strict=True):
            self.add("account.move.line", line | {"move_id": move, "balance": balance})
        return move

    def _post(self, ids: list[int]) -> bool:
        for number in ids:
            move = self.database.row("account.move", number)
            if move["state"] != "draft":
                raise UserError(f"The entry {move['name']} (id {number}) must be in draft.")
            if str(move["date"]) <= self.locked_until:
                raise UserError("You cannot add entries up to the lock date.")
            self.numbers += 1
            self.change("account.move", number, state="posted", name=f"MISC/{self.numbers:05}")
        return False

    def _load(self, rows: list[dict[str, str]]) -> dict[str, Any]:
        heads, products = rows[0], self.database.tables.get("product.product", {}).values()
        by_sku = {each["default_code"]: each["id"] for each in products}
        missing = [
            x["order_line/product_id"] for x in rows if x["order_line/product_id"] not in by_sku
        ]
        if int(heads["partner_id/.id"]) not in self.database.tables.get("res.partner", {}):
            missing.append("partner")
        if missing:
            told = [
                {"type": "error", "message": f"No matching record found for {x}"} for x in missing
            ]
            return {"ids": False, "messages": told, "nextrow": 0}
        self.numbers += 1
        head: Row = {
            "origin": heads["origin"],
            "partner_ref": heads["partner_ref"],
            "state": "draft",
        }
        head |= {"partner_id": int(heads["partner_id/.id"]), "currency_id": self.euro}
        order = self.add(
            "purchase.order", head | {"name": f"P{self.numbers:05}", "date_order": self.now()}
        )
        for each in rows:
            line = {
                "order_id": order,
                "product_id": by_sku[each["order_line/product_id"]],
                "product_qty": Decimal(each["order_line/product_qty"]),
                "qty_received": Decimal(0),
                "price_unit": Decimal(each["order_line/price_unit"] or 0),
            }
            self.add("purchase.order.line", line)
        return {"ids": [order], "messages": [], "nextrow": 0}

    def _do(self, work: Any) -> Reply:  # noqa: ANN401 - a call without arguments
        try:
            body = work()
        except UserError as error:
            return self._error(422, "odoo.exceptions.UserError", str(error))
        except BadDomainError as error:
            return self._error(422, "builtins.ValueError", str(error))
        return self._reply(200, body)

    def _error(self, status: int, name: str, message: str) -> Reply:
        told = {"name": name, "message": message, "arguments": [message], "context": {}}
        return self._reply(status, told | {"debug": "Traceback (most recent call last): ..."})

    def _reply(self, status: int, body: object) -> Reply:
        headers = {"Date": format_datetime(self.now(), usegmt=True)}
        return Reply(status=status, body=_ENCODER.encode(body), headers=headers)


def _quant(product: int, place: int, quantity: int) -> Row:
    return {
        "product_id": product,
        "location_id": place,
        "quantity": Decimal(f"{quantity}.0"),
        "reserved_quantity": Decimal("0.0"),
    }
