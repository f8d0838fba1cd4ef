"""Builds the message. Two calls for one command give the same bytes."""

import base64
import binascii
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime

from trueup.canon.command import SendMessage
from trueup.contract.connector import Command
from trueup.errors import Refused
from trueup.kernel.ids import sha256

ATTACHMENTS_BYTES_MAX = 15_000_000
"""Before packing; most receivers take 25 MB of packed mail, which is a third more."""

_SUBJECT_CHARS_MAX = 500
_TEXT_CHARS_MAX = 1_000_000
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_MEDIA_TYPE = re.compile(r"([a-z0-9][a-z0-9.+-]*)/([a-z0-9][a-z0-9.+-]*)")
_MESSAGE_ID = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
_SPECIAL = re.compile(r'[,;:<>()@"\[\]\\]')
_POLICY = SMTP.clone(cte_type="7bit")


def message_id_of(ref: str, settings: Mapping[str, str]) -> str:
    """Return the Message-ID of a command, without its brackets; the same for ever."""
    domain = settings.get("message_domain") or settings.get("from_address", "").rpartition("@")[2]
    return f"trueup.{sha256(ref.encode()).hex()[:32]}@{_domain(domain)}"


def envelope_address(address: str) -> str:
    """Return the address as servers write it, its domain in ASCII.

    Raises:
        Refused: it is not one plain address.
    """
    local, at, domain = address.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > 64:
        raise _refused("to", "one address such as mia@home.example, in plain letters before the @")
    return f"{local}@{_domain(domain)}"


def build(command: Command, content: SendMessage) -> bytes:
    """Return the whole message as it goes over the line.

    Args:
        command: its `target` holds the connection's settings.
        content: of the command.

    Raises:
        Refused: something of it can not stand in a mail; names what.
    """
    settings = command.target
    _check(content)
    mail = EmailMessage(policy=_POLICY)
    sender = envelope_address(settings.get("from_address", ""))
    message_id = message_id_of(command.ref, settings)
    mail["From"] = _named(settings.get("from_name", ""), sender)
    mail["To"] = _named("", envelope_address(content.to))
    mail["Subject"] = _line(content.subject or "", "subject")
    mail["Date"] = format_datetime(command.wanted_at)
    mail["Message-ID"] = f"<{message_id}>"
    if reply_to := settings.get("reply_to"):
        mail["Reply-To"] = _named("", envelope_address(reply_to))
    if content.reply_to_ref:
        answered = f"<{_answered(content.reply_to_ref)}>"
        mail["In-Reply-To"] = answered
        mail["References"] = answered
    # Machines that answer for people on holiday leave such a mail alone.
    mail["Auto-Submitted"] = "auto-generated"
    if place := settings.get("list_unsubscribe"):
        mail["List-Unsubscribe"] = f"<{_line(place, 'list_unsubscribe')}>"
        if place.startswith("https://"):
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    _fill(mail, content)
    _name_boundaries(mail, message_id)
    return mail.as_bytes()


def _check(content: SendMessage) -> None:
    if content.template or content.variables or content.language:
        raise _refused("template", "a text: mails have no templates at a provider")
    if not content.text.strip() and not content.html:
        raise _refused("text", "a text, an HTML text, or both")
    if not (content.subject or "").strip():
        raise _refused("subject", "a subject")
    for name, text in (("text", content.text), ("html", content.html or "")):
        if "\x00" in text or len(text) > _TEXT_CHARS_MAX:
            raise _refused(name, f"at most {_TEXT_CHARS_MAX} characters, and no U+0000")


def _fill(mail: EmailMessage, content: SendMessage) -> None:
    """Set the texts, the plainest first, and what is attached."""
    try:
        if content.text.strip():
            mail.set_content(content.text)
            if content.html:
                mail.add_alternative(content.html, subtype="html")
        else:
            mail.set_content(content.html or "", subtype="html")
    except UnicodeEncodeError as fault:
        raise _refused("text", "text that can be written in UTF-8") from fault
    left = ATTACHMENTS_BYTES_MAX
    for name, media_type, coded in content.attachments:
        kind = _MEDIA_TYPE.fullmatch(media_type.lower())
        try:
            body = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError) as fault:
            raise _refused("attachments", "content in base64") from fault
        left -= len(body)
        if kind is None or kind[1] in {"multipart", "message"}:
            raise _refused("attachments", "a media type such as application/pdf")
        if left < 0:
            raise _refused("attachments", f"at most {ATTACHMENTS_BYTES_MAX} bytes in all")
        mail.add_attachment(
            body, maintype=kind[1], subtype=kind[2], filename=_line(name, "attachments")
        )


def _name_boundaries(mail: EmailMessage, message_id: str) -> None:
    """Give the parts' boundaries names that do not change from one call to the next."""
    parts: list[EmailMessage | MIMEPart] = [mail]
    for number, part in enumerate(parts):
        if part.is_multipart():
            part.set_boundary(f"=_{sha256(f'{message_id}/{number}'.encode()).hex()[:40]}")
            parts.extend(part.iter_parts())


def _named(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    name = _line(name, "from_name")
    if not name.isascii():
        # Between encoded words a comma or a bracket would stand bare, and end the name.
        name = " ".join(_SPECIAL.sub(" ", name).split())
    try:
        return Address(display_name=name, username=local, domain=domain)
    except (HeaderParseError, ValueError) as fault:
        raise _refused("from_name", "a name on one line") from fault


def _line(text: str, field: str) -> str:
    """Return text that stays within its header: no line break, no control character."""
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise _refused(field, "text that can be written in UTF-8") from fault
    if any(not char.isprintable() for char in text) or len(text) > _SUBJECT_CHARS_MAX:
        raise _refused(field, f"one line of at most {_SUBJECT_CHARS_MAX} characters")
    return text


def _domain(domain: str) -> str:
    try:
        plain = domain.encode("idna").decode().lower()
    except UnicodeError as fault:
        raise _refused("to", "a domain such as home.example") from fault
    if not domain.isprintable() or not _DOMAIN.fullmatch(plain) or len(plain) > 253:
        raise _refused("to", "a domain such as home.example")
    return plain


def _answered(ref: str) -> str:
    bare = ref.strip().removeprefix("<").removesuffix(">")
    if not _MESSAGE_ID.fullmatch(bare) or len(bare) > 250:
        raise _refused("reply_to_ref", "the Message-ID of a mail")
    return bare


def _refused(field: str, expected: str) -> Refused:
    return Refused(f"The mail can not be written: {field} needs {expected}", field=field)
