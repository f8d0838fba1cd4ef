"""News of the account and its templates: nothing to keep, but some of it a person must know."""

from collections.abc import Sequence

from trueup.canon.issue import Issue, Severity
from trueup.connectors.whatsapp.shape import Value
from trueup.contract.connector import Mapped

_UNUSABLE = frozenset(
    ("REJECTED", "PAUSED", "DISABLED", "PENDING_DELETION", "DELETED", "FLAGGED", "ARCHIVED")
)
_USABLE = frozenset(
    ("APPROVED", "REINSTATED", "PENDING", "IN_APPEAL", "UNPAUSED", "UNARCHIVED", "LOCKED")
)
_GRAVE = frozenset(
    (
        *("ACCOUNT_DELETED", "ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION", "DISABLED_UPDATE"),
        *("ACCOUNT_OFFBOARDED", "PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"),
    )
)
_LOW = frozenset(("RED", "YELLOW"))


def news_of(topic: str, values: Sequence[Value]) -> Mapped:
    """Return the issue that a person must know of, or why there is none."""
    found = [issue for value in values if (issue := _issue(topic, value)) is not None]
    if found:
        return Mapped(issues=tuple(found))
    return Mapped(ignored=f"{topic[:60]} tells nothing that has to be acted on")


def _issue(topic: str, value: Value) -> Issue | None:
    if topic == "message_template_status_update":
        return _status(value)
    if topic == "message_template_quality_update" and value.new_quality_score in _LOW:
        return _told(
            "whatsapp.template_quality_low",
            f"{_template(value)}: {value.new_quality_score}",
            "a template of green quality",
            "Say less, or say it to fewer: Meta pauses templates of low quality.",
        )
    if topic == "template_category_update" and value.new_category:
        return _told(
            "whatsapp.template_category_changed",
            f"{_template(value)}: {value.new_category}",
            "the category that it was made for",
            "Look whether it may still be sent, and what it costs now.",
            Severity.NOTE,
        )
    if topic == "account_update" and value.event in _GRAVE:
        return _told(
            "whatsapp.account_restricted",
            str(value.event),
            "an account that may send",
            "Look at the account in WhatsApp Manager; messages may be refused until it is settled.",
        )
    return None


def _status(value: Value) -> Issue | None:
    event = value.event or ""
    if event in _USABLE:
        return None
    known = event in _UNUSABLE
    return _told(
        "whatsapp.template_unusable" if known else "whatsapp.template_status_unknown",
        f"{_template(value)}: {_word(event)}",
        "a template that may be sent",
        "Look at the template in WhatsApp Manager; mend it, or send another.",
    )


def _template(value: Value) -> str:
    name, language = value.message_template_name or "", value.message_template_language or ""
    return f"{_word(name)} ({_word(language)})"


def _word(text: str) -> str:
    return text[:100] if text.replace("_", "").isalnum() and text.isascii() else "another word"


def _told(
    code: str, found: str, expected: str, fix: str, severity: Severity = Severity.WARNING
) -> Issue:
    return Issue(code=code, severity=severity, expected=expected, found=found, how_to_fix=fix)
