"""The facts about a connector, read from its `manifest.toml`.

Everything that is the same for every vendor is generated from these facts: the form in the console,
the webhook route, the throttle, the default approval of an action, what is redacted. Nothing in
here decides anything; any `if` belongs to the connector's Python files.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from trueup.contract.capability import Action, Limit, Resource, Section, check
from trueup.contract.cart import CartLink
from trueup.contract.manifest_fault import config_error
from trueup.contract.signature_scheme import QueuePull, SignatureScheme, Unsigned
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import ConfigError

Kind = Literal[
    "storefront",
    "marketplace",
    "payments",
    "helpdesk",
    "carrier",
    "erp",
    "crm",
    "messaging",
    "bank",
    "ads",
    "files",
]
OAUTH_SCHEMES = frozenset(("oauth2", "oauth2_client"))
"""Schemes by which tokens are handed out: to a person who agreed, to the client itself."""

_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+*-]+")
_HEADER = re.compile(r"[a-z0-9_.-]+")
_PERSONAL_PATH = re.compile(r"\$(\.\.?[A-Za-z_][A-Za-z0-9_-]*|\[\*\])+")


class Api(Section, frozen=True, kw_only=True):
    """Which interface of the vendor the connector speaks.

    Attributes:
        version: as the vendor writes it; empty where the vendor has no versions.
        sunset_on: the day after which the vendor stops serving it; None where none is published.
        docs_url: the page the connector was written from.
        docs_read_on: the day it was read.
        transport: how requests travel.
    """

    version: str
    docs_url: str
    docs_read_on: date
    sunset_on: date | None = None
    transport: Literal["http", "smtp"] = "http"

    def __post_init__(self) -> None:
        if not self.docs_url.startswith("https://"):
            raise ValueError("docs_url is an https address")


class Auth(Section, frozen=True, kw_only=True):
    """How the vendor knows us: the names of the schemes the connector offers, best first."""

    schemes: tuple[
        Literal["none", "api_key", "basic", "bearer", "oauth2", "oauth2_client", "jwt", "iam"], ...
    ]

    def __post_init__(self) -> None:
        if not self.schemes:
            raise ValueError('schemes names at least one scheme; "none" where nothing is needed')


class ConfigField(Section, frozen=True, kw_only=True):
    """One field of the connection's form.

    Attributes:
        key: what the connector calls it, snake_case.
        secret: its value is sealed, never shown again and never logged; a field of the type
            `secret` always is.
        pattern: a regular expression that the whole value must match; empty: any.
        example: what a value looks like; never a real one.
        choices: the values of a field of the type `choice`.
    """

    key: str
    label: str
    type: Literal["text", "secret", "url", "choice", "number", "flag"]
    required: bool = True
    secret: bool = False
    pattern: str = ""
    example: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(_ID.fullmatch(self.key), f"key {self.key!r} is not snake_case")
        check(self.label, "a field needs a label")
        check(
            (self.type == "choice") == bool(self.choices),
            "a field of the type choice, and no other, has choices",
        )
        try:
            re.compile(self.pattern)
        except re.error as fault:
            msg = f"pattern {self.pattern!r} is not a regular expression: {fault}"
            raise ValueError(msg) from fault

    @property
    def is_secret(self) -> bool:
        """Tell whether the value must be sealed and never shown."""
        return self.secret or self.type == "secret"


class Topic(Section, frozen=True, kw_only=True):
    """One kind of delivery.

    Attributes:
        topic: as the vendor writes it in the topic header.
        kind: the canonical record it becomes, such as `order`; or `privacy`, `lifecycle`.
        entity: the key of the partition it belongs to, such as `order`; events of one entity are
            applied in turn.
        required_for_privacy: the vendor's privacy rules demand that it is subscribed to.
        sample: a hand-written body, relative to the connector's folder; empty: none yet.
    """

    topic: str
    kind: str
    entity: str
    required_for_privacy: bool = False
    sample: str = ""

    def __post_init__(self) -> None:
        check(self.topic, "a topic has a name")
        check(_ID.fullmatch(self.kind), f"kind {self.kind!r} is not snake_case")
        check(_ID.fullmatch(self.entity), f"entity {self.entity!r} is not snake_case")
        check(_is_inside(self.sample), f"sample {self.sample!r} leaves the connector's folder")


class Webhook(Section, frozen=True, kw_only=True):
    """How deliveries arrive.

    Attributes:
        signature: the name of a vendor's scheme, or a family with its parameters; a list of them,
            best first, where the vendor may sign in more than one way.
        media_types: content types that are read, in lower case and without parameters.
        body_bytes_max: a larger body is refused.
        external_id_headers: the headers that may hold the delivery's own id, best first; empty
            where the id is in the body and `webhook.identify` finds it.
        topic_header: the header that names the topic; empty where the body does.
        managed: the connector subscribes by the vendor's API itself (it then has a `hooks.py`);
            otherwise a person sets the address up by hand.
        secrets: the config fields whose values a delivery may be signed with.
        many: one delivery may hold several events; `webhook.split` takes it apart at the door.
        challenge: how the vendor proves the address before it sends: by a GET whose query must be
            answered, or by a signed POST; `webhook.answer_challenge` knows the answer.
    """

    signature: str | SignatureScheme | tuple[str | SignatureScheme, ...]
    media_types: tuple[str, ...] = ("application/json",)
    body_bytes_max: int = 5_000_000
    external_id_headers: tuple[str, ...] = ()
    topic_header: str = ""
    managed: bool = False
    secrets: tuple[str, ...] = ("webhook_secret",)
    many: bool = False
    challenge: Literal["none", "get", "post"] = "none"
    topics: tuple[Topic, ...] = ()

    def __post_init__(self) -> None:
        known = ", ".join(sorted(VENDOR_SIGNATURES))
        for named in _listed(self.signature):
            check(
                not isinstance(named, str) or named in VENDOR_SIGNATURES,
                f"signature {named!r} is not known; known: {known}",
            )
        check(self.schemes, "signature names at least one scheme")
        _check_unique("signature", [repr(scheme) for scheme in self.schemes])
        # Beside one that takes everything, or nothing, the others would mean nothing.
        check(
            len(self.schemes) == 1
            or not any(isinstance(each, Unsigned | QueuePull) for each in self.schemes),
            "unsigned and queue_pull stand alone",
        )
        check(self.media_types, "media_types names at least one content type")
        for media_type in self.media_types:
            check(_MEDIA_TYPE.fullmatch(media_type), f"{media_type!r} is not a content type")
        check(1 <= self.body_bytes_max <= 20_000_000, "body_bytes_max is 1 to 20000000")
        for header in (*self.external_id_headers, *filter(None, [self.topic_header])):
            check(_HEADER.fullmatch(header), f"{header!r} is not a header name in lower case")
        _check_unique("topic", [topic.topic for topic in self.topics])

    @property
    def schemes(self) -> tuple[SignatureScheme, ...]:
        """Give the signature schemes, best first; those that are named are looked up."""
        return tuple(
            VENDOR_SIGNATURES[named].scheme if isinstance(named, str) else named
            for named in _listed(self.signature)
        )

    @property
    def scheme(self) -> SignatureScheme:
        """Give the best signature scheme."""
        return self.schemes[0]


class Conventions(Section, frozen=True, kw_only=True):
    """How the vendor writes money and time, and where it tells of payments.

    Attributes:
        money: `decimal_text`: "10.00"; `decimal_number`: 10.0; `minor_units`: 1000; `mixed`: the
            mapping knows.
        time: how instants are written; `local`: without a zone, in `time_zone`.
        time_zone: an IANA name, used for `local` instants only.
        payments: `told`: each by itself; `in_orders`: an order says that it was paid, and no more.
    """

    money: Literal["decimal_text", "decimal_number", "minor_units", "mixed", "none"]
    time: Literal["rfc3339", "unix_s", "unix_ms", "local", "mixed"]
    time_zone: str = "UTC"
    payments: Literal["told", "in_orders"] = "told"


class FileFormat(Section, frozen=True, kw_only=True):
    """One kind of file that can be imported.

    Attributes:
        columns: the config field that says what the columns of such a table mean; empty where the
            format itself does. `trueup import --columns` fills it; `files.read_table` reads it.
    """

    format: str
    media_type: str
    help: str = ""
    columns: str = ""

    def __post_init__(self) -> None:
        check(
            re.fullmatch(r"[a-z][a-z0-9-]+", self.format),
            f"format {self.format!r} is not like shopify-orders-csv",
        )
        check(_MEDIA_TYPE.fullmatch(self.media_type), f"{self.media_type!r} is not a content type")


class Manifest(Section, frozen=True, kw_only=True):
    """All facts about one connector.

    Attributes:
        id: the name of its folder.
        owner: who answers for it.
        carriers: how other systems write the carriers whose parcels this connector follows; case
            and signs do not count.
        personal: where personal data stands in the vendor's bodies, as paths such as
            `$.customer.email`, `$.line_items[*].name` and `$..phone` (at any depth).
        cart: how a link opens a cart that is filled already, where the storefront takes such.
    """

    id: str
    name: str
    kind: Kind
    owner: str
    api: Api
    auth: Auth
    conventions: Conventions
    config: tuple[ConfigField, ...] = ()
    webhook: Webhook | None = None
    pull: tuple[Resource, ...] = ()
    limits: tuple[Limit, ...] = ()
    actions: tuple[Action, ...] = ()
    carriers: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    files: tuple[FileFormat, ...] = ()
    cart: CartLink | None = None

    def __post_init__(self) -> None:
        check(_ID.fullmatch(self.id), f"id {self.id!r} is not snake_case")
        check(self.name and self.owner, "name and owner are not empty")
        _check_unique("config key", [field.key for field in self.config])
        _check_unique("resource", [resource.resource for resource in self.pull])
        _check_unique("limit scope", [limit.scope for limit in self.limits])
        _check_unique("action", [action.name for action in self.actions])
        _check_unique("file format", [entry.format for entry in self.files])
        keys = {field.key for field in self.config}
        for entry in self.files:
            known = not entry.columns or entry.columns in keys
            check(known, f"format {entry.format} has its columns in {entry.columns!r}, no field")
        for resource in self.pull:
            begins = resource.begin_setting
            check(not begins or begins in keys, f"begin_setting {begins!r} is no config field")
        is_follower = any(resource.by_ref for resource in self.pull)
        check(is_follower or not self.carriers, "carriers are for a resource with by_ref")
        for path in self.personal:
            check(_PERSONAL_PATH.fullmatch(path), f"personal path {path!r} is not like $.a.b[*].c")
        topics = {topic.topic for topic in self.webhook.topics} if self.webhook else set()
        for action in self.actions:
            unknown = sorted(set(action.confirmed_by) - topics)
            check(not unknown, f"action {action.name} is confirmed by unknown topics {unknown}")
        scopes = {"all", *(r.resource for r in self.pull), *(a.name for a in self.actions)}
        for limit in self.limits:
            check(
                limit.scope in scopes,
                f"limit scope {limit.scope!r} is neither all nor a resource nor an action",
            )
        if self.webhook and isinstance(self.webhook.scheme, QueuePull):
            check(self.pull, "deliveries that are pulled from a queue need a pull resource")
        fields = {field.key for field in self.config}
        for resource in self.pull:
            known = not resource.needs or resource.needs in fields
            check(known, f"resource {resource.resource} needs {resource.needs!r}, no config field")

    def pulled(self, settings: Mapping[str, str]) -> tuple[Resource, ...]:
        """Return the resources that a connection with these settings pulls."""
        return tuple(each for each in self.pull if not each.needs or settings.get(each.needs))

    def has_queue(self, settings: Mapping[str, str]) -> bool:
        """Tell whether a connection hears of changes by a queue that it pulls."""
        queued = self.webhook is not None and isinstance(self.webhook.scheme, QueuePull)
        return queued and any(each.needs for each in self.pulled(settings))

    @property
    def secret_keys(self) -> frozenset[str]:
        """Name the config fields whose values are sealed and redacted."""
        return frozenset(field.key for field in self.config if field.is_secret)

    def file_format(self, name: str) -> FileFormat | None:
        """Find a kind of file by its name; None when it is not declared."""
        return next((entry for entry in self.files if entry.format == name), None)

    def limit(self, scope: str) -> Limit | None:
        """Find the limit of a resource or action; None when the manifest sets none.

        Args:
            scope: a resource or action; without an own limit the one of `all` counts.
        """
        by_scope = {limit.scope: limit for limit in self.limits}
        return by_scope.get(scope) or by_scope.get("all")

    def action(self, name: str) -> Action | None:
        """Find an action by its name, such as `stock.set`; None when it is not declared."""
        return next((action for action in self.actions if action.name == name), None)

    def topic(self, name: str) -> Topic | None:
        """Find a webhook topic by the vendor's word for it; None when it is not declared."""
        topics = self.webhook.topics if self.webhook else ()
        return next((topic for topic in topics if topic.topic == name), None)


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Args:
        path: a `manifest.toml`; its folder's name must be the manifest's id.

    Raises:
        ConfigError: `config.invalid`; its context names file, field, expected, found and fix.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise config_error(path, "", "a file that can be read", str(fault)) from fault
    except UnicodeDecodeError as fault:
        raise config_error(path, "", "text in UTF-8", str(fault)) from fault
    except tomllib.TOMLDecodeError as fault:
        raise config_error(path, "", "TOML", str(fault)) from fault
    manifest = _convert(raw, path)
    if manifest.id != path.parent.name:
        raise config_error(path, "id", f"the folder's name {path.parent.name!r}", manifest.id)
    return manifest


def _convert(raw: dict[str, object], path: Path) -> Manifest:
    try:
        return msgspec.convert(raw, Manifest, strict=True)
    except msgspec.ValidationError as fault:
        raise _from_validation(path, raw, str(fault)) from fault


def _from_validation(path: Path, raw: dict[str, object], message: str) -> ConfigError:
    """Turn the decoder's one line into file, field, expected, found and fix."""
    text, _, place = message.partition(" - at `")
    field = place.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := re.fullmatch(r"Object missing required field `(.+)`", text):
        field = ".".join(filter(None, [field, missing[1]]))
        return config_error(path, field, "a value", "nothing", fix=f"add {missing[1]}")
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", text):
        field = ".".join(filter(None, [field, unknown[1]]))
        fix = f"remove {unknown[1]}, or correct its name"
        return config_error(path, field, "a known field", unknown[1], fix=fix)
    if types := re.fullmatch(r"Expected (.+), got (.+)", text):
        return config_error(path, field, types[1].replace("`", ""), types[2].replace("`", ""))
    return config_error(path, field, text, _found(raw, field))


def _found(raw: object, field: str) -> str:
    """Follow a place such as `webhook.topics[1].kind` into the raw tables."""
    value = raw
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        if index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        elif name and isinstance(value, dict):
            value = value.get(name)
    return str(value) if isinstance(value, str | int | float | date) else "the value there"


def _listed(
    signature: str | SignatureScheme | tuple[str | SignatureScheme, ...],
) -> tuple[str | SignatureScheme, ...]:
    return signature if isinstance(signature, tuple) else (signature,)


def _check_unique(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    check(not repeated, f"{what} appears twice: {', '.join(repeated)}")


def _is_inside(relative: str) -> bool:
    return not relative.startswith("/") and ".." not in Path(relative).parts
