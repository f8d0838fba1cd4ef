"""Forms as Stripe reads them: brackets are groups and lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

from trueup.sandbox.stripe.refusal import Refusal


def form_of(body: bytes) -> dict[str, Any]:
    """Return a form's fields: `a[b]=1` is {"a": {"b": "1"}}, `a[]=1` is {"a": {"0": "1"}}.

    Raises:
        Refusal: a name is both a value and a group, or stands twice.
    """
    return nested(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return names with brackets as groups; raises as `form_of`."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        keys = [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)]
        node: Any = root
        for key in keys[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        last = keys[-1] or str(len(node or ()))
        if not isinstance(node, dict) or last in node:
            raise Refusal(400, "parameter_invalid", f"Invalid {name}.", name, saved=False)
        node[last] = value
    return root
