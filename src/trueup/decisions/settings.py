"""The rules' settings: what `[decisions.NAME]` of the configuration says, checked."""

import difflib
from collections.abc import Mapping

from trueup.config import read_section
from trueup.decisions.rule import Rule, Settings
from trueup.errors import ConfigError


def read_settings(rules: Mapping[str, Rule], tables: Mapping[str, object]) -> dict[str, Settings]:
    """Return the settings of every rule, by its name.

    Args:
        rules: by name.
        tables: of `[decisions]`, as they stand in the file.

    Raises:
        ConfigError: names the field, what was found, what is expected and how to put it right.
    """
    for name in tables:
        if name not in rules:
            close = difflib.get_close_matches(name, list(rules), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ConfigError(
                f"[decisions] knows no rule {name!r}; {hint}known: {', '.join(rules)}",
                field=f"decisions.{name}",
            )
    return {
        name: read_section(rule.settings, tables.get(name, {}), f"[decisions.{name}]")
        for name, rule in rules.items()
    }
