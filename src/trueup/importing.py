"""Files that somebody imports: read whole or not at all, looked at first, then handed to intake."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from trueup.canon.bank import BankStatement
from trueup.canon.issue import Issue
from trueup.canon.payout import BalanceEntry, EntryKind, Payout
from trueup.canon.record import Record
from trueup.contract.connector import Piece, Source
from trueup.contract.fault import file_fault
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import FileFormat
from trueup.contract.recognition import identify_piece
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.intake.connections import change_connection, create_connection, load_accounts
from trueup.intake.model import Connection
from trueup.intake.reads import find_taken
from trueup.kernel.clock import Clock
from trueup.kernel.limits import BODY_BYTES_MAX
from trueup.kernel.money import Money


class Sum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file says that a part of it comes to, and what its lines come to.

    Attributes:
        of: the record that says so, "bank_statement/…" or "payout/…"; `name` is for people.
        opening, closing: the balances, where it has them; of a payout its amount is `closing`.
        lines: how many, and `found` what they come to.
    """

    of: str
    name: str
    lines: int
    found: Money
    opening: Money | None = None
    closing: Money | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether both say the same; None where the file says too little."""
        if self.closing is None or self.closing.currency != self.found.currency:
            return None
        opening = self.opening.amount if self.opening is not None else Decimal(0)
        is_payout = self.of.startswith(f"{Payout.kind}/")
        if (self.opening is None and not is_payout) or (is_payout and not self.lines):
            return None
        return opening + self.found.amount == self.closing.amount


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What an import would take.

    Attributes:
        fresh: pieces that the log does not have; `known`: those that it has.
        kinds: canonical records by kind.
    """

    fresh: int
    known: int
    kinds: dict[str, int]
    sums: tuple[Sum, ...]
    issues: tuple[Issue, ...]


def format_of(
    connectors: Iterable[ConnectorFolder], name: str
) -> tuple[ConnectorFolder, FileFormat]:
    """Return the connector that reads a format, and what it says of it.

    Raises:
        ConfigError: nobody does; the message lists the formats.
    """
    known = {form.format: (each, form) for each in connectors for form in each.manifest.files}
    if name not in known:
        raise ConfigError(f"There is no format {name!r}; there are: {', '.join(sorted(known))}.")
    return known[name]


def read_pieces(
    folder: ConnectorFolder, form: FileFormat, content: bytes, settings: Mapping[str, str]
) -> Sequence[Piece]:
    """Return one piece per record of a file.

    Args:
        folder: the connector that reads it.
        form: the format.
        content: of the file.
        settings: of the connection; they hold what the columns of a table mean.

    Raises:
        ConfigError: the file is not of this format: line, column, expected, found.
    """
    if form.columns:
        columns = settings.get(form.columns, "")
        pieces = folder.files.read_table(form.format, content, columns)
    else:
        pieces = folder.files.read_file(form.format, content)
    largest = max((len(piece.body) for piece in pieces), default=0)
    if largest > BODY_BYTES_MAX:
        # The door would refuse that one alone, and take the rest of the file.
        expected = f"at most {BODY_BYTES_MAX} bytes in one record"
        raise file_fault(0, "", expected, f"{largest}")
    return pieces


def check_connector(hub: Hub, connector: str) -> None:
    """Check that a connector exists.

    Raises:
        ConfigError: it does not; the message lists those that do.
    """
    if connector not in hub.connectors:
        known = ", ".join(hub.connectors)
        raise ConfigError(f"There is no connector {connector!r}; there are: {known}.")


async def find_connection(
    conn: psycopg.AsyncConnection[Any], hub: Hub, connector: str, name: str | None
) -> Connection | None:
    """Return the connection meant by its name, or the only one of a connector; None: there is none.

    Raises:
        ConfigError: the connector does not exist, the name is of another one, or there are several
            to choose from.
    """
    check_connector(hub, connector)
    accounts = await load_accounts(conn, hub.vault)
    named = {account.connection.name: account.connection for account in accounts}
    own_name = connector.replace("_", "-")
    if name is None and own_name not in named:
        fitting = [each for each in named.values() if each.connector == connector]
        if len(fitting) > 1:
            names = ", ".join(each.name for each in fitting)
            raise ConfigError(f"Several connections are of {connector}: say --connection {names}.")
        return fitting[0] if fitting else None
    found = named.get(name or own_name)
    if found is not None and found.connector != connector:
        raise ConfigError(f"{found.name!r} is a connection of {found.connector}.")
    return found


async def choose_connection(
    conn: psycopg.AsyncConnection[Any], hub: Hub, connector: str, name: str | None
) -> Connection:
    """Return the connection meant, as `find_connection` does; where there is none, make it.

    A connection made here has neither settings nor secrets: it can be fed with files, and nothing
    is called or accepted for it.

    Raises:
        ConfigError: as `find_connection`.
    """
    found = await find_connection(conn, hub, connector, name)
    if found is not None:
        return found
    wanted = name or connector.replace("_", "-")
    try:
        await create_connection(
            conn, hub.vault, name=wanted, connector=connector, settings={}, secrets={}
        )
    except ConfigError:
        # Another process may have made it in this moment.
        if await find_connection(conn, hub, connector, name) is None:
            raise
    accounts = await load_accounts(conn, hub.vault)
    hub.use_connections(account.connection for account in accounts)
    return next(a.connection for a in accounts if a.connection.name == wanted)


async def keep_columns(
    conn: psycopg.AsyncConnection[Any], connection: Connection, form: FileFormat, columns: str
) -> Connection:
    """Keep what the columns of a table mean among the connection's settings.

    Raises:
        ConfigError: the format's columns are its own.
    """
    if not form.columns:
        raise ConfigError(f"The columns of {form.format} are its own; leave --columns out.")
    settings = {**connection.settings, form.columns: columns}
    await change_connection(conn, connection, settings=settings)
    return msgspec.structs.replace(connection, settings=settings)


async def look_at(
    conn: psycopg.AsyncConnection[Any],
    folder: ConnectorFolder,
    connection: Connection | None,
    pieces: Sequence[Piece],
    clock: Clock,
) -> Looked:
    """Return what an import would take; nothing is written.

    Args:
        conn: looks into the log.
        folder: whose pieces they are.
        connection: None where it would be made.
        pieces: of all files.
        clock: says when they would come in.
    """
    now = clock.now()
    names = list(dict.fromkeys(identify_piece(folder, p, now).external_id for p in pieces))
    taken = await find_taken(conn, connection.connection_id, names) if connection else set()
    settings = connection.settings if connection else {}
    records: dict[tuple[str, str], Record] = {}
    issues: list[Issue] = []
    for piece in pieces:
        source = Source(topic=piece.topic, body=piece.body, received_at=now, settings=settings)
        mapped = folder.mapping.map_source(source)
        records.update(((record.kind, record.ref), record) for record in mapped.records)
        issues += mapped.issues
    kinds: dict[str, int] = {}
    for kind, _ in records:
        kinds[kind] = kinds.get(kind, 0) + 1
    return Looked(
        fresh=len(names) - len(taken),
        known=len(taken),
        kinds=kinds,
        sums=tuple(sums_of(records.values())),
        issues=tuple(issues),
    )


def sums_of(records: Iterable[Record]) -> list[Sum]:
    """Return the totals that statements and payouts tell, each beside what its lines come to."""
    told = list(records)
    entries: dict[str, list[BalanceEntry]] = {}
    for record in told:
        if isinstance(record, BalanceEntry) and record.entry is not EntryKind.PAYOUT:
            entries.setdefault(record.payout_ref or "", []).append(record)
    sums = [_of_statement(record) for record in told if isinstance(record, BankStatement)]
    sums += [
        _of_payout(record, entries.get(record.ref, []))
        for record in told
        if isinstance(record, Payout)
    ]
    return sums


def _of_statement(statement: BankStatement) -> Sum:
    return Sum(
        of=statement.entity(),
        name=f"{statement.account_shown} {statement.number or ''}".strip(),
        lines=statement.line_count,
        found=statement.line_sum,
        opening=statement.opening.amount if statement.opening else None,
        closing=statement.closing.amount if statement.closing else None,
    )


def _of_payout(payout: Payout, entries: Sequence[BalanceEntry]) -> Sum:
    currency = payout.amount.currency
    nets = (entry.net.amount for entry in entries if entry.net.currency == currency)
    return Sum(
        of=payout.entity(),
        name=payout.ref,
        lines=len(entries),
        found=Money(sum(nets, Decimal(0)), currency),
        closing=payout.amount,
    )
