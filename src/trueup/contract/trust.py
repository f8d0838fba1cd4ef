"""How far a connector can be trusted, and what follows for what it may do without a person."""

from enum import StrEnum

from trueup.contract.capability import Action, Mode


class Level(StrEnum):
    """How far a connector can be trusted; each level holds all lower ones."""

    BRONZE = "bronze"  # safe to read from
    SILVER = "silver"  # safe to leave alone
    GOLD = "gold"  # safe to let act
    PLATINUM = "platinum"  # the exemplar


def is_at_least(level: Level | None, floor: Level) -> bool:
    """Tell whether a level reaches a floor; None is below bronze."""
    order = list(Level)
    return level is not None and order.index(level) >= order.index(floor)


def may_act_alone(level: Level | None, action: Action) -> bool:
    """Tell whether an action may be done without a person: from gold on, and never blindly.

    An action that nothing keeps from being done twice always needs a person.
    """
    return is_at_least(level, Level.GOLD) and action.idempotency != "none"


def mode_allowed(level: Level | None, action: Action, wished: Mode) -> Mode:
    """Return the mode that an action really has: `auto` becomes `ask` where it may not act alone.

    Call it wherever a mode is stored or read, so that a level that falls takes `auto` away.
    """
    return "ask" if wished == "auto" and not may_act_alone(level, action) else wished
