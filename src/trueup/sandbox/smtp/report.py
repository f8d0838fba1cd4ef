"""Reports that mail servers send back: what became of a mail, in the form of RFC 3464."""

from datetime import datetime
from email import message_from_bytes, policy
from email.utils import format_datetime

_WORDS = {
    "failed": "The mail could not be delivered, and will not be tried again.",
    "delayed": "The mail has not been delivered yet. It is being tried again.",
    "delivered": "The mail was delivered.",
    "relayed": "The mail was handed to a server that tells no more.",
}


def bounce_of(
    original: bytes, address: str, at: datetime, *, status: str = "5.1.1", action: str = "failed"
) -> bytes:
    """Return a report about one mail, with the head of the mail in it."""
    about = message_from_bytes(original, policy=policy.default)
    top = (
        "From: MAILER-DAEMON@sandbox.example",
        f"To: {about['from'].addresses[0].addr_spec}",
        "Subject: Delivery report",
        f"Date: {format_datetime(at)}",
        f"Message-ID: <report-{at:%Y%m%d%H%M%S}@sandbox.example>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=report="',
    )
    words = ("Content-Type: text/plain; charset=utf-8", "", _WORDS.get(action, "See below."))
    head = original.partition(b"\r\n\r\n")[0]
    parts = (
        "\r\n".join(words).encode(),
        _status_part(address, at, status, action),
        b"Content-Type: text/rfc822-headers\r\n\r\n" + head,
    )
    body = b"".join(b"--=report=\r\n" + part.rstrip() + b"\r\n\r\n" for part in parts)
    return "\r\n".join(top).encode() + b"\r\n\r\n" + body + b"--=report=--\r\n"


def _status_part(address: str, at: datetime, status: str, action: str) -> bytes:
    lines = (
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; sandbox.example",
        f"Arrival-Date: {format_datetime(at)}",
        "",
        f"Final-Recipient: rfc822; {address}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; 550 {status} <{address}> said the sandbox",
        f"Last-Attempt-Date: {format_datetime(at)}",
        "",
    )
    return "\r\n".join(lines).encode()
