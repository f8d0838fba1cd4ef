"""Every model, by its name; whoever adds one adds a folder, and nothing else knows of it."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import requires
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import trueup.models
from trueup.errors import ConfigError, invariant
from trueup.models.measured import Measured
from trueup.models.model import Model

Bench = Callable[[Path | None], Iterator[Measured]]


class Absent(NamedTuple):
    """A model whose library is not installed, and how it is."""

    name: str
    why: str


@cache
def find_models() -> Mapping[str, Model | Absent]:
    """Return every model by its name; those whose library is missing say which."""
    found: dict[str, Model | Absent] = {}
    for folder, module in _modules("learn"):
        if isinstance(module, Absent):
            found[folder] = module
            continue
        model: Model = module.MODEL
        invariant(model.name == folder, "a model is called as its folder")
        found[model.name] = model
    return found


def find_model(name: str) -> Model:
    """Return one model.

    Raises:
        ConfigError: there is none of that name, or its library is not installed.
    """
    known = find_models()
    found = known.get(name)
    if found is None:
        raise ConfigError(f"There is no model {name!r}; there are: {', '.join(known) or 'none'}.")
    if isinstance(found, Absent):
        raise ConfigError(f"The model {name} {found.why}")
    return found


def find_benches() -> Mapping[str, Bench | Absent]:
    """Return what measures each model beside published figures, by its name."""
    return {
        folder: module if isinstance(module, Absent) else module.bench
        for folder, module in _modules("bench")
    }


_PACKAGES: Final = {"sklearn": "scikit-learn"}
"""Libraries that are not imported by their package's name."""


def extra_of(library: str) -> str | None:
    """Return the extra of the package that brings a library; None where none does."""
    library = _PACKAGES.get(library, library)
    for line in requires("trueup") or ():
        named = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", line)
        if named and named[1].lower().replace("-", "_") == library.lower().replace("-", "_"):
            return named[2]
    return None


def _modules(name: str) -> Iterator[tuple[str, ModuleType | Absent]]:
    """Give the file of one name in every model's folder that has one."""
    for folder in pkgutil.iter_modules(trueup.models.__path__):
        if not folder.ispkg:
            continue
        path = f"{trueup.models.__name__}.{folder.name}.{name}"
        try:
            yield folder.name, importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name == path:
                continue
            library = (error.name or "").partition(".")[0]
            invariant(library != "trueup", f"{path} imports what is not there")
            yield folder.name, Absent(folder.name, _how_to_install(library))


def _how_to_install(library: str) -> str:
    extra = extra_of(library)
    package = library if extra is None else f"trueup[{extra}]"
    return f"needs {library}, which is not installed: pip install '{package}'."
