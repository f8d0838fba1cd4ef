"""The hub's standing knowledge: its vault, its connectors, its connections."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from decimal import Decimal

import msgspec

from trueup.config import ModelsConfig
from trueup.contract.loader import ConnectorFolder
from trueup.contract.reader_line import reader_line
from trueup.govern.vault import Vault
from trueup.intake.model import Connection
from trueup.kernel.limits import LEAD_DAYS
from trueup.ledger.brake import Limits
from trueup.ledger.kits import NO_KITS, Kits
from trueup.ledger.masters import Basis, Master, Masters
from trueup.ledger.money import SELLERS, Teller
from trueup.ledger.rules import SiteOf
from trueup.ledger.sites import mapped_sites, selling_sites, sites_of
from trueup.records.people import Keys

OWN_CONNECTOR = "manual"
"""The connector of our own events."""

OWN_TOPICS = frozenset(("stock/release", "stock/inspection", "stock/pack"))
"""What the hub itself says of a vendor's thing; the log has it under the vendor's connection."""

_TELLERS = {
    "storefront": Teller.SELLER,
    "marketplace": Teller.MARKETPLACE,
    "payments": Teller.PAYMENTS,
}

NO_CONNECTION = -1


class NamedMaster(msgspec.Struct, frozen=True, kw_only=True):
    """Whose word counts for some SKUs at a site, as the configuration names it."""

    site: str
    connection: str
    skus: tuple[str, ...] = ("*",)
    basis: Basis = Basis.ON_HAND


class Leeway(msgspec.Struct, frozen=True, kw_only=True):
    """What checks let pass.

    Attributes:
        tolerances: per check and currency, up to which difference two sums agree; none else.
        ship_within: how long a paid order may wait to be sent.
        carry_within: how long an order may take from its shop into another system.
    """

    tolerances: Mapping[tuple[str, str], Decimal] = {}
    ship_within: timedelta = timedelta(days=5)
    carry_within: timedelta = timedelta(days=2)


class Hub:
    """What every stage needs and nothing changes within a batch.

    Args:
        vault: opens and seals.
        connectors: by id.
        connections: by number; replaced when connections change.
        owners: field group -> name of the connection that owns it.
        keys: which names join people.
        limits: of counts that are held for a person.
        masters: who owns what lies where, by the names of connections.

    Attributes:
        leeway: what checks let pass.
        rule_tables: of the configuration, what each rule of decisions is set to.
        models: of the configuration, whether and when models are trained.
        contact_table, text_tables: of the configuration, how customers are written to.
        lead_days: how long more of a SKU takes to come, where no supplier says.
        books_matches: proven matches of payouts and lines of the bank are booked every night.
        sell_sites: from which sites a channel sells, for those that do not sell from all.
        kits: as far as this process has read them; each batch looks whether there are newer ones.
    """

    def __init__(
        self,
        vault: Vault,
        connectors: Mapping[str, ConnectorFolder],
        connections: Iterable[Connection] = (),
        *,
        owners: Mapping[str, str] | None = None,
        keys: Keys | None = None,
        limits: Limits | None = None,
        masters: Sequence[NamedMaster] = (),
    ) -> None:
        self.lead_days = LEAD_DAYS
        self.books_matches = False
        self.leeway = Leeway()
        self.rule_tables: Mapping[str, object] = {}
        self.models = ModelsConfig()
        self.contact_table: Mapping[str, object] = {}
        self.text_tables: Mapping[str, object] = {}
        self._named_masters = tuple(masters)
        self.masters = Masters()
        self.limits = limits or Limits()
        self.keys = keys or Keys()
        self.kits: Kits = NO_KITS
        self.vault = vault
        self.connectors = connectors
        self.connections: dict[int, Connection] = {}
        self._sites: dict[int, SiteOf] = {}
        self.sell_sites: dict[int, frozenset[str]] = {}
        self._owner_names = dict(owners or {})
        self.use_connections(connections)

    def aside(self) -> "Hub":
        """Return a hub that knows the same, and whose learning stays its own."""
        return copy(self)

    def use_connections(self, connections: Iterable[Connection]) -> None:
        """Replace what is known of connections."""
        self.connections = {c.connection_id: c for c in connections}
        self._sites = {c.connection_id: sites_of(c.settings) for c in self.connections.values()}
        told = {c.connection_id: selling_sites(c.settings) for c in self.connections.values()}
        self.sell_sites = {number: sites for number, sites in told.items() if sites is not None}
        numbers = {c.name: c.connection_id for c in self.connections.values()}
        # Of a master that does not exist nothing is taken, and nobody else takes its place.
        self.masters = Masters(
            Master(
                site=each.site,
                connection_id=numbers.get(each.connection, NO_CONNECTION),
                skus=each.skus,
                basis=each.basis,
            )
            for each in self._named_masters
        )

    def learn_kits(self, kits: Kits) -> None:
        """Take kits as they were just read; another session may have read newer ones meanwhile."""
        if kits.edition > self.kits.edition:
            self.kits = kits

    def names(self) -> dict[int, str]:
        """Return the connections' names by number."""
        return {number: connection.name for number, connection in self.connections.items()}

    def number_of(self, name: str | None) -> int | None:
        """Return the number of the connection of a name; None where there is none."""
        return next((number for number, each in self.names().items() if each == name), None)

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

    def teller_of(self, connection_id: int) -> Teller:
        """Return what a connection's word about money is worth, as its connector says."""
        folder = self.folder_of(connection_id)
        if folder is None:
            return Teller.COPY
        teller = _TELLERS.get(folder.manifest.kind, Teller.COPY)
        in_orders = folder.manifest.conventions.payments == "in_orders"
        return Teller.PAID_ORDERS if teller is Teller.SELLER and in_orders else teller

    def sellers(self) -> list[int]:
        """Return the connections that sell themselves: shops and marketplaces."""
        return [number for number in self.connections if self.teller_of(number) in SELLERS]

    def reader_of(self, connection_id: int, topic: str) -> ConnectorFolder | None:
        """Return the connector that reads an event; None where its connection is gone."""
        folder = self.folder_of(connection_id)
        own = folder is not None and topic in OWN_TOPICS
        return self.connectors.get(OWN_CONNECTOR) if own else folder

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

    def mapped_sites(self, connection_id: int) -> dict[str, str]:
        """Return the site of each location that a connection's settings name."""
        return mapped_sites(self.settings_of(connection_id))

    def site_of_line(self, connection_id: int, location_ref: str | None) -> str:
        """Return the site to which a line of a purchase order goes; our own name sites."""
        connection = self.connections.get(connection_id)
        if location_ref and connection is not None and connection.connector == OWN_CONNECTOR:
            return location_ref
        return self.site_of(connection_id)(location_ref)

    def stock_location(self, connection_id: int, sku: str = "") -> str | None:
        """Return the location at which the hub writes a connection's stock, or one SKU's.

        None: it writes none there. "": the vendor knows no locations. Where a connection is itself
        the master of the SKU it is not written to: our own number would come back as its word.
        """
        connection, folder = self.connections.get(connection_id), self.folder_of(connection_id)
        action = None if folder is None else folder.manifest.action("stock.set")
        if connection is None or action is None:
            return None
        location = connection.settings.get("stock_location", "") if action.per_location else ""
        if action.per_location and not location:
            return None
        master = self.masters.owner(sku, self.site_of(connection_id)(location or None))
        return None if master is not None and master.connection_id == connection_id else location
