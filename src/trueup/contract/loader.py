"""Finds the connectors, and loads what their manifests declare.

A connector is a folder `trueup/connectors/<id>/` with a `manifest.toml`; nothing else registers
it. A file whose capability is declared must be there, and a file whose capability is not declared
must not: the manifest never promises what the code lacks, nor hides what it does.
"""

import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import cast

import msgspec

from trueup import connectors
from trueup.contract import connector
from trueup.contract.envelope import Forms
from trueup.contract.manifest import OAUTH_SCHEMES, Manifest, load_manifest
from trueup.contract.manifest_fault import config_error
from trueup.errors import ConfigError

_PROTOCOLS: Mapping[str, type] = MappingProxyType(
    {
        "webhook": connector.WebhookModule,
        "mapping": connector.MappingModule,
        "api": connector.ApiModule,
        "auth": connector.AuthModule,
        "pull": connector.PullModule,
        "hooks": connector.HooksModule,
        "actions": connector.ActionsModule,
        "commands": connector.CommandsModule,
        "files": connector.FilesModule,
    }
)
_REASONS = MappingProxyType(
    {
        "webhook": "a [webhook] table",
        "mapping": "a webhook, pull or files table",
        "api": "a pull or actions table, or webhook.managed = true",
        "auth": 'an auth scheme "oauth2" or "oauth2_client"',
        "pull": "a [[pull]] table",
        "hooks": "webhook.managed = true",
        "actions": 'an [[actions]] table with the form "level"',
        "commands": 'an [[actions]] table with the form "command"',
        "files": "a [[files]] table",
    }
)


class ConnectorFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A connector as it lies in its folder, ready for use.

    Attributes:
        folder: where its files lie.
        modules: the loaded modules by their name; use the accessors, which are typed.
        forms: what a person may hand in; None where the folder has no `bodies.py`.
    """

    manifest: Manifest
    folder: Path
    modules: Mapping[str, ModuleType]
    forms: Forms | None = None

    @property
    def id(self) -> str:
        """Give the connector's id."""
        return self.manifest.id

    @property
    def webhook(self) -> connector.WebhookModule:
        """Give the module that recognises deliveries."""
        return cast("connector.WebhookModule", self._module("webhook"))

    @property
    def mapping(self) -> connector.MappingModule:
        """Give the module that says what a body means."""
        return cast("connector.MappingModule", self._module("mapping"))

    @property
    def api(self) -> connector.ApiModule:
        """Give the module that knows how the vendor is spoken to."""
        return cast("connector.ApiModule", self._module("api"))

    @property
    def auth(self) -> connector.AuthModule:
        """Give the module that has tokens handed out."""
        return cast("connector.AuthModule", self._module("auth"))

    @property
    def pull(self) -> connector.PullModule:
        """Give the module that reads pages."""
        return cast("connector.PullModule", self._module("pull"))

    @property
    def hooks(self) -> connector.HooksModule:
        """Give the module that manages subscriptions."""
        return cast("connector.HooksModule", self._module("hooks"))

    @property
    def actions(self) -> connector.ActionsModule:
        """Give the module that turns intents into requests."""
        return cast("connector.ActionsModule", self._module("actions"))

    @property
    def commands(self) -> connector.CommandsModule:
        """Give the module that turns commands into requests."""
        return cast("connector.CommandsModule", self._module("commands"))

    @property
    def files(self) -> connector.FilesModule:
        """Give the module that reads imported files."""
        return cast("connector.FilesModule", self._module("files"))

    def has(self, capability: str) -> bool:
        """Tell whether the connector declares a capability, such as `pull`."""
        return capability in self.modules

    def _module(self, name: str) -> ModuleType:
        module = self.modules.get(name)
        if module is None:
            raise config_error(
                self.folder / "manifest.toml",
                name,
                f"a connector that declares {name} (with {_REASONS[name]})",
                f"{self.id}, which declares {', '.join(sorted(self.modules)) or 'nothing'}",
                fix=f"use another connector for this, or teach {self.id} to do it",
            )
        return module


def find_connectors(
    root: Path | None = None, package: str = "trueup.connectors"
) -> Mapping[str, ConnectorFolder]:
    """Load every connector, by id in alphabetical order.

    Args:
        root: the folder that holds the connectors' folders; by default the product's own, which a
            process reads once.
        package: the package that `root` is imported as.

    Raises:
        ConfigError: `config.invalid`: a manifest, a file set or a module is wrong.
    """
    return _own_connectors() if root is None else _load_all(root, package)


@cache
def _own_connectors() -> Mapping[str, ConnectorFolder]:
    return _load_all(Path(connectors.__file__).parent, connectors.__name__)


def _load_all(root: Path, package: str) -> Mapping[str, ConnectorFolder]:
    folders = sorted(path.parent for path in root.glob("*/manifest.toml"))
    return MappingProxyType({each.name: load_connector(each, package) for each in folders})


def load_connector(folder: Path, package: str = "trueup.connectors") -> ConnectorFolder:
    """Load one connector from its folder.

    Raises:
        ConfigError: `config.invalid`: its manifest, file set or a module is wrong.
    """
    manifest = load_manifest(folder / "manifest.toml")
    declared = declared_modules(manifest)
    _check_file_set(folder, declared)
    modules = {
        name: _load_module(folder, package, name, _wanted_functions(name, manifest))
        for name in sorted(declared)
    }
    return ConnectorFolder(
        manifest=manifest,
        folder=folder,
        modules=MappingProxyType(modules),
        forms=_load_forms(folder, package, manifest),
    )


def declared_modules(manifest: Manifest) -> frozenset[str]:
    """Name the modules that a manifest's capabilities call for."""
    managed = manifest.webhook is not None and manifest.webhook.managed
    declared = {
        "webhook": manifest.webhook is not None,
        "mapping": bool(manifest.webhook or manifest.pull or manifest.files),
        "api": bool(manifest.pull or manifest.actions or managed),
        "auth": bool(OAUTH_SCHEMES.intersection(manifest.auth.schemes)),
        "pull": bool(manifest.pull),
        "hooks": managed,
        "actions": any(action.form == "level" for action in manifest.actions),
        "commands": any(action.form == "command" for action in manifest.actions),
        "files": bool(manifest.files),
    }
    return frozenset(name for name, wanted in declared.items() if wanted)


def _check_file_set(folder: Path, declared: frozenset[str]) -> None:
    for name, reason in _REASONS.items():
        # A vendor that needs more splits a file into a package of the same name.
        present = (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
        if name in declared and not present:
            raise config_error(
                folder / f"{name}.py",
                "",
                f"a file, because the manifest has {reason}",
                "none",
                fix=f"write {name}.py, or take the declaration out of the manifest",
            )
        if present and name not in declared:
            raise config_error(
                folder / f"{name}.py",
                "",
                f"no such file, because the manifest lacks {reason}",
                "one",
                fix=f"declare the capability in the manifest, or remove {name}.py",
            )


def _load_forms(folder: Path, package: str, manifest: Manifest) -> Forms | None:
    """Return `FORMS` of `bodies.py`, which a connector may have and need not declare.

    The topics of the manifest's webhook are known besides.
    """
    file = folder / "bodies.py"
    if not file.is_file():
        return None
    forms = getattr(_load_module(folder, package, "bodies", frozenset()), "FORMS", None)
    if not isinstance(forms, Forms):
        raise config_error(file, "FORMS", "the forms of contract.envelope", "none")
    told = manifest.webhook.topics if manifest.webhook else ()
    topics = forms.topics.union(each.topic for each in told)
    return msgspec.structs.replace(forms, topics=topics)


def _load_module(folder: Path, package: str, name: str, wanted: frozenset[str]) -> ModuleType:
    file = folder / f"{name}.py"
    try:
        module = importlib.import_module(f"{package}.{folder.name}.{name}")
    except ConfigError:
        raise
    except Exception as fault:
        found = f"{type(fault).__name__}: {fault}"
        raise config_error(file, "", "a module that can be imported", found) from fault
    missing = sorted(fun for fun in wanted if not callable(getattr(module, fun, None)))
    if missing:
        protocol = _PROTOCOLS[name].__name__
        raise config_error(
            file,
            ", ".join(missing),
            f"the functions of contract.connector.{protocol}",
            f"a module without {', '.join(missing)}",
            fix=f"write {', '.join(missing)}",
        )
    return module


def _wanted_functions(name: str, manifest: Manifest) -> frozenset[str]:
    """Name the functions a module must have, without those that nothing in the manifest needs."""
    functions = {
        function
        for function, value in vars(_PROTOCOLS[name]).items()
        if inspect.isfunction(value) and not function.startswith("_")
    }
    return frozenset(functions - _unneeded_functions(name, manifest))


def _unneeded_functions(name: str, manifest: Manifest) -> set[str]:
    commands = [action for action in manifest.actions if action.form == "command"]
    levels = [action for action in manifest.actions if action.form == "level"]
    webhook, pull = manifest.webhook, vars(connector.PullModule)
    needed = {
        ("answer_challenge",): webhook is not None and webhook.challenge != "none",
        tuple(name for name in pull if name.startswith("bulk_")): any(
            resource.bulk for resource in manifest.pull
        ),
        ("page_request", "page", "count_request", "count"): any(
            resource.is_listed for resource in manifest.pull
        ),
        ("batches",): any(resource.by_ref for resource in manifest.pull),
        ("begin",): any(resource.begin_setting for resource in manifest.pull),
        ("authorise_url", "callback_code"): "oauth2" in manifest.auth.schemes,
        ("read_table",): any(form.columns for form in manifest.files),
        ("next_request",): any(
            action.steps for action in (commands if name == "commands" else levels)
        ),
        ("batch_progress",): any(action.batch_confirm == "ask" for action in manifest.actions),
        ("find_request", "found"): any(
            action.idempotency == "lookup" or action.looked_for for action in commands
        ),
        ("confirm_request", "confirmed"): any(action.confirm == "ask" for action in commands),
    }
    return {each for names, is_needed in needed.items() if not is_needed for each in names}
