"""What a connector can do, as its manifest declares it: read, spend calls, act."""

import re
from typing import Literal

import msgspec

from trueup.canon.command import SendMessage, command_contents

Mode = Literal["shadow", "ask", "auto"]
"""shadow: only noted; ask: a person approves; auto: done at once (only at the gold level)."""

_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
_ACTION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the manifest: unknown fields are refused, so that a typing error is found."""


def check(condition: object, message: str) -> None:
    """Refuse a manifest that does not hold to a rule; `message` says which.

    Raises:
        ValueError: the condition does not hold; told with file and field by the loader.
    """
    if not condition:
        raise ValueError(message)


class Resource(Section, frozen=True, kw_only=True):
    """What is pulled page by page since a cursor.

    Attributes:
        cursor: the vendor's field that only grows, such as `updated_at`; empty for a snapshot
            without one.
        page_size_max: the most the vendor gives in one page.
        interval_s: how often it is pulled when hooks are healthy.
        overlap_s: how far behind its cursor a pull starts again, for what committed late.
        backdated_s: how far in the past the cursor's field may lie when a record is told, where
            whoever tells it names the date; further than the overlap. It is swept that far back.
        snapshot: the whole state can be read at once, which reconciliation needs.
        bulk: the vendor prepares a whole export for us.
        needs: a config field without which it is not pulled, such as the address of a queue.
        by_ref: single records are followed: asked for by name while they may change
            (`pull.batches`). A resource without cursor and snapshot is followed alone.
        batch_max: the most that one call asks for by name.
        follow_days: after so many days without news one is followed no more.
        begin_setting: a config field. Where it is "yes" the vendor is told to follow what it does
            not know of yet (`pull.begin`), because that may cost; otherwise it is left alone.
    """

    resource: str
    page_size_max: int
    interval_s: int
    cursor: str = ""
    overlap_s: int = 0
    backdated_s: int = 0
    snapshot: bool = False
    bulk: bool = False
    needs: str = ""
    by_ref: bool = False
    batch_max: int = 1
    follow_days: int = 45
    begin_setting: str = ""

    def __post_init__(self) -> None:
        check(_ID.fullmatch(self.resource), f"resource {self.resource!r} is not snake_case")
        check(self.page_size_max >= 1, "page_size_max is at least 1")
        check(self.interval_s >= 1, "interval_s is at least 1")
        check(self.overlap_s >= 0, "overlap_s is at least 0")
        check(
            not self.backdated_s or (self.cursor and 0 < self.overlap_s < self.backdated_s),
            "backdated_s goes with a cursor and reaches further than its overlap_s",
        )
        check(
            self.cursor or self.snapshot or self.by_ref,
            "a resource has a cursor, is a snapshot, or is asked for by ref",
        )
        check(self.batch_max >= 1, "batch_max is at least 1")
        check(1 <= self.follow_days <= 365, "follow_days is 1 to 365")
        check(self.by_ref or not self.begin_setting, "begin_setting goes with by_ref")

    @property
    def is_listed(self) -> bool:
        """Tell whether the vendor lists its records, so that they can be polled."""
        return bool(self.cursor) or self.snapshot


class Limit(Section, frozen=True, kw_only=True):
    """One budget of calls.

    Attributes:
        scope: which calls it covers; `all`, or a resource or action of the manifest.
        kind: `cost`: each call has its own cost; `requests`: each call costs one.
        capacity: the most that may be spent at once.
        refill_per_s: how fast the budget comes back.
        concurrency_max: calls in flight at once.
        source: the vendor's page the figures are from.
    """

    kind: Literal["cost", "requests"]
    capacity: float
    refill_per_s: float
    scope: str = "all"
    concurrency_max: int = 1
    source: str = ""

    def __post_init__(self) -> None:
        check(self.capacity >= 1, "capacity is at least 1")
        check(self.refill_per_s > 0, "refill_per_s is above 0")
        check(self.concurrency_max >= 1, "concurrency_max is at least 1")


class Action(Section, frozen=True, kw_only=True):
    """One thing that can be done at the vendor.

    Attributes:
        name: the intent's name, such as `stock.set`.
        idempotency: what keeps a repeat from acting twice: `key`: the vendor keeps a key that we
            send; `absolute`: the call sets a value, or its steps look first and write only what
            does not stand there; `compare`: the vendor compares before it writes; `lookup`: we
            must look before we repeat; `none`: a repeat acts again.
        looked_for: what nobody knows is looked for before it is asked again under its key: a vendor
            keeps keys for a while, and a call may stay open for longer.
        reversible: a later action can undo it.
        risk: what a wrong call costs.
        default_mode: how it starts out on a new connection.
        bulk_max: the most targets in one call.
        bulk_from: fewer than so many go one by one, where a call for many takes longer.
        read_max: the most that one call reads back; 0: as many as it sets.
        read_back_max: of a batch that the vendor works off later and reports on, so many are read
            back; only where one of these does not stand there, all. 0: always all.
        confirmed_by: webhook topics that report the change back.
        form: `level`: an absolute value that a newer one replaces (`actions.py`); `command`: a
            thing that is done once (`commands.py`).
        steps: one carrying out takes several calls; `next_request` of `actions` or `commands` gives
            the later ones. A command with steps is begun anew after whatever broke, so it is one
            that sets a value.
        lowers: where comparing fails again and again, units can be taken off without it, once
            under the call's key.
        per_location: a level stands at one of the vendor's locations.
        batch_confirm: `reply`: as any call; `ask`: a batch is worked off later, and
            `actions.batch_progress` asks what came of it.
        confirm: `reply`: the reply says that it was done; `webhook`: it is only submitted, and a
            record of the same id says later what came of it; `ask`: `confirm_request` asks.
        medium: of messages: the medium by which they reach a customer, such as "email".
        in_tickets: of messages: they go by e-mail into the ticket that `reply_to_ref` names, and
            nowhere else.
        notes_only: of replies to tickets: it writes notes to the team, and no answers to customers.
    """

    name: str
    idempotency: Literal["key", "absolute", "compare", "lookup", "none"]
    looked_for: bool = False
    reversible: bool
    risk: Literal["low", "medium", "high"]
    default_mode: Mode = "shadow"
    bulk_max: int = 1
    bulk_from: int = 1
    read_max: int = 0
    read_back_max: int = 0
    batch_confirm: Literal["reply", "ask"] = "reply"
    confirmed_by: tuple[str, ...] = ()
    form: Literal["level", "command"] = "level"
    steps: bool = False
    lowers: bool = False
    per_location: bool = True
    confirm: Literal["reply", "webhook", "ask"] = "reply"
    medium: Literal["email", "whatsapp", "sms"] | None = None
    in_tickets: bool = False
    notes_only: bool = False

    def __post_init__(self) -> None:
        if self.form == "command":
            check(self.name in command_contents(), f"no command {self.name!r} in canon/command.py")
        check(_ACTION.fullmatch(self.name), f"name {self.name!r} is not like stock.set")
        check(
            self.medium is None or self.name == SendMessage.command,
            f"medium is for {SendMessage.command} only",
        )
        check(
            not self.in_tickets or (self.name == SendMessage.command and self.medium is None),
            f"in_tickets is for {SendMessage.command} without a medium",
        )
        check(self.bulk_max >= 1, "bulk_max is at least 1")
        check(1 <= self.bulk_from <= self.bulk_max, "bulk_from is 1 to bulk_max")
        check(0 <= self.read_max <= self.bulk_max, "read_max is 0 to bulk_max")
        check(self.read_back_max >= 0, "read_back_max is at least 0")
        check(
            not self.lowers or (self.idempotency == "key" and self.form == "level"),
            "only a level that is written under a key can be lowered: a repeat lowers again",
        )
        check(
            not self.looked_for or (self.idempotency == "key" and self.form == "command"),
            "looked_for is for a command that has a key; one without is looked for by `lookup`",
        )
        check(
            not (self.steps and self.form == "command") or self.idempotency == "absolute",
            "a command with steps is begun anew after whatever broke: it is `absolute`",
        )
        check(
            self.default_mode != "auto" or (self.reversible and self.risk != "high"),
            "an action that is high in risk or can not be undone does not start in the mode auto",
        )
