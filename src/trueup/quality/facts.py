"""Rules about what a connector says of itself: manifest, files, owner, README, secrets."""

import re
from datetime import timedelta
from typing import Final

import msgspec

from trueup.contract.calendar import Service, calendar_of
from trueup.contract.connector import Reply
from trueup.contract.loader import load_connector
from trueup.errors import ConnectorError, HubError
from trueup.quality.rule import Verdict, exempt, verdict
from trueup.quality.subject import Subject

SECTIONS: Final = ("Set it up", "Limits", "Remove it")
READ_DAYS_MAX: Final = 365
_PLACEHOLDERS: Final = frozenset(("", "you", "nobody", "todo", "unknown"))
_SECRET_WORDS: Final = re.compile(r"secret|token|password|api_key|private")


def manifest_valid(subject: Subject) -> Verdict:
    """Load the folder again from disk, as the hub does at its start."""
    try:
        folder = load_connector(subject.folder.folder, subject.package)
    except HubError as fault:
        return verdict([str(fault)], "")
    manifest = folder.manifest
    faults = []
    if manifest.api.docs_read_on > subject.today:
        faults.append(f"docs_read_on {manifest.api.docs_read_on} lies in the future")
    faults += [
        f"limit {limit.scope} names no source"
        for limit in manifest.limits
        if not limit.source.startswith("https://")
    ]
    if (manifest.pull or manifest.actions) and not manifest.limits:
        faults.append("it calls a vendor and declares no limit")
    return verdict(faults, f"{len(folder.modules)} modules as declared")


def standard_files(subject: Subject) -> Verdict:
    """Look for README, package and samples, each body with what is expected of it."""
    folder = subject.folder.folder
    faults = [
        f"{name} is missing"
        for name in ("README.md", "__init__.py", "manifest.toml")
        if not (folder / name).is_file()
    ]
    bodies = {path.name.partition(".")[0] for path in folder.glob("samples/*.*")}
    expected = {path.name.partition(".")[0] for path in folder.glob("samples/*.expected.json")}
    faults += [f"sample {name} has no expected file" for name in sorted(bodies - expected)]
    if not expected and subject.has("mapping"):
        faults.append("there is no sample")
    return verdict(faults, f"{len(expected)} samples, each with what is expected of it")


def readme_sections(subject: Subject) -> Verdict:
    """Look for the three sections that a person needs, each with something in it."""
    path = subject.folder.folder / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    faults = [f"no section {name!r}" for name in SECTIONS if not found.get(name, "").strip()]
    return verdict(faults, ", ".join(SECTIONS))


def owner_active(subject: Subject) -> Verdict:
    """Read the owner, and when the vendor's pages were last read."""
    manifest = subject.folder.manifest
    faults = []
    if manifest.owner.strip().lower() in _PLACEHOLDERS:
        faults.append(f"the owner is {manifest.owner!r}")
    if subject.today - manifest.api.docs_read_on > timedelta(days=READ_DAYS_MAX):
        faults.append(f"the vendor's pages were last read on {manifest.api.docs_read_on}")
    return verdict(faults, f"{manifest.owner}, pages read on {manifest.api.docs_read_on}")


def version_served(subject: Subject) -> Verdict:
    """Compare the API version's sunset with today."""
    (entry,) = calendar_of([subject.folder.manifest], subject.today)
    if entry.service is Service.UNTOLD:
        return exempt(entry.told)
    return verdict([entry.told] if entry.service is Service.ENDED else [], entry.told)


def silence_noticed(subject: Subject) -> Verdict:
    """Look for a second way by which the hub learns what a webhook did not tell."""
    manifest = subject.folder.manifest
    ways = {
        f"{len(manifest.pull)} polls": bool(manifest.pull),
        "its webhooks are listed at the vendor": subject.has("hooks"),
        "files that a person imports": bool(manifest.files),
        "an order that nobody confirms goes to a person": subject.has("commands"),
    }
    found = [way for way, is_there in ways.items() if is_there]
    faults = [] if found else ["a webhook that stops is noticed by nobody"]
    return verdict(faults, "; ".join(found))


def actions_declared(subject: Subject) -> Verdict:
    """Read what is declared of each action, and whether it fits together."""
    manifest = subject.folder.manifest
    faults, told = [], []
    for action in manifest.actions:
        told.append(f"{action.name}: {action.default_mode}, {action.risk}, {action.idempotency}")
        if action.default_mode == "auto" and action.idempotency == "none":
            faults.append(f"{action.name} begins without a person, and a repeat acts again")
        if action.confirm == "webhook" and not action.confirmed_by:
            faults.append(f"{action.name} is confirmed by a webhook and names none")
        if manifest.limit(action.name) is None:
            faults.append(f"{action.name} has no limit")
    return verdict(faults, "; ".join(told))


def secrets_redacted(subject: Subject) -> Verdict:
    """Give each secret a known value, and look for it in everything that may be logged."""
    manifest = subject.folder.manifest
    faults = [
        f"the field {field.key} is no secret"
        for field in manifest.config
        if _SECRET_WORDS.search(field.key) and not field.is_secret
    ]
    if not manifest.secret_keys:
        return verdict(faults, "it has no secrets")
    if not subject.has("api"):
        return verdict(faults, f"{len(manifest.secret_keys)} secrets, none leaves the hub")
    told = _what_is_told(subject)
    faults += [
        f"{key} shows in {where}"
        for key, value in subject.secrets.items()
        for where, text in told.items()
        if value in text
    ]
    return verdict(faults, f"{len(subject.secrets)} secrets looked for in {len(told)} places")


def _what_is_told(subject: Subject) -> dict[str, str]:
    """Return everything about a call that may come into a log, by where."""
    folder = subject.folder
    request = folder.api.authorise(folder.api.check_request(), subject.credentials)
    told = {"the request's repr": repr(request), "the request's path": request.path}
    told["the base URL"] = folder.api.base_url(subject.credentials)
    body = msgspec.json.encode({"errors": " ".join(subject.secrets.values())})
    for status in (200, 401, 403, 404, 422, 429, 500):
        reply = Reply(status=status, headers={"content-type": "application/json"}, body=body)
        try:
            folder.api.judge(reply)
        except ConnectorError as fault:
            told[f"the error for {status}"] = f"{fault} {fault.context} {fault.__cause__!r}"
    return told
