"""Which account of the accounting system a money account is. Pure."""

from collections.abc import Collection, Iterable
from typing import Final

from trueup.config import MappedAccount
from trueup.errors import ConfigError
from trueup.journals.model import Needs
from trueup.ledger.money import MoneyAccount

_FIELD: Final = "journals.account"
_NAMED_MAX: Final = 5


class Accounts:
    """The saved mapping; the closest entry counts.

    Args:
        entries: of the configuration.
        connections: names of those that there are.

    Raises:
        ConfigError: an entry names what does not exist, names nothing, or is there twice.
    """

    def __init__(self, entries: Iterable[MappedAccount], connections: Collection[str]) -> None:
        self._entries: dict[tuple[str, str | None, str | None], MappedAccount] = {}
        for entry in entries:
            _check(entry, connections)
            key = (entry.account, entry.connection, entry.currency)
            if key in self._entries:
                raise ConfigError(
                    f"[[journals.account]] has {_said(*key)} twice: take one out.", field=_FIELD
                )
            self._entries[key] = entry

    def find(
        self, account: str, connection: str, currency: str, needs: Needs
    ) -> MappedAccount | None:
        """Return the entry for a money account at a connection; None where there is none.

        Args:
            account: of the money ledger.
            connection: the name of the one at which it is held.
            currency: of the amount.
            needs: what the entry must tell; one that does not is none.
        """
        for key in (
            (account, connection, currency),
            (account, connection, None),
            (account, None, currency),
            (account, None, None),
        ):
            entry = self._entries.get(key)
            if entry is not None:
                told = needs == "either" or getattr(entry, needs)
                return entry if told else None
        return None


def unmapped(missing: Collection[tuple[str, str, str]], needs: Needs) -> ConfigError:
    """Return the error that names accounts that have money and no place in the books.

    Args:
        missing: (account, connection, currency) of each.
        needs: what an entry would have to tell.
    """
    told = sorted(missing)
    account, connection, _ = told[0]
    wanted = "account_ref" if needs == "either" else needs
    more = f", and {len(told) - _NAMED_MAX} more" if len(told) > _NAMED_MAX else ""
    named = "; ".join(_said(*each) for each in told[:_NAMED_MAX])
    return ConfigError(
        f"These accounts have money and no {wanted.replace('_', ' ')} in the books: {named}{more}. "
        f'Add to trueup.toml: [[journals.account]] account = "{account}", '
        f'connection = "{connection}", {wanted} = "..."; without a connection it holds for all.',
        field=_FIELD,
        expected=f"an entry with {wanted} for each account that has money",
    )


def _check(entry: MappedAccount, connections: Collection[str]) -> None:
    known = sorted(MoneyAccount)
    if entry.account not in known:
        raise ConfigError(
            f"[[journals.account]] names the account {entry.account!r}, which the money ledger "
            f"does not have; it has: {', '.join(known)}.",
            field=_FIELD,
        )
    if entry.connection is not None and entry.connection not in connections:
        raise ConfigError(
            f"[[journals.account]] {entry.account} names the connection {entry.connection!r}; "
            f"there are: {', '.join(sorted(connections)) or 'none'}.",
            field=_FIELD,
        )
    if not entry.account_ref and not entry.name:
        raise ConfigError(
            f"[[journals.account]] {_said(entry.account, entry.connection, entry.currency)} says "
            "neither account_ref (the account's id in the books) nor name: give one of them.",
            field=_FIELD,
        )


def _said(account: str, connection: str | None, currency: str | None) -> str:
    at = f" at {connection}" if connection is not None else ""
    of = f" in {currency}" if currency is not None else ""
    return f"{account}{at}{of}"
