"""The loader finds connectors by themselves, and refuses promises without code."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.contract.test_manifest import GOOD
from trueup.contract.loader import find_connectors, load_connector
from trueup.errors import ConfigError

FUNCTIONS = {
    "webhook": "identify split identify_piece",
    "mapping": "map_source",
    "api": "base_url authorise judge budget check_request checked",
    "auth": "authorise_url callback_code token_request token",
    "pull": "page_request page fetch_request fetched count_request count bulk_request "
    "bulk_started bulk_status_request bulk_state bulk_pieces",
    "actions": "request receipts read_request read",
    "files": "read_file",
    "hooks": "list_request listed create_request created delete_request",
}
_NUMBERS = itertools.count()
Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Write a connectors package with the connector `acme` in it."""
    package = f"made_connectors_{next(_NUMBERS)}"
    root = tmp_path / package

    def make(manifest: str = GOOD, without: str = "hooks", **extra: str) -> Path:
        folder = root / "acme"
        folder.mkdir(parents=True)
        (root / "__init__.py").touch()
        (folder / "__init__.py").touch()
        (folder / "manifest.toml").write_text(manifest)
        for name, functions in FUNCTIONS.items():
            if name not in without.split():
                lines = [f"def {fun}(*args):\n    return {fun!r}\n" for fun in functions.split()]
                (folder / f"{name}.py").write_text("\n".join(lines))
        for name, text in extra.items():
            (folder / f"{name}.py").write_text(text)
        return root

    sys.path.insert(0, str(tmp_path))
    yield make
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def test_finds_a_connector_and_loads_what_it_declares(build: Build) -> None:
    root = build()
    found = find_connectors(root, root.name)
    assert list(found) == ["acme"]
    acme = found["acme"]
    assert acme.id == "acme"
    assert sorted(acme.modules) == ["actions", "api", "auth", "files", "mapping", "pull", "webhook"]
    assert acme.webhook.identify({}, b"") == "identify"  # type: ignore[comparison-overlap]
    assert acme.has("pull")
    assert not acme.has("hooks")
    for name in acme.modules:
        assert getattr(acme, name) is acme.modules[name]


def test_a_folder_without_a_manifest_is_no_connector(build: Build) -> None:
    root = build()
    (root / "notes").mkdir()
    assert list(find_connectors(root, root.name)) == ["acme"]


def test_asking_for_what_is_not_declared_says_what_is(build: Build) -> None:
    root = build()
    with pytest.raises(ConfigError, match="declares actions, api"):
        _ = find_connectors(root, root.name)["acme"].hooks


def test_a_managed_webhook_calls_for_hooks(build: Build) -> None:
    manifest = GOOD.replace('topic_header = "x-acme-topic"', "managed = true")
    root = build(manifest, without="")
    assert find_connectors(root, root.name)["acme"].has("hooks")


@pytest.mark.parametrize("name", ["webhook", "mapping", "api", "auth", "pull", "actions", "files"])
def test_a_declared_file_that_is_missing_is_told(build: Build, name: str) -> None:
    root = build(without=f"hooks {name}")
    with pytest.raises(ConfigError, match=f"{name}.py: expected a file") as caught:
        find_connectors(root, root.name)
    assert f"write {name}.py" in str(caught.value.context["fix"])


@pytest.mark.parametrize(
    ("table", "name"), [("actions", "actions"), ("files", "files"), ("pull", "pull")]
)
def test_a_file_that_is_not_declared_is_told(build: Build, table: str, name: str) -> None:
    start = GOOD.index(f"[[{table}]]")
    end = GOOD.find("[[", start + 2)
    manifest = GOOD[:start] + (GOOD[end:] if end > 0 else "")
    if table == "actions":
        start, end = manifest.index('[[limits]]\nscope = "stock.set"'), manifest.index("[[files]]")
        manifest = manifest[:start] + manifest[end:]
    root = build(manifest)
    with pytest.raises(ConfigError, match=f"{name}.py: expected no such file"):
        find_connectors(root, root.name)


def test_an_undeclared_hooks_file_is_told(build: Build) -> None:
    root = build(without="")
    with pytest.raises(ConfigError, match="managed"):
        find_connectors(root, root.name)


def test_a_missing_function_is_named(build: Build) -> None:
    root = build(webhook="def identify(headers, body):\n    return None\n")
    with pytest.raises(ConfigError, match="write identify_piece, split") as caught:
        load_connector(root / "acme", root.name)
    assert "WebhookModule" in str(caught.value)


def test_bulk_functions_are_wanted_only_where_a_resource_has_bulk(build: Build) -> None:
    plain = "\n".join(
        f"def {fun}(*args): ..." for fun in FUNCTIONS["pull"].split() if "bulk" not in fun
    )
    root = build(GOOD.replace("bulk = true", ""), pull=plain)
    assert find_connectors(root, root.name)["acme"].has("pull")


def test_bulk_declared_without_its_functions_is_told(build: Build) -> None:
    plain = "\n".join(
        f"def {fun}(*args): ..." for fun in FUNCTIONS["pull"].split() if "bulk" not in fun
    )
    root = build(pull=plain)
    with pytest.raises(ConfigError, match="bulk_request"):
        find_connectors(root, root.name)


@pytest.mark.parametrize("scheme", ["api_key", "basic"])
def test_an_auth_file_without_an_oauth_scheme_is_told(build: Build, scheme: str) -> None:
    root = build(GOOD.replace('"api_key", "oauth2"', f'"{scheme}"'))
    with pytest.raises(ConfigError, match=r"auth.py: expected no such file.*oauth2_client"):
        find_connectors(root, root.name)


def test_a_person_is_sent_only_where_the_scheme_is_oauth2(build: Build) -> None:
    """A client that lets itself in needs neither an address to go to nor a callback."""
    plain = "def token_request(*args): ...\ndef token(*args): ...\n"
    root = build(GOOD.replace('"api_key", "oauth2"', '"oauth2_client"'), auth=plain)
    assert find_connectors(root, root.name)["acme"].has("auth")


def test_oauth2_without_a_callback_is_told(build: Build) -> None:
    root = build(auth="def token_request(*args): ...\ndef token(*args): ...\n")
    with pytest.raises(ConfigError, match="write authorise_url, callback_code"):
        find_connectors(root, root.name)


def test_a_module_that_can_not_be_imported_is_told_with_its_cause(build: Build) -> None:
    root = build(mapping="import nothing_of_this_name\n")
    with pytest.raises(ConfigError, match="ModuleNotFoundError") as caught:
        find_connectors(root, root.name)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_the_products_own_connectors_load() -> None:
    assert all(folder.id == name for name, folder in find_connectors().items())
