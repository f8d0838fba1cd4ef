"""Rules about deliveries: signatures, and whose they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signature import verify, verify_any
from trueup.contract.signature_scheme import (
    Asymmetric,
    JoinedHmac,
    QueuePull,
    SignatureScheme,
    StaticToken,
    Unsigned,
    UrlParams,
)
from trueup.contract.signing import sign
from trueup.errors import SignatureInvalid, invariant
from trueup.quality.hostile import HOSTILE_BODIES
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject

NOW: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)
_VALUES: Final = {
    "text": (b"first-secret", b"other-secret"),
    "base64": (b"Zmlyc3Qtc2VjcmV0", b"b3RoZXItc2VjcmV0"),
    "hex": (b"6669727374", b"6f74686572"),
    "whsec": (b"whsec_Zmlyc3Qtc2VjcmV0", b"whsec_b3RoZXItc2VjcmV0"),
}
_FORM: Final = "application/x-www-form-urlencoded"


class _Bell:
    """Rings at the door with deliveries of one scheme; the door may know others beside it."""

    def __init__(self, scheme: SignatureScheme, known: tuple[SignatureScheme, ...]) -> None:
        self.scheme, self.known = scheme, known
        first, other = _VALUES[getattr(scheme, "key_form", "text")]
        self.secret = Secret(value=first, identity="app")
        self.other = Secret(value=other, identity="app")
        self.body = b"a=1&b=two" if isinstance(scheme, UrlParams) else b'{"id": 1}'

    @property
    def header(self) -> str:
        """The header that carries the signature."""
        return str(getattr(self.scheme, "header", ""))

    def signed(self, body: bytes | None = None, at: datetime = NOW) -> Delivery:
        """Return a delivery as the vendor sends it."""
        headers = {"content-type": _FORM if isinstance(self.scheme, UrlParams) else ""}
        if name := getattr(self.scheme, "id_header", ""):
            headers[name] = "delivery-1"
        bare = Delivery(
            method="POST",
            url="https://hub.example/hooks/1",
            headers=headers,
            body=self.body if body is None else body,
        )
        return _with(bare, **sign(self.scheme, bare, self.secret, at))

    def refused(self, delivery: Delivery, *secrets: Secret) -> str:
        """Return why the delivery is refused; empty where it is believed."""
        live = secrets or [self.secret]
        reason = _reason(lambda: verify(self.scheme, delivery, live, NOW))
        if bool(_reason(lambda: verify_any(self.known, delivery, live, NOW))) != bool(reason):
            return f"{reason or 'believed'} by its own scheme, and otherwise by all"
        return reason


def signatures_checked(subject: Subject) -> Verdict:
    """Sign as the vendor does, then spoil it in every way."""
    schemes = _schemes(subject)
    if isinstance(schemes[0], Asymmetric | Unsigned | QueuePull):
        told = type(schemes[0]).__name__
        return exempt(f"{told}: only the vendor can sign, or nothing is signed")
    faults: list[str] = []
    names: dict[str, None] = {}
    for scheme in schemes:
        rung = _ring(_Bell(scheme, schemes))
        names |= dict.fromkeys(rung)
        faults += [f"{name}: {reason}" for name, reason in rung.items() if reason]
    return verdict(faults, f"{len(names) * len(schemes)} deliveries: {', '.join(names)}")


def _ring(bell: _Bell) -> dict[str, str]:
    """Return what is wrong with the answer to each delivery; empty where it is as it must be."""
    scheme, good = bell.scheme, bell.signed()
    value = good.headers[bell.header]
    spoilt = value[:-2] + ("A" if value[-2] != "A" else "B") + value[-1]
    nearly = {k: v for k, v in good.headers.items() if k != bell.header}
    old = msgspec.structs.replace(bell.secret, not_after=NOW + timedelta(hours=1))
    wanted: dict[str, tuple[str, frozenset[str]]] = {
        "good": (bell.refused(good), _BELIEVED),
        "not UTF-8": (_raw_refused(bell), _BELIEVED),
        "rotated": (bell.refused(good, bell.other, old), _BELIEVED),
        "tampered signature": (bell.refused(_with(good, **{bell.header: spoilt})), _WRONG),
        "missing header": (
            bell.refused(msgspec.structs.replace(good, headers=nearly)),
            frozenset(("missing_header",)),
        ),
        "wrong secret": (bell.refused(good, bell.other), _WRONG),
    }
    if not isinstance(scheme, StaticToken):
        tampered = msgspec.structs.replace(good, body=good.body.replace(b"1", b"2"))
        wanted["tampered body"] = (bell.refused(tampered), _WRONG)
    if isinstance(scheme, JoinedHmac) and scheme.stamp is not None:
        late = timedelta(seconds=scheme.stamp.past_s + 5)
        early = timedelta(seconds=scheme.stamp.future_s + 5)
        wanted["too old"] = (bell.refused(bell.signed(at=NOW - late)), frozenset(("too_old",)))
        wanted["too new"] = (bell.refused(bell.signed(at=NOW + early)), frozenset(("too_new",)))
    return {
        name: "" if reason in right else reason or "believed"
        for name, (reason, right) in wanted.items()
    }


_BELIEVED: Final = frozenset(("",))
_WRONG: Final = frozenset(("mismatch", "malformed"))


def _raw_refused(bell: _Bell) -> str:
    """Ring with bytes that are no text; a form can not hold them."""
    return "" if isinstance(bell.scheme, UrlParams) else bell.refused(bell.signed(b"\xff\xfe\x00"))


def fails_closed(subject: Subject) -> Verdict:
    """Ring where no secret is live; look up the secrets that deliveries are signed with."""
    manifest = subject.folder.manifest
    invariant(manifest.webhook is not None, "the rule needs a webhook")
    keys = manifest.webhook.secrets if manifest.webhook else ()
    schemes = _schemes(subject)
    if isinstance(schemes[0], Unsigned | QueuePull):
        return exempt(f"{type(schemes[0]).__name__}: there is no secret")
    faults = [f"{key} is no secret of the form" for key in keys if key not in manifest.secret_keys]
    if not keys:
        faults.append("webhook.secrets is empty")
    for scheme in schemes:
        if not isinstance(scheme, Asymmetric):
            faults += _without_secret(_Bell(scheme, schemes))
    if isinstance(schemes[0], Asymmetric):
        return verdict(faults, "the secrets are of the form")
    return verdict(faults, "none, an empty and a past secret refuse everything")


def _without_secret(bell: _Bell) -> list[str]:
    good = bell.signed()
    past = msgspec.structs.replace(bell.secret, not_after=NOW - timedelta(seconds=1))
    empty = msgspec.structs.replace(bell.secret, value=b"")
    faults: list[str] = []
    for name, secrets in {"none": [], "an empty one": [empty], "one past its time": [past]}.items():
        live: list[Secret] = list(secrets)
        if not _reason(lambda live=live: verify_any(bell.known, good, live, NOW)):  # type: ignore[misc]
            faults.append(f"with {name} it is believed")
        reason = _reason(lambda live=live: verify(bell.scheme, good, live, NOW))  # type: ignore[misc]
        if reason != "no_secret":
            faults.append(f"with {name}: {reason or 'believed'}")
    return faults


def _reason(check: Callable[[], object]) -> str:
    """Return why a check refuses; empty where it believes."""
    try:
        check()
    except SignatureInvalid as fault:
        return str(fault.context.get("reason"))
    return ""


def identity_stable(subject: Subject) -> Verdict:
    """Identify each sample with and without its id, twice, and beside a changed one."""
    webhook = subject.folder.manifest.webhook
    invariant(webhook is not None, "the rule needs a webhook")
    id_headers = webhook.external_id_headers if webhook else ()
    topic_header = webhook.topic_header if webhook else ""
    faults: list[str] = []
    identify = subject.folder.webhook.identify
    for case in subject.cases:
        headers = {topic_header: case.topic} if topic_header else {}
        first = identify(headers, case.body)
        if first != identify(dict(headers), bytes(case.body)):
            faults.append(f"{case} is told two ways")
        if first.external_id == identify(headers, case.body + b" ").external_id and id_headers:
            faults.append(f"{case}: other bytes have the same external id")
        if topic_header and first.topic != case.topic:
            faults.append(f"{case}: its topic is read as {first.topic!r}")
        faults += [
            f"{case}: {header} does not count"
            for header in id_headers
            if identify({**headers, header: "one"}, case.body).external_id != "one"
        ]
    return verdict(faults, f"{len(subject.cases)} samples")


def entity_agrees(subject: Subject) -> Verdict:
    """Compare the entity that is read at the door with that of the records."""
    faults = [
        f"{case}: {told.identified.entity!r} at the door, {record.entity()!r} mapped"
        for case in subject.cases
        for told in subject.walk(case)
        for record in told.mapped.records
        if record.entity() != told.identified.entity
    ]
    return verdict(faults, f"{len(subject.cases)} samples")


def door_total(subject: Subject) -> Verdict:
    """Hand hostile bytes and headers to `identify` and `split`."""
    topics = sorted({case.topic for case in subject.cases})
    calls: list[Callable[[], object]] = []
    webhook = subject.folder.webhook
    manifest = subject.folder.manifest.webhook
    names = [manifest.topic_header, *manifest.external_id_headers] if manifest else []
    for body in HOSTILE_BODIES.values():
        for topic in topics:
            headers = {name: topic for name in names if name}
            calls.append(lambda h=headers, b=body: webhook.identify(h, b))  # type: ignore[misc]
            calls.append(lambda t=topic, b=body: webhook.split(t, b))  # type: ignore[misc]
        for text in ("", "\x00", "é" * 5_000, "/" * 99):
            headers = {name: text for name in names if name}
            calls.append(lambda h=headers, b=body: webhook.identify(h, b))  # type: ignore[misc]
    faults = []
    for call in calls:
        try:
            call()
        except Exception as fault:  # noqa: BLE001 - whatever it raises is the finding
            faults.append(f"{type(fault).__name__}: {fault}"[:120])
    return verdict(sorted(set(faults)), f"{len(calls)} hostile calls, none raised")


def _schemes(subject: Subject) -> tuple[SignatureScheme, ...]:
    webhook = subject.folder.manifest.webhook
    invariant(webhook is not None, "the rule needs a webhook")
    assert webhook is not None  # noqa: S101 - for the type checker; the invariant decides
    return webhook.schemes


def _with(delivery: Delivery, **headers: str) -> Delivery:
    return msgspec.structs.replace(delivery, headers={**delivery.headers, **headers})
