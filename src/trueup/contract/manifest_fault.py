"""How a fault in a connector's folder is told: where, what was expected, found, and what to do."""

from pathlib import Path

from trueup.errors import ConfigError


def config_error(
    file: Path, field: str, expected: str, found: str, *, fix: str = ""
) -> ConfigError:
    """Make the error for one fault of a connector's folder.

    Args:
        file: the file or folder the fault is in.
        field: dotted place inside it, such as `webhook.topics[1].kind`; empty: the whole file.
        expected: what should be there.
        found: what is there; never a secret.
        fix: what to do; by default, to make it as expected.
    """
    where = f"{field} in {file}" if field else str(file)
    return ConfigError(
        f"{where}: expected {expected}, found {found}",
        file=str(file),
        field=field,
        expected=expected,
        found=found,
        fix=fix or f"make it {expected}",
    )
