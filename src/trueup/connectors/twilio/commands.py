"""SMS: commands to requests, replies to receipts.

Twilio keeps no key, and a message has no field for a name of ours. Where nobody knows whether one
was sent, it is looked for among those to its number since the order, by its words.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from trueup.canon.command import SendMessage
from trueup.canon.message import MessageState
from trueup.connectors.twilio.api import MESSAGES, fault_code, needed
from trueup.connectors.twilio.mapping import STATES
from trueup.connectors.twilio.shape import MessageShape, PageShape, instant
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.contract.phone import e164
from trueup.errors import Refused

TEXT_CHARS_MAX: Final = 1600
_PAGE: Final = 50
_CLOCKS: Final = timedelta(minutes=10)
"""So far our clock and Twilio's may lie apart."""

_SILENT: Final = timedelta(days=1)
"""So long after it left a carrier that tells no delivery will tell none."""

_ENDS: Final = {
    MessageState.DELIVERED: ReceiptState.DONE,
    MessageState.READ: ReceiptState.DONE,
    MessageState.FAILED: ReceiptState.REFUSED,
}
_MEANING: Final[Mapping[int, str]] = {
    21211: "the number is none that can be written to",
    21408: "the account may not send to this country",
    21602: "there are no words in it",
    21606: "the sender is no number of this account that sends SMS",
    21610: "the customer told Twilio that they want no more",
    21612: "this sender does not reach this number",
    21614: "the number is no mobile phone",
    21617: "the text is too long",
    21703: "the messaging service has no sender for it",
    30003: "the phone is switched off or unknown",
    30004: "the carrier or the phone blocks it",
    30005: "the number is not in use",
    30006: "the number is a landline, or its carrier takes no SMS",
    30007: "the carrier took it for spam",
    30008: "the carrier did not say why",
}


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - there are no keys
    """Return the call that sends the message.

    Raises:
        Refused: it is nothing that goes as an SMS; names what and how to mend it.
    """
    content = _content(command)
    _check(content)
    sender = command.target.get("sender", "")
    name = "MessagingServiceSid" if sender.startswith("MG") else "From"
    pairs = {"To": _number(command), name: sender, "Body": content.text}
    if status_url := command.target.get("status_url"):
        pairs["StatusCallback"] = status_url
    return Request(
        method="POST",
        path=f"{MESSAGES}.json",
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(pairs).encode(),
        writes=True,
    )


def command_receipt(command: Command, reply: Reply) -> Receipt:  # noqa: ARG001 - the reply says it all
    """Return what came of it; taken in is not delivered.

    Raises:
        ContractBroken: the reply is no message.
    """
    if reply.status >= 400:
        return _refused(fault_code(reply))
    return _receipt(needed(reply.body, MessageShape), reply)


def find_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - as above
    """Return the call that lists the newest messages to this number."""
    query = urlencode({"To": _number(command), "PageSize": str(_PAGE)})
    return Request(method="GET", path=f"{MESSAGES}.json?{query}")


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:  # noqa: ARG001 - as above
    """Return what is known of it; LATER where it surely was not sent.

    Raises:
        ContractBroken: the reply is no list of messages.
    """
    page = needed(reply.body, PageShape)
    since, words = command.wanted_at - _CLOCKS, _content(command).text.strip()
    shapes = [needed(raw, MessageShape) for raw in page.messages]
    for shape in shapes:
        at = shape.created_at
        is_fresh = at is not None and at >= since
        if shape.is_ours and is_fresh and (shape.body or "").strip() == words:
            return _receipt(shape, reply)
    oldest_at = shapes[-1].created_at if shapes else None
    if page.next_query is None or oldest_at is None or oldest_at < since:
        return Receipt(state=ReceiptState.LATER, message="no such message was sent")
    further = Request(method="GET", path=f"{MESSAGES}.json?{page.next_query}")
    told = "more was sent to this number since then than one page holds"
    return Receipt(state=ReceiptState.UNKNOWN, message=told, further=further)


def confirm_request(command: Command, vendor_ref: str) -> Request:  # noqa: ARG001 - asked by its id
    """Return the call that asks how far a message came."""
    return Request(method="GET", path=f"{MESSAGES}/{quote(vendor_ref, safe='')}.json")


def confirmed(command: Command, reply: Reply) -> Receipt:
    """Return DONE, REFUSED, or SUBMITTED while it is on its way."""
    return command_receipt(command, reply)


def _content(command: Command) -> SendMessage:
    if not isinstance(command.content, SendMessage):
        raise Refused("Twilio takes messages only", command=command.kind)
    return command.content


def _check(content: SendMessage) -> None:
    other = ("subject", "html", "template", "language", "variables", "reply_to_ref", "attachments")
    given = next((name for name in other if getattr(content, name)), None)
    if given is not None:
        raise Refused(f"An SMS is plain words: {given} can not go with it.", field=given)
    if not content.text.strip() or len(content.text) > TEXT_CHARS_MAX or "\x00" in content.text:
        raise Refused(f"An SMS has 1 to {TEXT_CHARS_MAX} characters.", field="text")


def _number(command: Command) -> str:
    number = e164(_content(command).to, command.target.get("default_region"))
    if number is None:
        raise Refused("The number needs its country, such as +491701234567.", field="to")
    return number


def _receipt(shape: MessageShape, reply: Reply) -> Receipt:
    state = STATES.get(shape.status, MessageState.UNKNOWN)
    end = _ENDS.get(state, ReceiptState.SUBMITTED)
    if end is ReceiptState.REFUSED:
        code = shape.error_code
        return Receipt(
            state=end,
            vendor_ref=shape.sid,
            code=str(code or shape.status),
            message=_MEANING.get(code or 0, "it did not arrive"),
        )
    sent_at, now = instant(shape.date_sent), instant(reply.headers.get("date"))
    is_silent = sent_at is not None and now is not None and now - sent_at > _SILENT
    if state is MessageState.SENT and is_silent:
        end = ReceiptState.DONE
    return Receipt(state=end, vendor_ref=shape.sid, message=shape.status)


def _refused(code: int | None) -> Receipt:
    told = _MEANING.get(code or 0, "see Twilio's list of error codes")
    return Receipt(
        state=ReceiptState.REFUSED, code=str(code or "refused"), message=f"Twilio refused: {told}"
    )
