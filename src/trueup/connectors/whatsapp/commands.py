"""A message as a command: a template at any time, free text only while the window is open.

The customer's window is open for 24 hours after they wrote. Nothing here knows when that was: the
room says it in `target[WINDOW]`, and without that the window counts as shut.
"""

from datetime import datetime
from typing import Any

import msgspec

from trueup.canon.command import SendMessage
from trueup.connectors.whatsapp.api import fault_code
from trueup.connectors.whatsapp.words import words_of
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.contract.phone import e164
from trueup.errors import ContractBroken, Refused

WINDOW = "window_open_until"
"""In `Command.target`: until when the customer may be written to freely (RFC 3339)."""

HEADER, BUTTON = "header:", "button"
TEXT_CHARS_MAX = 4_096
VARIABLE_CHARS_MAX = 1_024
VARIABLES_MAX = 60
REF_CHARS_MAX = 512
_NAME_CHARS_MAX = 512
_PATH = "/{phone_number_id}/messages"


class _Sent(msgspec.Struct):
    id: str
    message_status: str | None = None


class _Body(msgspec.Struct):
    messages: list[_Sent]


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that sends the message.

    Raises:
        Refused: the content can not be sent by WhatsApp, or not now; names what and why.
    """
    del idempotency_key  # Meta keeps none: our ref comes back with each status
    content = command.content
    if not isinstance(content, SendMessage):
        raise Refused("WhatsApp takes messages only", command=command.kind)
    _check(command, content)
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": _number(content.to, command.target.get("default_region")),
        "biz_opaque_callback_data": command.ref,
    }
    if content.template is not None:
        body |= {"type": "template", "template": _template(content, content.template)}
    else:
        body |= {"type": "text", "text": {"preview_url": False, "body": content.text}}
    if content.reply_to_ref is not None:
        body["context"] = {"message_id": content.reply_to_ref}
    return Request(
        method="POST",
        path=_PATH,
        headers=(("content-type", "application/json"),),
        body=msgspec.json.encode(body),
        writes=True,
        scope="message.send",
    )


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it; taken in is not delivered: a status says that later."""
    del command
    if reply.status >= 300:
        code = fault_code(reply) or 0
        message = f"WhatsApp refused: {words_of(code)}"
        return Receipt(state=ReceiptState.REFUSED, code=str(code), message=message)
    try:
        (sent,) = msgspec.json.decode(reply.body, type=_Body).messages
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as fault:
        raise ContractBroken("WhatsApp took the message and did not name it") from fault
    return Receipt(state=ReceiptState.SUBMITTED, vendor_ref=sent.id, message=sent.message_status)


def _check(command: Command, content: SendMessage) -> None:
    if len(command.ref) > REF_CHARS_MAX:
        raise _refused("ref", f"at most {REF_CHARS_MAX} characters")
    if content.attachments:
        raise _refused("attachments", "none: media are not sent")
    if content.html is not None or content.subject is not None:
        raise _refused("html" if content.html is not None else "subject", "nothing")
    if content.template is None:
        _check_text(command, content)
    elif content.text:
        raise _refused("text", "nothing beside a template: it holds the words")
    if content.reply_to_ref is not None and not content.reply_to_ref.startswith("wamid."):
        raise _refused("reply_to_ref", "the id of a WhatsApp message")


def _check_text(command: Command, content: SendMessage) -> None:
    if not content.text.strip() or len(content.text) > TEXT_CHARS_MAX:
        raise _refused("text", f"1 to {TEXT_CHARS_MAX} characters")
    if content.variables or content.language:
        raise _refused("template", "the name of a template, because there are variables")
    if not _encodes(content.text):
        raise _refused("text", "text that can be written in UTF-8, without U+0000")
    if not _is_open(command):
        raise Refused(
            "WhatsApp takes free text only within 24 hours after the customer wrote, and nobody "
            "knows that they did: send a template",
            field="text",
            reason="window_shut",
        )


def _is_open(command: Command) -> bool:
    """Tell whether the room says that the window is open; what can not be read is shut."""
    try:
        until = datetime.fromisoformat(command.target.get(WINDOW, ""))
    except ValueError:
        return False
    return until.tzinfo is not None and command.wanted_at < until


def _template(content: SendMessage, name: str) -> dict[str, Any]:
    """Return the template with its variables.

    A variable of the title is written "header:...", one of the first button's address
    "button0:..."; all others are the body's, in their order.
    """
    if not name.replace("_", "").isalnum() or not name.isascii() or len(name) > _NAME_CHARS_MAX:
        raise _refused("template", "a name in small letters, digits and underscores")
    language = content.language or ""
    if not language.replace("_", "").isalpha() or not 2 <= len(language) <= 10:
        raise _refused("language", "the template's, as WhatsApp writes it: en_US")
    if len(content.variables) > VARIABLES_MAX:
        raise _refused("variables", f"at most {VARIABLES_MAX}")
    header: list[dict[str, str]] = []
    body: list[dict[str, str]] = []
    buttons: list[dict[str, Any]] = []
    for variable in content.variables:
        place, text = _place(variable)
        if place == "header":
            header.append(_parameter(text))
        elif place == "body":
            body.append(_parameter(text))
        else:
            buttons.append(
                {"type": "button", "sub_type": "url", "index": place}
                | {"parameters": [_parameter(text)]}
            )
    parts: list[dict[str, Any]] = [
        {"type": kind, "parameters": found}
        for kind, found in (("header", header), ("body", body))
        if found
    ]
    template: dict[str, Any] = {"name": name, "language": {"code": language}}
    return template | ({"components": [*parts, *buttons]} if parts or buttons else {})


def _place(variable: str) -> tuple[str, str]:
    if variable.startswith(HEADER):
        return "header", variable.removeprefix(HEADER)
    head, colon, rest = variable.partition(":")
    index = head.removeprefix(BUTTON)
    if colon and head.startswith(BUTTON) and len(index) == 1 and index.isdigit():
        return index, rest
    return "body", variable


def _parameter(text: str) -> dict[str, str]:
    # Meta refuses these in a parameter: line breaks, tabs, and more than four spaces in a row.
    if not text.strip() or len(text) > VARIABLE_CHARS_MAX or not _encodes(text):
        raise _refused("variables", f"1 to {VARIABLE_CHARS_MAX} characters each")
    if set(text) & set("\n\r\t") or "     " in text:
        raise _refused("variables", "text on one line, with at most four spaces in a row")
    return {"type": "text", "text": text}


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _number(text: str, region: str | None) -> str:
    number = e164(text, region)
    if number is None:
        raise _refused("to", "a phone number with its country, such as +491701234567")
    return number


def _refused(field: str, expected: str) -> Refused:
    return Refused(f"WhatsApp can not send it: {field} needs {expected}", field=field)
