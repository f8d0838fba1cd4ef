"""A mail as a command: done once, known by its Message-ID, never repeated by the hub itself."""

import re

from trueup.canon.command import SendMessage
from trueup.connectors.smtp.letter import build, envelope_address, message_id_of
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import Refused

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_QUEUED = re.compile(r"(?:queued as |\bid=|\bOk )([\w.+/=-]{4,120})(?![\w@])")


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the mail; the key has no place in it, the Message-ID is made from the command's ref.

    Raises:
        Refused: the content can not be a mail; names what and how to mend it.
    """
    del idempotency_key
    content = command.content
    if not isinstance(content, SendMessage):
        raise Refused("A mail server takes messages only", command=command.kind)
    return Request(
        method="SEND",
        path="",
        headers=(("to", envelope_address(content.to)),),
        body=build(command, content),
        writes=True,
        scope="message.send",
    )


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it; `vendor_ref` is the Message-ID, by which reports name the mail."""
    text = reply.body.decode(errors="replace")
    code = _code(reply.status, text)
    if 200 <= reply.status < 300:
        message_id = message_id_of(command.ref, command.target)
        queued = queue_id(text)
        said = f"queued as {queued}" if queued else None
        return Receipt(state=ReceiptState.DONE, vendor_ref=message_id, message=said)
    if 400 <= reply.status < 500:
        said = f"The mail server asks to come again ({code})"
        return Receipt(state=ReceiptState.LATER, code=code, message=said)
    return Receipt(state=ReceiptState.REFUSED, code=code, message=_why(reply, code))


def queue_id(text: str) -> str | None:
    """Return the number by which the server knows the mail, where it tells one."""
    found = _QUEUED.search(text)
    return found[1].rstrip(".") if found else None


def _code(status: int, text: str) -> str:
    """Return the enhanced code (RFC 3463) where there is one; the text may hold the address."""
    found = _ENHANCED.match(text)
    return found[1] if found else str(status)


def _why(reply: Reply, code: str) -> str:
    words = {
        "5.1.1": "there is no such mailbox",
        "5.1.2": "there is no such domain",
        "5.1.10": "the domain takes no mail",
        "5.2.1": "the mailbox is switched off",
        "5.2.2": "the mailbox is full",
        "5.3.4": "the mail is too large",
        "5.7.1": "the server does not allow it: look at sender, SPF, DKIM and DMARC",
    }
    stage = reply.headers.get("smtp-stage", "")
    plain = "the recipient is refused" if stage == "rcpt" else "the content is refused"
    return f"The mail server refused: {words.get(code, plain)} ({code})"
