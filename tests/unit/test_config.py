"""The configuration: file, environment, defaults, and what is said about mistakes."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from trueup.config import Config, MappedAccount, load_config, read_section, render_default
from trueup.decisions.contact.settings import ContactSettings, read_contact
from trueup.decisions.contact.texts import read_texts
from trueup.decisions.rules import find_rules
from trueup.errors import ConfigError


def _write(folder: Path, text: str) -> Path:
    path = folder / "trueup.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(environ={})
    assert config.data_dir == tmp_path / "trueup-data"
    assert config.master_key_path == tmp_path / "trueup-data" / "master.key"
    assert config.database.url is None
    assert (config.web.host, config.web.port) == ("127.0.0.1", 8600)
    assert config.web.body_bytes_max == 5 * 1024 * 1024
    assert (config.worker.lease_ttl_s, config.worker.batch_events_max) == (3.0, 500)
    assert (config.log.level, config.log.format) == ("info", "text")


def test_file_then_environment(tmp_path: Path) -> None:
    path = _write(tmp_path, '[web]\nport = 9000\nhost = "::1"\n[worker]\nlease_ttl_s = 5\n')
    config = load_config(path, {"TRUEUP_WEB_PORT": "9001", "TRUEUP_LOG_FORMAT": "json"})
    assert (config.web.port, config.web.host) == (9001, "::1")
    assert config.worker.lease_ttl_s == 5.0
    assert config.log.format == "json"


def test_tolerances_are_exact_by_check_and_currency(tmp_path: Path) -> None:
    path = _write(tmp_path, '[reconcile.tolerances]\norders = { JPY = "1", EUR = "0.02" }\n')
    wanted = load_config(path, {}).reconcile.tolerances
    assert wanted.orders == (("EUR", Decimal("0.02")), ("JPY", Decimal(1)))
    assert wanted.payments == ()
    told = {"TRUEUP_RECONCILE_TOLERANCES_FEES": "EUR=0.10, USD=1"}
    assert load_config(path, told).reconcile.tolerances.fees == (
        ("EUR", Decimal("0.10")),
        ("USD", Decimal(1)),
    )
    with pytest.raises(ConfigError, match="TOLERANCES_FEES"):
        load_config(path, {"TRUEUP_RECONCILE_TOLERANCES_FEES": "EUR"})


def test_file_named_by_the_environment(tmp_path: Path) -> None:
    path = _write(tmp_path, "[web]\nport = 9000\n")
    assert load_config(environ={"TRUEUP_CONFIG": str(path)}).web.port == 9000


def test_argument_wins_over_the_environments_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "[web]\nport = 9000\n")
    assert load_config(path, {"TRUEUP_CONFIG": "/nowhere.toml"}).web.port == 9000


def test_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*missing\.toml; write one"):
        load_config(tmp_path / "missing.toml", {})


def test_paths_of_the_file_are_relative_to_it_and_of_the_environment_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    path = _write(tmp_path / "etc", 'data_dir = "data"\nmaster_key_file = "keys/k"\n')
    config = load_config(path, {})
    assert config.data_dir == tmp_path / "etc" / "data"
    assert config.master_key_path == tmp_path / "etc" / "keys" / "k"
    moved = load_config(path, {"TRUEUP_DATA_DIR": "elsewhere"})
    assert moved.data_dir == tmp_path / "work" / "elsewhere"
    assert moved.master_key_path == tmp_path / "etc" / "keys" / "k"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[web]\nprot = 1", ["'web.prot'", "did you mean 'port'"]),
        ("datadir = 'x'", ["'datadir'", "did you mean 'data_dir'"]),
        ("[web]\nport = 'x'", ["web.port", "a whole number", "found a text", "8600"]),
        ("[web]\nport = true", ["web.port", "a whole number", "found a boolean"]),
        ("[web]\nport = 70000", ["web.port", "<= 65535", "70000"]),
        ("web = 3", ["web must be a table", "a whole number 3"]),
        (
            "[reconcile.tolerances]\norders = { EUR = 0.02 }",
            [
                "reconcile.tolerances.orders must be a table of exact amounts as text",
                "found EUR: a number with a fraction; correct it, or remove it",
            ],
        ),
        ("[reconcile.tolerances]\norders = { eur = '1' }", ["found eur: no currency"]),
        ("[reconcile.tolerances]\nfees = { EUR = '-1' }", ["fees", "found EUR: the text '-1'"]),
        ("[reconcile.tolerances]\nfees = { EUR = '0.00001' }", ["the text '0.00001'"]),
        ("[reconcile.tolerances]\ntaxes = 3", ["reconcile.tolerances.taxes", "a whole number 3"]),
        ("[reconcile.tolerances]\norder = {}", ["did you mean 'orders'"]),
        ("[reconcile]\nship_days = 0", ["reconcile.ship_days", ">= 1"]),
        ("[log]\nlevel = 'loud'", ["log.level", "debug, info, warning, error"]),
        ("[database]\nurl = 3", ["database.url", "a text"]),
        ("data_dir = ''", ["data_dir", "a path", "an empty text"]),
        ("[worker]\nlease_ttl_s = 0", ["worker.lease_ttl_s", ">= 0.5"]),
        ("[web\n", ["not valid TOML", "line 1"]),
    ],
)
def test_mistakes_of_the_file_say_what_to_change(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    for word in [str(path), *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TRUEUP_WEB_PROT", "1", ["[web]", "did you mean 'port'"]),
        ("TRUEUP_WEB_PORT", "x", ["web.port", "a whole number", "8600"]),
        ("TRUEUP_WEB_PORT", "-1", ["web.port", ">= 0"]),
        ("TRUEUP_LOG_LEVEL", "loud", ["log.level", "debug, info, warning, error"]),
        ("TRUEUP_DATA_DIR", " ", ["data_dir", "an empty text"]),
    ],
)
def test_mistakes_of_the_environment_name_the_variable(
    name: str, value: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config(environ={name: value})
    for word in [name, *words]:
        assert word in str(caught.value)


def test_variables_of_others_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environ={"TRUEUP_TEST_SEED": "1", "PATH": "/bin"}).web.port == 8600


def test_url_is_never_shown(tmp_path: Path) -> None:
    """The password in a URL must not reach a log by way of the configuration's repr."""
    path = _write(tmp_path, '[database]\nurl = "postgresql://u:hunter2@h/d"\n')
    config = load_config(path, {})
    assert config.database.url == "postgresql://u:hunter2@h/d"
    assert "hunter2" not in repr(config)
    path = _write(tmp_path, '[database]\nurl = ["postgresql://u:hunter2@h/d"]\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert "hunter2" not in str(caught.value)


def test_rendered_default_is_the_default_and_names_every_field(tmp_path: Path) -> None:
    text = render_default()
    assert load_config(_write(tmp_path, text), {}) == Config(data_dir=tmp_path / "trueup-data")
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    settings = [line for line in lines if " = " in line or line.startswith("[")]
    shown = tomllib.loads("\n".join(settings))
    shown["database"].pop("url")
    shown.pop("master_key_file")
    # A connection's name is an example: nobody owns anything until one is named.
    assert set(shown["owner"].values()) == {"my-shop"}
    shown["owner"] = dict.fromkeys(shown["owner"])
    assert shown["people"].pop("default_region") == "US"
    shown["people"] |= {"default_region": None, "keys": tuple(shown["people"]["keys"])}
    # Where a proxy stands only who runs the hub knows.
    assert shown["web"]["proxies"] == ["127.0.0.1"]
    shown["web"]["proxies"] = ()
    config = Config()
    # So is a master: all stock is our own until one is named.
    example = {"site": "main", "connection": "odoo", "skus": ["*"], "basis": "on_hand"}
    brake = msgspec.structs.asdict(config.stock.brake)
    assert shown.pop("stock") == {"lead_days": 14, "master": [example], "brake": brake}
    # And so are the accounts of the books, which nobody but their owner knows.
    journals = shown.pop("journals")
    [account] = journals.pop("account")
    assert set(account) == set(MappedAccount.__struct_fields__)
    assert journals.pop("connection") == "quickbooks"
    assert isinstance(journals.pop("since"), date)
    assert journals == {"grain": config.journals.grain, "prefix": config.journals.prefix}
    # Nor what two systems may differ by.
    reconcile = shown.pop("reconcile")
    tolerances = reconcile.pop("tolerances")
    assert set(tolerances) == set(config.reconcile.tolerances.__struct_fields__)
    assert tolerances["orders"] == {"EUR": "0.02", "JPY": "1"}
    assert reconcile == {"ship_days": 5, "carry_days": 2, "book_matches": False}
    access = shown.pop("access")
    assert set(access) == set(config.access.__struct_fields__)
    # Which issuer there is only the brand knows, and what its groups mean.
    oidc = access.pop("oidc")
    assert set(oidc) == set(config.access.oidc.__struct_fields__)
    for name in ("issuer", "roles", "allowed"):
        assert oidc.pop(name) != getattr(config.access.oidc, name)
    assert msgspec.convert(oidc, type(config.access.oidc)) == config.access.oidc
    assert msgspec.convert(access, type(config.access)) == config.access
    models = shown.pop("models")
    assert set(models) == set(config.models.__struct_fields__)
    assert msgspec.convert(models, type(config.models)) == config.models
    # Nor may a rule spend anything by itself until somebody says how much.
    for rule, table in shown.pop("decisions").items():
        usual = find_rules()[rule].settings
        # What is nothing by default is shown by an example.
        own = {name for name in table if table[name] and not getattr(usual(), name)}
        amounts = {name: table.pop(name) for name in own}
        assert set(amounts["spend_per_day"]) == {"EUR"}
        assert read_section(usual, amounts, rule) != usual()
        assert set(table) == set(usual.__struct_fields__) - own
        assert read_section(usual, table, rule) == usual()
    # Which connections and templates there are only the brand knows, and where its team sits.
    contact = shown.pop("contact")
    own = ("connections", "templates", "team_connection", "team_to")
    examples = {name: contact.pop(name) for name in own}
    assert read_contact(examples, read_texts({})).templates == ("delay",)
    usual = msgspec.to_builtins(ContactSettings())
    usual["media"] = list(usual["media"])
    assert contact == {name: value for name, value in usual.items() if name not in own}
    assert read_texts(shown.pop("texts"))["delay"].languages.keys() == {"en", "de", "hi"}
    for name, value in shown.items():
        part = getattr(config, name)
        expected = (
            {field: getattr(part, field) for field in part.__struct_fields__ if field != "url"}
            if isinstance(value, dict)
            else str(part)
        )
        assert expected == value
    assert set(shown) | {
        "master_key_file",
        "stock",
        "journals",
        "reconcile",
        "decisions",
        "contact",
        "texts",
        "models",
        "access",
    } == set(Config.__struct_fields__)


def test_masters_and_brakes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "trueup.toml"
    path.write_text(
        '[[stock.master]]\nsite = "main"\nconnection = "odoo"\n'
        '[[stock.master]]\nsite = "fba"\nconnection = "amazon"\nskus = ["FBA-*"]\n'
        "[stock.brake]\nzero_share = 0.5\n"
    )
    stock = load_config(path, {"TRUEUP_STOCK_BRAKE_SKUS_MIN": "7"}).stock
    assert [(m.site, m.connection, m.skus) for m in stock.master] == [
        ("main", "odoo", ("*",)),
        ("fba", "amazon", ("FBA-*",)),
    ]
    assert (stock.brake.zero_share, stock.brake.skus_min) == (0.5, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[stock.master]]\nsite = "main"\n', "connection"),
        ('[[stock.master]]\nsite = "main"\nconnectin = "odoo"\n', "did you mean 'connection'"),
        ('[[stock.master]]\nsite = ""\nconnection = "odoo"\n', "stock.master"),
        ("[stock.brake]\nzero_share = 2\n", "stock.brake.zero_share must be a number <= 1.0"),
        ("[stock.brake]\nzero_shar = 1\n", "did you mean 'zero_share'"),
        ("[stock]\nmasters = 1\n", "known: lead_days, master, brake"),
    ],
)
def test_wrong_masters_and_brakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "trueup.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_config(path, {})
    with pytest.raises(ConfigError, match="names no field"):
        load_config(None, {"TRUEUP_STOCK_BRAKES": "1"})


def test_how_long_more_takes_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path, "[stock]\nlead_days = 21\n")
    assert load_config(path, {}).stock.lead_days == 21
    assert load_config(path, {"TRUEUP_STOCK_LEAD_DAYS": "5"}).stock.lead_days == 5
    assert Config().stock.lead_days == 14


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "stock.lead_days must be a whole number >= 1, found a whole number 0"),
        ("731", "stock.lead_days must be a whole number <= 730, found a whole number 731"),
        ("2.5", "stock.lead_days must be a whole number, found a number with a fraction 2.5"),
        ('"two weeks"', "stock.lead_days must be a whole number, found a text"),
    ],
)
def test_days_that_can_not_be_are_told(tmp_path: Path, value: str, said: str) -> None:
    path = _write(tmp_path, f"[stock]\nlead_days = {value}\n")
    with pytest.raises(ConfigError) as told:
        load_config(path, {})
    assert said in str(told.value)
    assert "correct it, or remove it for its default (14)" in str(told.value)
    assert told.value.context["field"] == "stock.lead_days"
    with pytest.raises(ConfigError, match="TRUEUP_STOCK_LEAD_DAYS"):
        load_config(None, {"TRUEUP_STOCK_LEAD_DAYS": value.strip('"')})


def test_accounts_of_journals_are_read_and_their_mistakes_told(tmp_path: Path) -> None:
    text = (
        '[journals]\nconnection = "quickbooks"\ngrain = "order"\nsince = 2026-10-01\n'
        '[[journals.account]]\naccount = "fees"\ncurrency = "EUR"\naccount_ref = "62"\n'
    )
    journals = load_config(_write(tmp_path, text), {"TRUEUP_JOURNALS_PREFIX": "SHOP"}).journals
    assert (journals.connection, journals.grain, journals.prefix) == ("quickbooks", "order", "SHOP")
    assert journals.since == date(2026, 10, 1)
    [fees] = journals.account
    assert (fees.account, fees.connection, fees.currency) == ("fees", None, "EUR")
    for wrong, said in (
        (text + 'acount_ref = "1"\n', "did you mean 'account_ref'"),
        (text.replace("EUR", "euro"), "journals.account"),
        (text.replace('"order"', '"week"'), "one of day, connection, order"),
        (text.replace("2026-10-01", "5"), "journals.since"),
    ):
        with pytest.raises(ConfigError, match=re.escape(said)):
            load_config(_write(tmp_path, wrong), {})
