"""Stock written over the API: compared, bounded, and done once per key."""

from tests.unit.sandbox.stage import SET, ask, available, buy, item_gid, open_stage, stock_input
from trueup.sandbox.sandbox import Sandbox

ADJUST = """
mutation($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta } }
    userErrors { code field }
  }
}
"""


def _codes(reply: dict) -> list[str]:
    payload = next(iter(reply["data"].values()))
    return [error["code"] for error in payload["userErrors"]]


def test_set_changes_available_and_on_hand() -> None:
    sandbox = open_stage(available=5)
    buy(sandbox, quantity=2)

    reply = ask(sandbox, SET, input=stock_input(sandbox, 9, expected=3), key="a")

    changes = reply["data"]["inventorySetQuantities"]["inventoryAdjustmentGroup"]["changes"]
    assert [(it["name"], it["delta"]) for it in changes] == [("available", 6), ("on_hand", 6)]
    assert available(sandbox) == 9
    level = next(iter(sandbox.shop("north").levels.values()))
    assert (level.available, level.committed, level.on_hand) == (9, 2, 11)


def test_same_key_same_input_is_done_once() -> None:
    """Goal: a repeat after a sale does not undo the sale, and answers as before."""
    sandbox = open_stage()
    wish = stock_input(sandbox, 8, expected=5)
    first = ask(sandbox, SET, input=wish, key="same")
    buy(sandbox)

    again = ask(sandbox, SET, input=wish, key="same")

    assert first["data"] == again["data"]
    assert available(sandbox) == 7
    assert sandbox.shop("north").idempotency.repeats == 1


def test_same_key_other_input_is_refused() -> None:
    sandbox = open_stage()
    ask(sandbox, SET, input=stock_input(sandbox, 8, expected=5), key="same")

    reply = ask(sandbox, SET, input=stock_input(sandbox, 3, expected=8), key="same")

    assert _codes(reply) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    assert available(sandbox) == 8


def test_missing_directive_is_an_error_and_changes_nothing() -> None:
    sandbox = open_stage()
    reply = ask(
        sandbox, SET.replace(" @idempotent(key: $key)", "").replace(", $key: String!", ""),
        input=stock_input(sandbox, 8, expected=5),
    )  # fmt: skip
    assert reply["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert reply["data"] == {"inventorySetQuantities": None}
    assert available(sandbox) == 5


def test_missing_compare_value_is_an_error_but_null_opts_out() -> None:
    sandbox = open_stage()
    bare = stock_input(sandbox, 8, expected=None)
    del bare["quantities"][0]["changeFromQuantity"]

    refused = ask(sandbox, SET, input=bare, key="a")
    forced = ask(sandbox, SET, input=stock_input(sandbox, 8, expected=None), key="b")

    assert refused["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"
    assert _codes(forced) == []
    assert available(sandbox) == 8


def test_stale_compare_value_is_refused_and_nothing_is_written() -> None:
    sandbox = open_stage()
    wish = stock_input(sandbox, 8, expected=5)
    wish["quantities"].append({**wish["quantities"][0], "inventoryItemId": _mug(sandbox)})
    buy(sandbox)

    reply = ask(sandbox, SET, input=wish, key="a")

    assert _codes(reply) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert (available(sandbox), available(sandbox, "MUG")) == (4, 5), "all or none"


def _mug(sandbox: Sandbox) -> str:
    return item_gid(sandbox.shop("north"), "MUG")


def test_each_mistake_has_its_code() -> None:
    sandbox = open_stage()

    def code(quantity: int = 8, row: dict | None = None, **more: object) -> list[str]:
        wish = stock_input(sandbox, quantity, expected=5, **more)
        wish["quantities"][0].update(row or {})
        return _codes(ask(sandbox, SET, input=wish, key=repr(wish)))

    assert code(name="reserved") == ["INVALID_NAME"]
    assert code(reason="because") == ["INVALID_REASON"]
    assert code(referenceDocumentUri="nonsense") == ["INVALID_REFERENCE_DOCUMENT"]
    assert code(row={"inventoryItemId": "gid://shopify/InventoryItem/1"}) == [
        "INVALID_INVENTORY_ITEM"
    ]
    assert code(row={"locationId": "gid://shopify/Location/1"}) == ["INVALID_LOCATION"]
    assert code(quantity=1_000_000_001) == ["INVALID_QUANTITY_TOO_HIGH"]
    assert code(quantity=-1_000_000_001) == ["INVALID_QUANTITY_TOO_LOW"]
    assert code(quantity=-1, name="on_hand") == ["INVALID_QUANTITY_NEGATIVE"]
    assert available(sandbox) == 5


def test_adjust_adds_and_compares() -> None:
    sandbox = open_stage()
    given = stock_input(sandbox, 0, expected=5)
    row = given.pop("quantities")[0]
    del row["quantity"]
    given["changes"] = [{**row, "delta": -2}]

    done = ask(sandbox, ADJUST, input=given, key="a")
    again = ask(sandbox, ADJUST, input=given, key="a")
    stale = ask(sandbox, ADJUST, input=given, key="b")

    assert [] == _codes(done) == _codes(again)
    assert _codes(stale) == ["CHANGE_FROM_QUANTITY_STALE"]
    assert available(sandbox) == 3


def test_write_that_changes_nothing_makes_no_group_and_no_event() -> None:
    sandbox = open_stage()
    before = dict(sandbox.shop("north").counters)
    reply = ask(sandbox, SET, input=stock_input(sandbox, 5, expected=5), key="a")
    assert reply["data"]["inventorySetQuantities"] == {
        "inventoryAdjustmentGroup": None,
        "userErrors": [],
    }
    assert sandbox.shop("north").counters == before
