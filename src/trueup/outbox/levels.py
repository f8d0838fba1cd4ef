"""Levels: read what stands at a vendor now, in as many calls as it takes."""

from collections.abc import Sequence

from trueup.contract.connector import Intent
from trueup.outbox.caller import Caller


async def read_levels(
    caller: Caller, intents: Sequence[Intent], *, patient: bool = False
) -> list[int | None]:
    """Return what stands at the vendor, one per intent; None where the item is gone.

    Args:
        caller: of the connection.
        intents: of one kind.
        patient: it can wait: it leaves a share of the budget to others.

    Raises:
        ConnectorError: one of the calls failed; nothing was changed.
    """
    if not intents:
        return []
    actions, action = caller.folder.actions, caller.folder.manifest.action(intents[0].kind)
    most = (action and (action.read_max or action.bulk_max)) or 1
    levels: list[int | None] = []
    for start in range(0, len(intents), most):
        some = intents[start : start + most]
        reply = await caller.send(actions.read_request(some), patient=patient)
        levels += actions.read(some, reply)
    return levels
