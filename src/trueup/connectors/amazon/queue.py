"""The notification queue (SQS): messages in, and away again once they are durable here.

A walk through the queue goes in turns. One call receives up to ten messages; the hub then commits
them to its log together with the cursor, which holds their receipt handles; the next call deletes
exactly these, and the one after it receives again. A crash before the commit leaves the messages
in the queue: they come again once their visibility ends. A crash after it leaves the cursor, with
which the next walk begins: it deletes first. So messages are repeated, and never lost.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import msgspec

from trueup.connectors.amazon.notification import TOPIC_PREFIX, read_hint
from trueup.connectors.amazon.sigv4 import Credentials, Scope, presign
from trueup.contract.connector import Page, Piece, Reply, Request
from trueup.errors import ConfigError, ContractBroken

QUEUE_PATH: Final = "/{queue}"
"""Stands for the queue's address, which is a setting."""

MESSAGES_MAX: Final = 10
_VERSION: Final = "2012-11-05"
_VISIBILITY_S: Final = 120
_WAIT_S: Final = 1
_RECEIVE: Final = "receive"
_DELETE: Final = "delete:"
_DOCTYPE: Final = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_AWS_HOST: Final = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


def page_request(cursor: str | None) -> Request:
    """Return the call of this turn: receive, or delete what the cursor holds."""
    if cursor is not None and cursor.startswith(_DELETE):
        return _call(_delete_fields(cursor.removeprefix(_DELETE).split(" ")))
    return _call(
        {
            "Action": "ReceiveMessage",
            "MaxNumberOfMessages": str(MESSAGES_MAX),
            "VisibilityTimeout": str(_VISIBILITY_S),
            "WaitTimeSeconds": str(_WAIT_S),
            "Version": _VERSION,
        }
    )


def _delete_fields(handles: Sequence[str]) -> dict[str, str]:
    fields = {"Action": "DeleteMessageBatch", "Version": _VERSION}
    for number, handle in enumerate(handles, 1):
        fields[f"DeleteMessageBatchRequestEntry.{number}.Id"] = f"m{number}"
        fields[f"DeleteMessageBatchRequestEntry.{number}.ReceiptHandle"] = handle
    return fields


def _call(fields: Mapping[str, str]) -> Request:
    # No `writes`: deleting what is gone changes nothing, so a lost answer is no unknown outcome.
    return Request(
        method="POST",
        path=QUEUE_PATH,
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(fields).encode(),
        scope="notifications",
    )


def page(reply: Reply) -> Page:
    """Return the messages of a turn, or an empty page after a deletion.

    Raises:
        ContractBroken: the reply is neither.
    """
    root = _root(reply.body)
    name = _local(root.tag)
    if name == "DeleteMessageBatchResponse":
        return Page(pieces=(), next_cursor=_RECEIVE)
    if name != "ReceiveMessageResponse":
        raise ContractBroken("The queue's answer is of another kind", found=name[:60])
    pieces, handles = [], []
    for message in root.iter():
        if _local(message.tag) != "Message":
            continue
        fields = {_local(child.tag): child.text or "" for child in message}
        body = fields.get("Body", "").encode()
        hint = read_hint(body)
        pieces.append(Piece(topic=f"{TOPIC_PREFIX}{hint.kind if hint else ''}", body=body))
        handles.append(fields.get("ReceiptHandle", ""))
    if not pieces:
        return Page(pieces=())
    if any(not handle or " " in handle for handle in handles):
        raise ContractBroken("A message came without a receipt handle")
    return Page(pieces=tuple(pieces), next_cursor=_DELETE + " ".join(handles))


def authorise(request: Request, secrets: Mapping[str, str], at: datetime) -> Request:
    """Return the call at the queue's own address, signed.

    Raises:
        KeyError: a setting or a secret is missing.
        ConfigError: the address is not a queue's.
    """
    url = secrets.get("queue_url", "")
    if not url:
        raise ConfigError("No notification queue is set up.", field="queue_url")
    own = secrets.get("api_base", "")
    if own and url.startswith("/"):
        url = own.rstrip("/") + url  # a sandbox's queue lies below its own address
    parts = urlsplit(url)
    host = _AWS_HOST.fullmatch(parts.netloc)
    if host is None and (not own or urlsplit(own).netloc != parts.netloc):
        raise ConfigError("The queue's address is not one of SQS.", field="queue_url")
    scope = Scope(at=at, region=host[1] if host else "us-east-1", service="sqs")
    credentials = Credentials(
        access_key_id=secrets["aws_access_key_id"], secret_key=secrets["aws_secret_access_key"]
    )
    signed = presign("POST", url, credentials, scope, body=request.body)
    return msgspec.structs.replace(request, path=signed)


def _root(body: bytes) -> ET.Element:
    """Read XML that declares nothing of its own: no entity can be made to grow."""
    if _DOCTYPE.search(body):
        raise ContractBroken("The queue's answer declares a document type")
    try:
        return ET.fromstring(body)  # noqa: S314 - no document type, see above
    except (ET.ParseError, ValueError, RecursionError) as fault:
        raise ContractBroken("The queue's answer is not XML") from fault


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
