"""Read a rule from a file or a request: a table with `if`, and a connection by its name. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.decisions.written.deeds import DEEDS
from trueup.decisions.written.model import WrittenRule, check_written
from trueup.errors import ConfigError


def read_written(raw: object, connections: Mapping[str, int], source: str) -> WrittenRule:
    """Return a rule that can be kept.

    Args:
        raw: a table: name, title, kind, `if` (a list of conditions), deed, inputs, `connection`
            (a name) where the deed is done elsewhere.
        connections: the numbers of the hub's connections by name.
        source: what the table is called.

    Raises:
        ConfigError: names the field, what was found and what is expected.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{source} must be a table of a rule's fields.")
    table: dict[str, Any] = {"conditions" if n == "if" else n: v for n, v in raw.items()}
    name = table.pop("connection", None)
    if name is not None:
        if name not in connections:
            raise ConfigError(
                f"{source}: there is no connection {name!r}; there are: "
                f"{', '.join(sorted(connections)) or 'none'}.",
                field="connection",
            )
        table["connection_id"] = connections[name]
    try:
        rule = msgspec.convert(table, WrittenRule)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace("conditions", "if").partition(" - at ")
        field = where.strip("`$.") or "the table"
        raise ConfigError(f"{source}: {field}: {what}.", field=field) from error
    check_written(rule)
    return rule


def show_written(rule: WrittenRule, connections: Mapping[int, str]) -> dict[str, Any]:
    """Return a rule as `read_written` reads it."""
    table = msgspec.to_builtins(rule)
    table["if"] = table.pop("conditions")
    number = table.pop("connection_id")
    if DEEDS[rule.deed].elsewhere:
        table["connection"] = connections.get(number, str(number))
    return dict(table)
