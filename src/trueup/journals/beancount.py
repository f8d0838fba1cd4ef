"""Journals as the text of Beancount, a plain-text accounting system. Pure.

Source: https://beancount.github.io/docs/beancount_language_syntax.html
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from trueup.errors import ConfigError
from trueup.journals.build import name_of
from trueup.journals.model import Draft

_ROOTS: Final = ("Assets", "Liabilities", "Equity", "Income", "Expenses")


def write_beancount(
    drafts: Sequence[Draft], names: Mapping[int, str], *, opens: bool = True
) -> str:
    """Return journals as transactions, oldest first.

    Args:
        drafts: the journals; every line has the name of an account.
        names: of the connections, by number.
        opens: accounts are opened on the first day; else whoever includes the text opens them.

    Raises:
        ConfigError: a name is not one of Beancount's.
    """
    first_on: dict[str, date] = {}
    for draft in drafts:
        for line in draft.lines:
            _check_name(line.name, line.account)
            first_on[line.name] = min(draft.group.day, first_on.get(line.name, date.max))
    opened = [f"{day} open {name}" for name, day in sorted(first_on.items())] if opens else []
    told = [_transaction(draft, names) for draft in drafts]
    blocks = ["\n".join(opened), *told] if opened else told
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _transaction(draft: Draft, names: Mapping[int, str]) -> str:
    group = draft.group
    about = name_of(names, group.told_by) if group.told_by else "all connections"
    if group.order_ref:
        about = f"{about}, order {group.order_ref}"
    width = max(len(line.name) for line in draft.lines)
    lines = [f'{group.day} * "Trueup" {_text(about)}']
    for line in draft.lines:
        lines.append(f"  {line.name:<{width}}  {line.amount:f} {group.currency}")
        lines += _details(
            {
                "account": line.account,
                "connection": name_of(names, line.connection_id),
                "account-ref": line.account_ref or None,
                "tax-code": line.tax_code,
                "tax-on": line.tax_on,
            }
        )
    return "\n".join(lines)


def _details(told: Mapping[str, str | None]) -> Iterable[str]:
    return (f"    {key}: {_text(value)}" for key, value in told.items() if value is not None)


def _text(value: str) -> str:
    plain = " ".join(value.split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _check_name(name: str, account: str) -> None:
    root, *parts = name.split(":")
    if root in _ROOTS and parts and all(map(_is_part, parts)):
        return
    raise ConfigError(
        f"[[journals.account]] {account} has the name {name!r}, which is none of Beancount's: "
        f"expected one of {', '.join(_ROOTS)}, then parts with a colon before each, which begin "
        "with a capital letter or a digit and hold letters, digits and hyphens, such as "
        "Assets:Clearing:Stripe.",
        field="journals.account",
        expected="a name such as Assets:Clearing:Stripe",
    )


def _is_part(part: str) -> bool:
    begins = part[:1].isupper() or part[:1].isdecimal()
    return begins and all(each.isalnum() or each == "-" for each in part)
