"""A message as a command: posted once, with our ref in its metadata, and looked for before again.

Slack's list of errors names a `client_msg_id`, but its list of arguments does not, so nothing here
relies on it.
"""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from trueup.canon.command import SendMessage
from trueup.connectors.slack.api import DOWN, OF_THE_MESSAGE, UNSURE, answer_of
from trueup.connectors.slack.blocks import blocks_of, plain_text
from trueup.connectors.slack.shape import METADATA_TYPE, Answer, ref_in
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, Refused

LOOK_BACK = timedelta(minutes=5)
"""Our clock and Slack's may differ by this much."""

PAGE_SIZE = 999
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{6,20}")
_TS = re.compile(r"\d{1,12}\.\d{1,9}")
_REF_CHARS_MAX = 500
_FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")


def command_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that posts the message.

    Raises:
        Refused: the content can not be said to Slack; names what and how to mend it.
    """
    del idempotency_key  # Slack keeps none: the ref in the metadata is looked for
    content = _content(command)
    form: dict[str, Any] = {
        "channel": _channel(command, content),
        "text": plain_text(content),
        "blocks": msgspec.json.encode(blocks_of(content)).decode(),
        "metadata": msgspec.json.encode(
            {"event_type": METADATA_TYPE, "event_payload": {"ref": _ref(command)}}
        ).decode(),
        "parse": "none",
        "unfurl_links": "false",
        "unfurl_media": "false",
    }
    if (thread := _thread(content)) is not None:
        form["thread_ts"] = thread
    return Request(
        method="POST",
        path="/chat.postMessage",
        headers=(_FORM,),
        body=urlencode(form).encode(),
        writes=True,
        scope="message.send",
    )


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it; `vendor_ref` is channel and time, which name a message for ever."""
    del command
    answer = answer_of(reply)
    if answer.ok:
        if not answer.channel or answer.ts is None:
            raise ContractBroken("Slack posted the message and did not name it")
        return Receipt(state=ReceiptState.DONE, vendor_ref=f"{answer.channel}:{answer.ts}")
    return _not_ok(answer)


def find_request(command: Command, idempotency_key: str) -> Request:
    """Return the call that reads the channel, or the thread, since the message was ordered."""
    del idempotency_key
    content = _content(command)
    oldest = (command.wanted_at - LOOK_BACK).timestamp()
    query = {
        "channel": _channel(command, content),
        "oldest": f"{oldest:.6f}",
        "inclusive": "true",
        "include_all_metadata": "true",
        "limit": str(PAGE_SIZE),
    }
    method = "conversations.history"
    if (thread := _thread(content)) is not None:
        method = "conversations.replies"
        query["ts"] = thread
    return Request(method="GET", path=f"/{method}?{urlencode(query)}")


def found(command: Command, idempotency_key: str, reply: Reply) -> Receipt:
    """Return DONE with the message's name, LATER where it surely was not posted, else UNKNOWN."""
    del idempotency_key
    answer = answer_of(reply)
    if not answer.ok:
        # A channel that can not be read says nothing about what was posted into it.
        return Receipt(state=ReceiptState.UNKNOWN, code=answer.error, message="not readable")
    wanted = _ref(command)
    for said in answer.messages or ():
        if said.ts is not None and ref_in(said.metadata) == wanted:
            channel = _channel(command, _content(command))
            return Receipt(state=ReceiptState.DONE, vendor_ref=f"{channel}:{said.ts}")
    if answer.has_more:
        return Receipt(state=ReceiptState.UNKNOWN, message="more was said than one page holds")
    return Receipt(state=ReceiptState.LATER)


def _not_ok(answer: Answer) -> Receipt:
    error = answer.error or "unknown_error"
    if error in UNSURE:
        return Receipt(state=ReceiptState.UNKNOWN, code=error)
    if error in DOWN:
        return Receipt(state=ReceiptState.LATER, code=error)
    words = OF_THE_MESSAGE.get(error, "see Slack's word for it")
    return Receipt(
        state=ReceiptState.REFUSED, code=error, message=f"Slack did not post it: {words}"
    )


def _content(command: Command) -> SendMessage:
    if not isinstance(command.content, SendMessage):
        raise Refused("Slack takes messages only", command=command.kind)
    return command.content


def _channel(command: Command, content: SendMessage) -> str:
    """Return the channel's id: by a name it can be posted to, but not looked at afterwards."""
    channel = content.to.strip() or command.target.get("channel", "")
    if not _CHANNEL.fullmatch(channel):
        raise Refused(
            "Slack can not be told: to needs a channel's id such as C0123456789, not its name",
            field="to",
        )
    return channel


def _thread(content: SendMessage) -> str | None:
    """Return the time that names the thread: a message's own, or the end of a `channel:time`."""
    if content.reply_to_ref is None:
        return None
    ts = content.reply_to_ref.rpartition(":")[2]
    if not _TS.fullmatch(ts):
        raise Refused(
            "Slack can not be told: reply_to_ref needs channel:time of a message",
            field="reply_to_ref",
        )
    return ts


def _ref(command: Command) -> str:
    if len(command.ref) > _REF_CHARS_MAX:
        raise Refused("The command's ref is too long for Slack's metadata", field="ref")
    return command.ref
