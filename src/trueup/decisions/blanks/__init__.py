"""The blanks, one a file; whoever adds one adds a file that ends in a `BLANK`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from trueup.decisions.blank import Blank
from trueup.errors import invariant


@cache
def find_blanks() -> Mapping[str, type[Blank]]:
    """Return every blank by its name."""
    found: dict[str, type[Blank]] = {}
    for module in pkgutil.iter_modules(__path__):
        blank: type[Blank] = importlib.import_module(f"{__name__}.{module.name}").BLANK
        invariant(blank.command not in found, "no two blanks have one name")
        found[blank.command] = blank
    return found
