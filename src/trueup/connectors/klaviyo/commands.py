"""What is done at Klaviyo: commands to requests, replies to receipts.

Consent is changed by a job, and an event is only taken in: Klaviyo says 202 and does it later, or
not at all. So both are submitted until asking shows that they stand. An event carries our own name
of the command twice: as its unique id, by which Klaviyo keeps only one, and among its properties,
by which it is found. A profile and consent are set to values, which may be said again. Lists are
looked at first (`lists.py`).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from trueup.canon.command import ChangeLists, ChangeProfile, NoteActivity
from trueup.connectors.klaviyo import lists
from trueup.connectors.klaviyo.call import Fault, equals, fault_of, get, needed, post, stamp
from trueup.connectors.klaviyo.shape import Id, ProfileShape
from trueup.contract.connector import Command, Receipt, ReceiptState, Reply, Request
from trueup.errors import ContractBroken, Refused

_OUR_NAME = "trueup_ref"
_PAGE = 1000
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD_MAX = timedelta(days=365)
_PROPERTIES_MAX = 390
_CHARS_MAX = 50_000
_MEDIA = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
_MEANING = {
    "invalid": "Klaviyo says that a value is not valid",
    "duplicate_profile": "the e-mail, phone and external id belong to different profiles",
    "permission_denied": "the key lacks a scope",
    "not_found": "there is no such thing in this account",
}


class _Profile(msgspec.Struct, gc=False):
    data: ProfileShape


class _Profiles(msgspec.Struct, gc=False):
    data: list[ProfileShape]


class _Noted(msgspec.Struct, gc=False):
    id: Id
    attributes: dict[str, msgspec.Raw] = {}


class _Events(msgspec.Struct, gc=False):
    data: list[_Noted]


def command_request(command: Command, idempotency_key: str) -> Request:  # noqa: ARG001 - our name is the key
    """Return the call that carries a command out.

    Raises:
        Refused: the content can not be said to Klaviyo, or not in one call.
    """
    content = command.content
    if isinstance(content, NoteActivity):
        return _event(command, content)
    if isinstance(content, ChangeLists):
        return lists.request(content)
    changed = _changed(command)
    return _consent(changed) if changed.consents else _profile(changed)


def next_request(
    command: Command,
    idempotency_key: str,  # noqa: ARG001 - lists are looked at instead
    replies: Sequence[Reply],
) -> Request | None:
    """Return the next step after these replies; None where there is none."""
    content = command.content
    return lists.following(content, replies) if isinstance(content, ChangeLists) else None


def command_receipt(command: Command, reply: Reply) -> Receipt:
    """Return what came of it: a profile and lists stand at once, all else is submitted."""
    if reply.status >= 400:
        return _refused(fault_of(reply))
    if isinstance(command.content, ChangeLists):
        return lists.receipt(command.content, reply)
    if _is_later(command):
        taken = reply.status == 202
        state = ReceiptState.SUBMITTED if taken else ReceiptState.UNKNOWN
        return Receipt(state=state, vendor_ref=command.ref if taken else None)
    try:
        return Receipt(state=ReceiptState.DONE, vendor_ref=needed(reply, _Profile).data.id)
    except (Refused, ContractBroken):
        return Receipt(state=ReceiptState.UNKNOWN, message="Klaviyo's reply can not be read")


def confirm_request(command: Command, vendor_ref: str) -> Request:  # noqa: ARG001 - asked by content
    """Return the call that asks whether consent, or the event, stands by now."""
    content = command.content
    if isinstance(content, NoteActivity):
        at = content.occurred_at
        # Two conditions stand beside each other, parted by a comma.
        when = (
            f"greater-or-equal(datetime,{stamp(at)}),"
            f"less-than(datetime,{stamp(at + timedelta(seconds=1))})"
        )
        pairs = [("filter", when), ("fields[event]", "event_properties")]
        return get("/api/events", [*pairs, ("page[size]", str(_PAGE))], scope="events")
    changed = _changed(command)
    who = (
        equals("email", changed.email)
        if changed.email
        else equals("phone_number", changed.phone or "")
    )
    pairs = [("additional-fields[profile]", "subscriptions"), ("filter", who)]
    return get("/api/profiles", pairs, scope="profiles")


def confirmed(command: Command, reply: Reply) -> Receipt:
    """Return DONE with Klaviyo's id, or SUBMITTED while it is not there."""
    still = Receipt(state=ReceiptState.SUBMITTED, vendor_ref=command.ref)
    try:
        if isinstance(command.content, NoteActivity):
            ref = _noted(needed(reply, _Events).data, command.ref)
        else:
            ref = _stands(needed(reply, _Profiles).data, _changed(command))
    except (Refused, ContractBroken):
        return still
    return Receipt(state=ReceiptState.DONE, vendor_ref=ref) if ref else still


# -- profiles and consent --------------------------------------------------------------------------


def _changed(command: Command) -> ChangeProfile:
    if not isinstance(command.content, ChangeProfile):
        raise Refused(
            "Klaviyo changes profiles and lists, and notes activities.", command=command.ref
        )
    return command.content


def _profile(content: ChangeProfile) -> Request:
    attributes: dict[str, Any] = _identifiers(content.email, content.phone)
    if content.external_ref:
        attributes["external_id"] = content.external_ref
    if not attributes:
        raise Refused("Klaviyo knows a profile by e-mail, phone or external id; give one.")
    if content.first_name is not None:
        attributes["first_name"] = content.first_name
    if content.last_name is not None:
        attributes["last_name"] = content.last_name
    if content.properties:
        attributes["properties"] = _free(content.properties)
    body = {"data": {"type": "profile", "attributes": attributes}}
    return post("/api/profile-import", body, scope="profile.change")


def _consent(content: ChangeProfile) -> Request:
    """Return the job that subscribes or unsubscribes.

    A time of consent makes Klaviyo believe it at once. Without one it may first ask the customer,
    as the account is set up. No list is named: consent is to the brand as a whole.
    """
    others = (content.first_name, content.last_name, content.external_ref)
    if content.properties or any(other is not None for other in others):
        raise Refused("Klaviyo changes consent and fields by different calls; order one of each.")
    wanted = {subscribed for _, subscribed, _ in content.consents}
    if len(wanted) != 1:
        raise Refused("Klaviyo subscribes and unsubscribes by different jobs; order one of each.")
    (subscribing,) = wanted
    attributes = _identifiers(content.email, content.phone)
    dated = {since is not None for _, _, since in content.consents}
    if subscribing and len(dated) != 1:
        raise Refused("Give the time of consent for each medium, or for none.")
    told: dict[str, Any] = {}
    for medium, subscribed, since in content.consents:
        if medium not in _MEDIA:
            raise Refused(f"Klaviyo takes consent for {', '.join(_MEDIA)}.", medium=medium)
        if _MEDIA[medium] not in attributes:
            raise Refused(f"Consent to {medium} needs its {_MEDIA[medium]}.", medium=medium)
        consent: dict[str, Any] = {"consent": "SUBSCRIBED" if subscribed else "UNSUBSCRIBED"}
        if subscribed and since is not None:
            consent["consented_at"] = stamp(since)
        told[medium] = {"marketing": consent}
    profile = {"type": "profile", "attributes": attributes | {"subscriptions": told}}
    job: dict[str, Any] = {"profiles": {"data": [profile]}}
    if subscribing:
        job["custom_source"] = "Trueup"
        if dated == {True}:
            job["historical_import"] = True
    kind = f"profile-subscription-bulk-{'create' if subscribing else 'delete'}-job"
    body = {"data": {"type": kind, "attributes": job}}
    return post(f"/api/{kind}s", body, scope="profile.change")


def _identifiers(email: str | None, phone: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if email:
        equals("email", email)  # what can not be asked for can not be confirmed
        found["email"] = email
    if phone:
        if not _PHONE.fullmatch(phone):
            raise Refused("Klaviyo takes phones in E.164 only, such as +4915112345678.")
        found["phone_number"] = phone
    return found


def _stands(profiles: list[ProfileShape], content: ChangeProfile) -> str | None:
    """Return the profile whose consent is as it was ordered; None while there is none."""
    for profile in profiles:
        told = profile.attributes.subscriptions
        if told is None:
            continue
        channels = {"email": told.email, "sms": told.sms, "whatsapp": told.whatsapp}
        as_ordered = [
            (channel := channels[medium]) is not None
            and channel.marketing is not None
            and channel.marketing.consent == ("SUBSCRIBED" if subscribed else "UNSUBSCRIBED")
            for medium, subscribed, _ in content.consents
        ]
        if all(as_ordered):
            return profile.id
    return None


# -- events ----------------------------------------------------------------------------------------


def _event(command: Command, content: NoteActivity) -> Request:
    who = _identifiers(content.email, content.phone)
    if not who:
        raise Refused("Klaviyo knows a profile by e-mail or phone; give one.", command=command.ref)
    at = content.occurred_at
    if not _EARLIEST <= at <= command.wanted_at + _AHEAD_MAX:
        raise Refused("Klaviyo takes events between the year 2000 and a year from now.")
    if not content.name.strip():
        raise Refused("An activity has a name.", command=command.ref)
    attributes: dict[str, Any] = {
        "properties": _free(content.properties) | {_OUR_NAME: command.ref},
        "time": stamp(at),
        "unique_id": command.ref,
        "metric": {"data": {"type": "metric", "attributes": {"name": content.name}}},
        "profile": {"data": {"type": "profile", "attributes": who}},
    }
    if content.value is not None:
        if not _CURRENCY.fullmatch(content.value.currency):
            raise Refused("The value's currency is no ISO 4217 code.", command=command.ref)
        attributes["value"] = content.value.amount
        attributes["value_currency"] = content.value.currency
    body = {"data": {"type": "event", "attributes": attributes}}
    return post("/api/events", body, scope="activity.note")


def _free(properties: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return a sender's own properties; names with a dollar are Klaviyo's."""
    if len(properties) > _PROPERTIES_MAX:
        raise Refused(f"Klaviyo takes at most {_PROPERTIES_MAX} properties.")
    for name, value in properties:
        if not name or name.startswith("$") or name == _OUR_NAME:
            raise Refused(
                "A property has a name, and none that Klaviyo or Trueup keeps for itself."
            )
        if len(value) > _CHARS_MAX:
            raise Refused("A property is longer than Klaviyo keeps.", property=name)
    return dict(properties)


def _noted(events: list[_Noted], ref: str) -> str | None:
    for event in events:
        try:
            raw = event.attributes.get("event_properties", msgspec.Raw(b"{}"))
            properties = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            ours = msgspec.json.decode(properties.get(_OUR_NAME, b"null"), type=str | None)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if ours == ref:
            return event.id
    return None


def _is_later(command: Command) -> bool:
    return isinstance(command.content, NoteActivity) or bool(_changed(command).consents)


def _refused(fault: Fault | None) -> Receipt:
    if fault is None:
        return Receipt(state=ReceiptState.UNKNOWN, message="Klaviyo gives no reason")
    message = _MEANING.get(fault.word, "Klaviyo refused it")
    place = f" ({fault.place})" if fault.place else ""
    return Receipt(state=ReceiptState.REFUSED, code=fault.word, message=message + place)
