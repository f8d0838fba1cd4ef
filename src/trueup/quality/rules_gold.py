"""Gold and platinum: safe to let act, and the exemplar."""

from typing import Final

from trueup.quality import acting, commanding, craft, facts, history
from trueup.quality.rooms import held_by
from trueup.quality.rule import Level, Rule

GOLD: Final = (
    Rule(
        id="actions-idempotent",
        level=Level.GOLD,
        why="A repeat after a crash must not act twice.",
        how="One key makes one request, to the byte; sent twice with a sale in between, the "
        "simulated vendor does it once and the sale stands. Where the vendor keeps no key, the "
        "same value stands after a repeat.",
        check=acting.actions_idempotent,
        needs=("actions", "twin"),
    ),
    Rule(
        id="dry-run",
        level=Level.GOLD,
        why="A person who approves must see what would be sent.",
        how="The request is made with the world shut out; it shows values and targets and no "
        "secret, and the simulated vendor stays as it was.",
        check=acting.dry_run,
        needs=("actions", "twin"),
    ),
    Rule(
        id="read-back",
        level=Level.GOLD,
        why="What can not be read back can not be proved.",
        how="Set, read back, changed by somebody else, read again; what is gone reads as gone.",
        check=acting.read_back,
        needs=("actions", "twin"),
    ),
    Rule(
        id="compared-before-set",
        level=Level.GOLD,
        why="A number set over a sale that was not seen sells the unit again.",
        how="Stock is set with a stale number: nothing changes, and it is tried later from fresh "
        "facts.",
        exceptions="Vendors that compare nothing; the manifest then says `absolute` or `lookup`.",
        check=acting.compared_before_set,
        needs=("actions", "twin"),
    ),
    Rule(
        id="unknown-outcome",
        level=Level.GOLD,
        why="Between request and reply anything can break.",
        how="Over a real line the simulated vendor is cut off before and after the work; the same "
        "call under its key finds out, and the work is done once.",
        check=acting.unknown_outcome,
        needs=("actions", "twin"),
    ),
    Rule(
        id="undone-as-declared",
        level=Level.GOLD,
        why="Who lets it act must know what can be undone.",
        how="Each action that is declared reversible is done and undone; the others say so.",
        check=acting.undone_as_declared,
        needs=("actions", "twin"),
    ),
    Rule(
        id="snapshot-true",
        level=Level.GOLD,
        why="Reconciliation needs the whole state, not changes alone.",
        how="The snapshot resources are read after a simulated day and hold the vendor's number.",
        check=history.snapshot_true,
        needs=("pull", "actions", "twin"),
    ),
    Rule(
        id="actions-declared",
        level=Level.GOLD,
        why="Who lets it act decides by what is declared: risk, repeats, whether it can be undone.",
        how="The manifest's actions are read: one that a repeat does again begins with a person, "
        "one that is confirmed by a webhook names it, each has a limit.",
        check=facts.actions_declared,
        needs=("acting",),
    ),
    Rule(
        id="reconfigured-without-loss",
        level=Level.GOLD,
        why="A new secret or a pause must not cost an order.",
        how="The room does it for all: paused, taken up again, its secret rotated, disconnected; "
        "by its tests.",
        check=held_by(
            "flow/test_cli_connect.py::test_pause_resume_rotate_and_disconnect",
            "flow/test_tokens.py::test_what_people_gave_anew_counts_at_once",
        ),
        needs=("acting",),
    ),
    Rule(
        id="commands-once",
        level=Level.GOLD,
        why="A customer who is refunded or written to twice remembers it.",
        how="Each command is carried out while the simulated vendor throttles, fails, turns the "
        "credentials away, or is cut off over a real line before or after the work; by the "
        "vendor's own books it stands done once. Where a repeat acts again, what nobody knows "
        "is left to a person.",
        check=commanding.commands_once,
        needs=("commands", "twin"),
    ),
    Rule(
        id="lookup-true",
        level=Level.GOLD,
        why="A look that misses what was done lets it be done again.",
        how="Each command is looked for before it is sent and after: surely not done, then done by "
        "the id that the receipt told.",
        exceptions="Commands that set a value, and those for which the vendor's key is enough.",
        check=commanding.lookup_true,
        needs=("commands", "twin"),
    ),
    Rule(
        id="refusals-told",
        level=Level.GOLD,
        why="A refusal that is tried again for days helps nobody; a person must read why.",
        how="The simulated vendor says no to each command: refused, not done, with the vendor's "
        "code and a plain message.",
        check=commanding.refusals_told,
        needs=("commands", "twin"),
    ),
    Rule(
        id="submitted-told-apart",
        level=Level.GOLD,
        why="Taken in is not done: the mail may bounce, the refund may fail.",
        how="The vendor takes a command in, and does it later: submitted until then; afterwards "
        "asking, or the webhook under the receipt's id, says that it is done.",
        exceptions="Commands whose reply says that they were done.",
        check=commanding.submitted_told_apart,
        needs=("commands", "twin"),
    ),
    Rule(
        id="commands-shown",
        level=Level.GOLD,
        why="A person who approves must see what would be sent.",
        how="Each request is made twice with the world shut out: the same to the byte, no secret "
        "in it, and the simulated vendor stays as it was.",
        check=commanding.command_shown,
        needs=("commands", "twin"),
    ),
)
PLATINUM: Final = (
    Rule(
        id="typed",
        level=Level.PLATINUM,
        why="Types are the papers that never go stale.",
        how="The code is read: every function is annotated, no type check is silenced.",
        check=craft.typed,
    ),
    Rule(
        id="nonsense-survived",
        level=Level.PLATINUM,
        why="The strangest body arrives on the busiest day.",
        how="1,500 samples spoilt from a seed are mapped: none raises, and what comes is exact.",
        check=craft.nonsense_survived,
        needs=("mapping",),
    ),
    Rule(
        id="fast",
        level=Level.PLATINUM,
        why="A day's backlog must be gone before the next one begins.",
        how="2,000 events go the whole way: at least 1,000 a second of processor time, p99 at most "
        "10 ms.",
        check=craft.fast,
        needs=("mapping",),
    ),
    Rule(
        id="simulation-passed",
        level=Level.PLATINUM,
        why="Faults come together, and a checker tries them one by one.",
        how="Signed off with the run: a simulated world with faults and crashes, from seeds.",
    ),
    Rule(
        id="operator-reviewed",
        level=Level.PLATINUM,
        why="Only who runs the vendor's system every day knows what its words mean there.",
        how="Signed off by a person who operates it and has read the mapping.",
    ),
)
