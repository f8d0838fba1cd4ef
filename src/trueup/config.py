"""The configuration: `trueup.toml`, then the environment, then defaults.

`TRUEUP_<SECTION>_<FIELD>` overrides a field (`TRUEUP_WEB_PORT=80`); fields outside any section are
`TRUEUP_<FIELD>`. Relative paths in the file are relative to the file's folder, those from the
environment to the working folder. Nothing unknown is ignored: a misspelt field is an error.
"""

import importlib.resources
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from trueup.errors import ConfigError
from trueup.kernel.limits import LEAD_DAYS, LEAD_DAYS_MAX
from trueup.wording import default_at, found_at, kind_of, suggest

CONFIG_FILE = "trueup.toml"
ENVIRONMENT_PREFIX = "TRUEUP_"

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.(?P<where>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EXACT = re.compile(r"\d{1,14}(\.\d{1,4})?")
_MISMATCH = re.compile(r"^Expected `(?P<expected>.*?)`(?P<bound>.*?)(?:, got `(?P<found>.*)`)?$")


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all sections share: frozen, named fields, nothing unknown."""


class DatabaseConfig(_Section, frozen=True, kw_only=True):
    """Where the records lie."""

    url: str | None = None
    pool_size_max: Annotated[int, msgspec.Meta(ge=1, le=500)] = 10

    def __repr__(self) -> str:
        where = "embedded" if self.url is None else "<url>"  # a URL may carry a password
        return f"DatabaseConfig(url={where}, pool_size_max={self.pool_size_max})"


class WebConfig(_Section, frozen=True, kw_only=True):
    """Where the console, the API and the hooks listen."""

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8600
    body_bytes_max: Annotated[int, msgspec.Meta(ge=1024)] = 5 * 1024 * 1024
    proxies: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()


class WorkerConfig(_Section, frozen=True, kw_only=True):
    """How workers share the events."""

    lease_ttl_s: Annotated[float, msgspec.Meta(ge=0.5, le=60)] = 3.0
    batch_events_max: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500


class OwnerConfig(_Section, frozen=True, kw_only=True):
    """Which connection's word counts for which fields of a SKU; see `trueup.records.owners`."""

    product_identity: str | None = None
    product_identifiers: str | None = None
    product_price: str | None = None
    product_cost: str | None = None


class PeopleConfig(_Section, frozen=True, kw_only=True):
    """Which names join a person's records in all systems; see `trueup.records.people`."""

    keys: tuple[Literal["email", "phone", "customer", "address"], ...] = (
        "email",
        "phone",
        "customer",
    )
    default_region: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] | None = None


class BrakeConfig(_Section, frozen=True, kw_only=True):
    """When counts are held for a person; see `trueup.ledger.brake`."""

    zero_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    grow_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.2
    grow_factor: Annotated[float, msgspec.Meta(gt=1)] = 10.0
    window_s: Annotated[int, msgspec.Meta(ge=1, le=7 * 86400)] = 3600
    skus_min: Annotated[int, msgspec.Meta(ge=1)] = 20


class MasterConfig(_Section, frozen=True, kw_only=True):
    """Whose word counts for what lies at a site; see `trueup.ledger.masters`."""

    site: Annotated[str, msgspec.Meta(min_length=1)]
    connection: Annotated[str, msgspec.Meta(min_length=1)]
    skus: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ("*",)
    basis: Literal["on_hand", "available"] = "on_hand"


class StockConfig(_Section, frozen=True, kw_only=True):
    """How long more takes to come, who owns what lies where, and which counts are held."""

    lead_days: Annotated[int, msgspec.Meta(ge=1, le=LEAD_DAYS_MAX)] = LEAD_DAYS
    master: tuple[MasterConfig, ...] = ()
    brake: BrakeConfig = BrakeConfig()


class MappedAccount(_Section, frozen=True, kw_only=True):
    """Which account of the accounting system a money account is; see `trueup.journals.accounts`."""

    account: Annotated[str, msgspec.Meta(min_length=1)]
    connection: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] | None = None
    account_ref: Annotated[str, msgspec.Meta(max_length=100)] = ""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    tax_code: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    tax_on: Literal["sales", "purchases"] = "sales"


class JournalsConfig(_Section, frozen=True, kw_only=True):
    """How the money ledger becomes journals; see `trueup.journals`."""

    connection: str | None = None
    grain: Literal["day", "connection", "order"] = "connection"
    since: date | None = None
    prefix: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9]{0,7}$")] = "TU"
    account: tuple[MappedAccount, ...] = ()


class Amounts(tuple[tuple[str, Decimal], ...]):
    """Exact amounts of zero or more by currency; in the file a table of texts."""

    __slots__ = ()


class TolerancesConfig(_Section, frozen=True, kw_only=True):
    """Up to which difference two sums of a check agree; see `trueup.reconcile.money`."""

    orders: Amounts = Amounts()
    payments: Amounts = Amounts()
    fees: Amounts = Amounts()
    taxes: Amounts = Amounts()
    storefront: Amounts = Amounts()


class ReconcileConfig(_Section, frozen=True, kw_only=True):
    """What checks let pass and may still come, and whether proven matches are booked at night."""

    ship_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 5
    carry_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 2
    book_matches: bool = False
    tolerances: TolerancesConfig = TolerancesConfig()


class ModelsConfig(_Section, frozen=True, kw_only=True):
    """Whether and when models are trained, and which are not; see `trueup.models`."""

    train: bool = True
    train_hour: Annotated[int, msgspec.Meta(ge=0, le=23)] = 2
    drift_share: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.25
    off: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()


RoleName = Literal["owner", "operations", "finance", "support", "marketing", "viewer"]


class OidcConfig(_Section, frozen=True, kw_only=True):
    """Which other system says who somebody is; see `trueup.access.issuer`."""

    issuer: str | None = None
    client_id: Annotated[str, msgspec.Meta(max_length=300)] = ""
    client_secret: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "your company's account"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    role_claim: Annotated[str, msgspec.Meta(max_length=200)] = ""
    roles: dict[str, RoleName] = {}
    allowed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"OidcConfig(issuer={self.issuer})"  # what else there is may be secret


class AccessConfig(_Section, frozen=True, kw_only=True):
    """How long people stay signed in, and who shows a second factor; see `trueup.access`."""

    idle_minutes: Annotated[int, msgspec.Meta(ge=5, le=7 * 24 * 60)] = 480
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=90 * 24)] = 168
    confirm_minutes: Annotated[int, msgspec.Meta(ge=1, le=24 * 60)] = 15
    link_hours: Annotated[int, msgspec.Meta(ge=1, le=14 * 24)] = 24
    second_factor: tuple[RoleName, ...] = ()
    oidc: OidcConfig = OidcConfig()


class LogConfig(_Section, frozen=True, kw_only=True):
    """What is written to the log, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(_Section, frozen=True, kw_only=True):
    """The whole configuration; paths are absolute after `load_config`."""

    data_dir: Path = Path("trueup-data")
    master_key_file: Path | None = None
    database: DatabaseConfig = DatabaseConfig()
    web: WebConfig = WebConfig()
    worker: WorkerConfig = WorkerConfig()
    owner: OwnerConfig = OwnerConfig()
    people: PeopleConfig = PeopleConfig()
    stock: StockConfig = StockConfig()
    journals: JournalsConfig = JournalsConfig()
    reconcile: ReconcileConfig = ReconcileConfig()
    models: ModelsConfig = ModelsConfig()
    access: AccessConfig = AccessConfig()
    decisions: dict[str, Any] = {}
    contact: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    log: LogConfig = LogConfig()

    @property
    def master_key_path(self) -> Path:
        """Give the file of the master key: as configured, else inside the data folder."""
        return self.master_key_file or self.data_dir / "master.key"


SectionT = TypeVar("SectionT", bound=_Section)
StructT = TypeVar("StructT", bound=msgspec.Struct)


def load_config(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration.

    Args:
        path: the file; None takes `TRUEUP_CONFIG`, else `./trueup.toml`, which may be missing.
        environ: the environment; None takes that of the process.

    Raises:
        ConfigError: names the field, what was found, what is expected and how to put it right.
    """
    env = os.environ if environ is None else environ
    source = _find_file(path, env)
    raw = _read_toml(source) if source else {}
    try:
        config = msgspec.convert(raw, Config, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw=raw, source=str(source)) from error
    config = _resolve_paths(config, source.parent if source else Path.cwd())
    sections = {name: _override(getattr(config, name), env, name) for name in _section_names()}
    config = msgspec.structs.replace(config, **sections)
    return _resolve_paths(_override(config, env, ""), Path.cwd())


def render_default() -> str:
    """Give the text of a `trueup.toml` that names every field with its default."""
    return (importlib.resources.files("trueup") / "default.toml").read_text(encoding="utf-8")


def _section_names() -> list[str]:
    return [
        field.name
        for field in msgspec.structs.fields(Config)
        if isinstance(field.default, _Section)
    ]


def _resolve_paths(config: Config, folder: Path) -> Config:
    """Make the paths absolute; those that already are stay as they are."""
    key = config.master_key_file
    return msgspec.structs.replace(
        config,
        data_dir=(folder / config.data_dir.expanduser()).absolute(),
        master_key_file=(folder / key.expanduser()).absolute() if key else None,
    )


def _find_file(path: Path | None, env: Mapping[str, str]) -> Path | None:
    named = str(path) if path else env.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    candidate = Path(named or CONFIG_FILE).expanduser().absolute()
    if candidate.is_file():
        return candidate
    if named:
        raise ConfigError(
            f"There is no configuration file {candidate}; write one with `trueup init`, or leave "
            "out --config and TRUEUP_CONFIG to use the defaults"
        )
    return None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct that line") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; check its owner") from error


def _override(part: SectionT, env: Mapping[str, str], section: str) -> SectionT:
    """Apply the environment to one section ("" is the top level).

    A variable that names a section and no field of it is refused, as a misspelt field is.
    Other variables that begin with the prefix are not ours to judge.
    """
    prefix = _prefix(section)
    inner = {
        field.name: f"{section}.{field.name}"
        for field in msgspec.structs.fields(part)
        if section and isinstance(field.default, _Section)
    }
    types = {
        field.name: field.type
        for field in msgspec.structs.fields(part)
        if not isinstance(field.default, _Section)
    }
    changes: dict[str, Any] = {
        name: _override(getattr(part, name), env, path) for name, path in inner.items()
    }
    deeper = tuple(map(_prefix, inner.values()))
    for variable in sorted(name for name in env if name.startswith(prefix)):
        if deeper and variable.startswith(deeper):
            continue
        field = variable.removeprefix(prefix).lower()
        if field in types:
            changes[field] = _read_variable(
                env[variable], types[field], variable, f"{section}.{field}".lstrip(".")
            )
        elif section:
            raise ConfigError(
                f"{variable} names no field of [{section}]; {suggest(field, types)}",
                field=f"{section}.{field}",
            )
    return msgspec.structs.replace(part, **changes)


def _prefix(section: str) -> str:
    return (
        f"{ENVIRONMENT_PREFIX}{section.upper().replace('.', '_')}_"
        if section
        else ENVIRONMENT_PREFIX
    )


def _read_variable(text: str, kind: Any, variable: str, field: str) -> Any:  # noqa: ANN401 - any field's type
    try:
        return msgspec.convert(text, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        what = str(error).split(" - at `$", 1)[0]
        default = default_at(Config(), field)
        raise _mismatch(
            what, field=field, found=kind_of(text), source=variable, default=default
        ) from error


def _decode(kind: type, value: object) -> object:
    """Read a path or a table of amounts, the kinds of value that msgspec does not know."""
    if kind is Amounts:
        return _amounts(value)
    if kind is Path and isinstance(value, str) and value.strip():
        return Path(value)
    reason = "got `empty`" if isinstance(value, str) else f"got `{kind_of(value)}`"
    raise TypeError(f"Expected `path`, {reason}")


def _amounts(value: object) -> Amounts:
    """Read amounts by currency; in the environment they are written EUR=0.02,JPY=1."""
    if isinstance(value, str):
        value = dict(part.strip().partition("=")[::2] for part in value.split(",") if part.strip())
    wanted = 'a table of exact amounts as text by currency, such as { EUR = "0.02" }'
    if not isinstance(value, dict):
        raise TypeError(f"Expected `{wanted}`, got `{kind_of(value)}`")
    for currency, amount in value.items():
        if not _CURRENCY.fullmatch(str(currency)):
            raise TypeError(f"Expected `{wanted}`, got `{currency}: no currency`")
        if not isinstance(amount, str) or not _EXACT.fullmatch(amount):
            found = f"the text {amount!r}" if isinstance(amount, str) else kind_of(amount)
            raise TypeError(f"Expected `{wanted}`, got `{currency}: {found}`")
    return Amounts(sorted((currency, Decimal(amount)) for currency, amount in value.items()))


def read_section(kind: type[StructT], raw: object, source: str) -> StructT:
    """Read a table whose fields the configuration does not know, such as those of a rule.

    Args:
        kind: with a default for each field.
        raw: as it stands in the file.
        source: what the table is called.

    Raises:
        ConfigError: names the field, what was found, what is expected and how to put it right.
    """
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{source} must be a table, found {kind_of(raw)}; write one, or remove it."
        )
    try:
        return msgspec.convert(raw, kind, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw=raw, source=source, whole=kind()) from error


def _explain(
    message: str, *, raw: dict[str, Any], source: str, whole: msgspec.Struct | None = None
) -> ConfigError:
    """Turn msgspec's words about a table into a sentence that says what to change."""
    whole = whole or Config()
    parts = _PLACE.match(message)
    what, where = (parts["what"], parts["where"] or "") if parts else (message, "")
    if unknown := _UNKNOWN.search(what):
        name = unknown["name"]
        section = _section_at(whole, where)
        is_section = isinstance(section, msgspec.Struct) or section in _LISTED.values()
        known = section.__struct_fields__ if is_section else ()  # type: ignore[attr-defined]
        field = f"{where}.{name}" if where else name
        return ConfigError(
            f"{source}: there is no field {field!r}; {suggest(name, known)}", field=field
        )
    default = default_at(whole, where)
    return _mismatch(what, field=where, found=found_at(raw, where), source=source, default=default)


def _section_at(whole: msgspec.Struct, where: str) -> object:
    """Return the section at a place of a table; None where there is none."""
    section: object = whole
    for name in where.split(".") if where else ():
        field, listed, _ = name.partition("[")
        section = _LISTED.get(field) if listed else getattr(section, name, None)
    return section


def _mismatch(
    what: str, *, field: str, found: str | None, source: str, default: str
) -> ConfigError:
    """Say what a field must be, what was found, and how to put it right."""
    match = _MISMATCH.match(what)
    if match and ": " in (match["found"] or ""):
        found = match["found"]  # it says where in the field
    expected = f"{match['expected']}{match['bound']}" if match else what
    choices = _CHOICES.get(field)
    if choices:
        expected = f"one of {', '.join(choices)}"
    for ours, theirs in _WORDS:
        expected = expected.replace(ours, theirs)
    return ConfigError(
        f"{source}: {field} must be {expected}"
        + (f", found {found}" if found else "")
        + f"; correct it, or remove it for its default{default}",
        field=field,
    )


# Sections of which a file may have several.
_LISTED: dict[str, type[_Section]] = {"master": MasterConfig, "account": MappedAccount}

# msgspec's names of kinds, and the words a person would use.
_WORDS = (
    ("int", "a whole number"),
    ("float", "a number"),
    ("object", "a table"),
    (" | null", ""),
    ("Object missing required field", "a table with the field"),
    ("str", "a text"),
    ("path", "a path"),
)

_CHOICES: dict[str, tuple[str, ...]] = {
    f"{section.name}.{field.name}": get_args(field.type)
    for section in msgspec.structs.fields(Config)
    if isinstance(section.default, _Section)
    for field in msgspec.structs.fields(section.default)
    if get_origin(field.type) is Literal
}
