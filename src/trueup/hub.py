"""The hub's standing knowledge: its vault, its connectors, its connections."""

from collections.abc import Iterable, Mapping

from trueup.contract.loader import ConnectorFolder
from trueup.contract.reader_line import reader_line
from trueup.govern.vault import Vault
from trueup.intake.model import Connection
from trueup.ledger.rules import SiteOf
from trueup.ledger.sites import sites_of
from trueup.records.people import Keys


class Hub:
    """What every stage needs and nothing changes within a batch.

    Args:
        vault: opens and seals.
        connectors: by id.
        connections: by number; replaced when connections change.
        owners: field group -> name of the connection that owns it.
        keys: which names join people.
    """

    def __init__(
        self,
        vault: Vault,
        connectors: Mapping[str, ConnectorFolder],
        connections: Iterable[Connection] = (),
        *,
        owners: Mapping[str, str] | None = None,
        keys: Keys | None = None,
    ) -> None:
        self.keys = keys or Keys()
        self.vault = vault
        self.connectors = connectors
        self.connections: dict[int, Connection] = {}
        self._sites: dict[int, SiteOf] = {}
        self._owner_names = dict(owners or {})
        self.use_connections(connections)

    def use_connections(self, connections: Iterable[Connection]) -> None:
        """Replace what is known of connections."""
        self.connections = {c.connection_id: c for c in connections}
        self._sites = {c.connection_id: sites_of(c.settings) for c in self.connections.values()}

    def names(self) -> dict[int, str]:
        """Return the connections' names by number."""
        return {number: connection.name for number, connection in self.connections.items()}

    def owners(self) -> dict[str, int]:
        """Return the number of the connection that owns each field group that names one."""
        numbers = {connection.name: number for number, connection in self.connections.items()}
        return {
            group: numbers[name] for group, name in self._owner_names.items() if name in numbers
        }

    def folder_of(self, connection_id: int) -> ConnectorFolder | None:
        """Return the connector of a connection; None where the connection is gone."""
        connection = self.connections.get(connection_id)
        return None if connection is None else self.connectors.get(connection.connector)

    def personal_paths(self, connection_id: int) -> tuple[str, ...]:
        """Return where personal data stands in a connection's bodies, as its manifest says."""
        folder = self.folder_of(connection_id)
        return () if folder is None else folder.manifest.personal

    def settings_of(self, connection_id: int) -> Mapping[str, str]:
        """Return a connection's settings, without secrets; none where it is gone."""
        connection = self.connections.get(connection_id)
        return {} if connection is None else connection.settings

    def reader_line(self, connection_id: int, path: str) -> str | None:
        """Return the line of a connection's connector that reads a field of its bodies."""
        folder = self.folder_of(connection_id)
        return None if folder is None else reader_line(folder.folder, path)

    def site_of(self, connection_id: int) -> SiteOf:
        """Return how a connection's locations map to sites."""
        return self._sites.get(connection_id) or sites_of({})

    def stock_location(self, connection_id: int) -> str | None:
        """Return the location at which the hub writes a connection's stock.

        None: it writes none there. "": the vendor knows no locations.
        """
        connection, folder = self.connections.get(connection_id), self.folder_of(connection_id)
        action = None if folder is None else folder.manifest.action("stock.set")
        if connection is None or action is None:
            return None
        if not action.per_location:
            return ""
        return connection.settings.get("stock_location") or None
