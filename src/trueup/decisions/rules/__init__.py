"""The rules, one a file; whoever adds one adds a file, and nothing else knows of it."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from trueup.decisions.rule import Rule
from trueup.errors import invariant


@cache
def find_rules() -> Mapping[str, Rule]:
    """Return every rule by its name."""
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(__path__):
        rule: Rule = importlib.import_module(f"{__name__}.{module.name}").RULE
        invariant(rule.name == module.name, "a rule is called as its file")
        found[rule.name] = rule
    return found
