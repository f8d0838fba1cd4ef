"""Run one of the hub's processes and kill it dead at the n-th passing of one step of the walk.

`python -m tests.sim.crashing STEP NTH NAME --config PATH`; nothing in the product knows of this.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import trueup.pipeline as spine
from trueup.api import hooks
from trueup.cli.main import main
from trueup.intake import gateway
from trueup.outbox import dispatch
from trueup.outbox.caller import Caller

# step -> (owner of the function, its name, crash before or after it)
STEPS: dict[str, tuple[Any, str, str]] = {
    "1 before the commit of a delivery": (gateway, "append_events", "before"),
    "1 after the commit, before the answer": (gateway, "append_events", "after"),
    "2 before a refusal is noted": (hooks, "note_refusal", "before"),
    "3 before records are stored": (spine, "store_records", "before"),
    "4 after postings, before the commit": (spine, "post_transactions", "after"),
    "5 after intents, before the commit": (spine, "change_stock", "after"),
    "5 before the queue is emptied": (spine, "finish_events", "before"),
    "5 after the commit of a batch": (spine.Applier, "apply_now", "after"),
    "8 after the claim, before the call": (dispatch, "claim_call", "after"),
    "8 after the call, before the receipt": (Caller, "send", "after"),
    "8 before the receipt is written": (dispatch, "settle_call", "before"),
    "8 after the receipt": (dispatch, "settle_call", "after"),
}
WEB_STEPS = [step for step in STEPS if step.startswith(("1", "2"))]
WORKER_STEPS = [step for step in STEPS if not step.startswith(("1", "2"))]


def arm(step: str, nth: int) -> None:
    """Replace the step's function by one that kills this process at its n-th call."""
    owner, name, when = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    passed = 0

    async def crashing(*args: Any, **kwargs: Any) -> Any:
        nonlocal passed
        passed += 1
        if when == "before" and passed == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await real(*args, **kwargs)
        if when == "after" and passed == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, crashing)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = [sys.argv[0], *sys.argv[3:]]
    main()
