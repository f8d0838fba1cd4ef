"""Meta's error codes in words, and what follows from each."""

from collections.abc import Mapping

AUTH = frozenset((0, 3, 10, 190, 102, 131005))
LIMITED: Mapping[int, float] = {
    4: 60.0,
    80007: 60.0,
    130429: 10.0,
    131048: 3600.0,
    131056: 30.0,
    133016: 3600.0,
}
"""Codes that ask to slow down, with how long to wait: Meta does not say."""

DOWN = frozenset((1, 2, 131016, 131057, 133004))
"""Meta could not; nothing was done."""

ACCOUNT: Mapping[int, str] = {
    33: "there is no such phone number id",
    368: "the account is blocked for a while, for breaking Meta's rules",
    131031: "the account is locked",
    131042: "Meta has no way to be paid",
    131045: "the phone number is not registered",
    133010: "the phone number is not registered",
}
"""Refusals that every message would get."""

MESSAGE: Mapping[int, str] = {
    100: "a part of the call is not what Meta takes",
    130472: "the customer is in an experiment of Meta's and gets no marketing",
    131008: "a part of the message is missing",
    131009: "a part of the message is not what Meta takes",
    131021: "it is the sender's own number",
    131026: "it can not be delivered: no WhatsApp there, or an old one, or terms not accepted",
    131030: "the number is not on the list of a test account",
    131047: "the customer wrote longer than 24 hours ago: only a template may be sent",
    131049: "Meta keeps it back, so that the customer is not written to too often",
    131050: "the customer wants no marketing",
    131051: "this kind of message can not be sent",
    131052: "the medium can not be had",
    131053: "the medium can not be stored",
    132000: "the template takes another number of variables",
    132001: "there is no such template in this language",
    132005: "the template becomes too long",
    132007: "the template breaks Meta's rules",
    132012: "a variable is not of the template's format",
    132015: "the template is paused for its quality",
    132016: "the template is switched off for its quality",
    132068: "the flow is blocked",
    132069: "the flow is slowed down",
    135000: "a part of the message is not what Meta takes",
}
"""Refusals that are about one message, told by its receipt."""


def words_of(code: int) -> str:
    """Return what a code means."""
    return MESSAGE.get(code) or ACCOUNT.get(code) or "see Meta's list of error codes"


def is_auth(code: int) -> bool:
    """Tell whether a code says that we are not let in."""
    return code in AUTH or 200 <= code <= 299
