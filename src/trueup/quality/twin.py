"""Where a connector's simulated vendor is found: `trueup.sandbox.<id>.twin`, by its name alone."""

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import cast

from trueup.sandbox.twin import HOOK_URL, Fault, Heard, Twin

__all__ = ["HOOK_URL", "Fault", "Heard", "Twin", "twin_of"]


def twin_of(connector_id: str) -> Callable[[], Twin] | None:
    """Return what opens the simulated vendor of a connector; None where there is none."""
    parent = f"trueup.sandbox.{connector_id}"
    if find_spec(parent) is None or find_spec(f"{parent}.twin") is None:
        return None
    module = importlib.import_module(f"{parent}.twin")
    return cast("Callable[[], Twin]", module.open_twin)
