"""What a person may have done about a record: one deed each, and what it needs to be told. Pure."""

import re
from collections.abc import Callable, Mapping

import msgspec

from trueup.canon.command import (
    ChangeTicket,
    CommandContent,
    HoldOrder,
    ReplyToTicket,
    SendMessage,
    TagOrder,
)
from trueup.canon.order import Order
from trueup.canon.ticket import Priority, Ticket
from trueup.decisions.written.condition import Known
from trueup.decisions.written.fields import fields_of
from trueup.errors import ConfigError

TEXT_CHARS_MAX = 2000
_WORD = re.compile(r"\{([a-z_.]*)\}")


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a deed needs to be told.

    Attributes:
        choices: the words it may be, where it is one of some.
        is_text: a text for people, in which "{number}" and other fields of the record may stand.
    """

    name: str
    label: str
    choices: tuple[str, ...] = ()
    is_text: bool = False
    chars_max: int = 200


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a deed is about: the ref of a record and what was told to the deed, texts filled in."""

    ref: str
    inputs: Mapping[str, str]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One deed.

    Attributes:
        kinds: of records that it can be done about.
        elsewhere: it is done at a connection that the person names, not at the record's own.
        content: what the vendor is asked to do.
        what: the same in words, as `Action.what`.
    """

    name: str
    label: str
    command: str
    kinds: frozenset[str]
    inputs: tuple[Input, ...]
    content: Callable[[Said], CommandContent]
    what: str
    elsewhere: bool = False


_PRIORITIES = tuple(each.value for each in Priority if each is not Priority.UNKNOWN)
_NOTE = Input(name="text", label="Text", is_text=True, chars_max=TEXT_CHARS_MAX)
_REASONS = ("payment", "fraud", "address", "stock", "other")
_HOLD_CHARS_MAX = 250
_ORDERS = frozenset((Order.kind,))
_TICKETS = frozenset((Ticket.kind,))
_TOLD_OF = frozenset((Order.kind, Ticket.kind, "parcel", "refund", "return", "dispute", "payout"))

DEEDS: Mapping[str, Deed] = {
    deed.name: deed
    for deed in (
        Deed(
            name="tag_ticket",
            label="Tag the ticket",
            command=ChangeTicket.command,
            kinds=_TICKETS,
            inputs=(Input(name="tag", label="Tag", chars_max=80),),
            content=lambda said: ChangeTicket(
                ticket_ref=said.ref, tags_added=(said.inputs["tag"],)
            ),
            what="tag the ticket {ref} {tag}",
        ),
        Deed(
            name="set_priority",
            label="Set the priority of the ticket",
            command=ChangeTicket.command,
            kinds=_TICKETS,
            inputs=(Input(name="priority", label="Priority", choices=_PRIORITIES),),
            content=lambda said: ChangeTicket(
                ticket_ref=said.ref, priority=Priority(said.inputs["priority"])
            ),
            what="set the priority of the ticket {ref} to {priority}",
        ),
        Deed(
            name="assign_ticket",
            label="Give the ticket to a team",
            command=ChangeTicket.command,
            kinds=_TICKETS,
            inputs=(Input(name="team", label="Id of the team at the helpdesk", chars_max=80),),
            content=lambda said: ChangeTicket(ticket_ref=said.ref, team_ref=said.inputs["team"]),
            what="give the ticket {ref} to the team {team}",
        ),
        Deed(
            name="note_ticket",
            label="Write a note into the ticket",
            command=ReplyToTicket.command,
            kinds=_TICKETS,
            inputs=(_NOTE,),
            content=lambda said: ReplyToTicket(ticket_ref=said.ref, text=said.inputs["text"]),
            what="write a note that only the team sees into the ticket {ref}",
        ),
        Deed(
            name="tag_order",
            label="Tag the order",
            command=TagOrder.command,
            kinds=_ORDERS,
            inputs=(Input(name="tag", label="Tag", chars_max=40),),
            content=lambda said: TagOrder(order_ref=said.ref, added=(said.inputs["tag"],)),
            what="tag the order {ref} {tag}",
        ),
        Deed(
            name="hold_order",
            label="Hold the order until a person releases it",
            command=HoldOrder.command,
            kinds=_ORDERS,
            inputs=(
                Input(name="reason", label="Reason", choices=_REASONS),
                Input(name="text", label="Text", is_text=True, chars_max=_HOLD_CHARS_MAX),
            ),
            content=lambda said: msgspec.convert(
                {
                    "order_ref": said.ref,
                    "reason": said.inputs["reason"],
                    "note": said.inputs["text"],
                },
                HoldOrder,
            ),
            what="hold the order {ref} for {reason}",
        ),
        Deed(
            name="tell_team",
            label="Tell the team",
            command=SendMessage.command,
            kinds=_TOLD_OF,
            inputs=(Input(name="to", label="Channel or e-mail of the team"), _NOTE),
            content=lambda said: SendMessage(to=said.inputs["to"], text=said.inputs["text"]),
            what="tell the team about it at {to}",
            elsewhere=True,
        ),
    )
}


def check_inputs(kind: str, deed: Deed, inputs: Mapping[str, str]) -> None:
    """Check what a person told a deed.

    Raises:
        ConfigError: names the input, what was written, what is expected.
    """
    wanted = {each.name: each for each in deed.inputs}
    for name in inputs.keys() - wanted.keys():
        raise ConfigError(
            f"{deed.name} takes no {name!r}, but: {', '.join(wanted)}.", field=f"inputs.{name}"
        )
    for each in deed.inputs:
        text = inputs.get(each.name, "").strip()
        place = f"inputs.{each.name}"
        if not text:
            raise ConfigError(f"{deed.name} needs a {each.name}.", field=place)
        if len(text) > each.chars_max:
            raise ConfigError(
                f"{each.name} has {len(text)} characters, at most {each.chars_max} may be.",
                field=place,
            )
        if each.choices and text not in each.choices:
            raise ConfigError(
                f"{each.name} is one of {', '.join(each.choices)}; {text!r} is not.", field=place
            )
        if each.is_text:
            _check_words(kind, text, place)


def fields_in(deed: Deed, inputs: Mapping[str, str]) -> tuple[str, ...]:
    """Return the fields of a record that stand in the texts of a deed."""
    texts = [inputs[each.name] for each in deed.inputs if each.is_text]
    return tuple(dict.fromkeys(word for text in texts for word in _WORD.findall(text)))


def filled(deed: Deed, inputs: Mapping[str, str], ref: str, known: Known) -> Said:
    """Return what a deed is about; what a record holds is put into texts as it is, once."""

    def word(found: re.Match[str]) -> str:
        return ", ".join(str(each) for each in known[found[1]]) or "not told"

    texts = {each.name for each in deed.inputs if each.is_text}
    told = {n: _WORD.sub(word, text) if n in texts else text for n, text in inputs.items()}
    return Said(ref=ref, inputs=told)


def _check_words(kind: str, text: str, place: str) -> None:
    for name in _WORD.findall(text):
        if name not in fields_of(kind):
            raise ConfigError(
                f"{{{name}}} is no field of records of the kind {kind}; there are: "
                f"{', '.join(sorted(fields_of(kind)))}.",
                field=place,
            )
