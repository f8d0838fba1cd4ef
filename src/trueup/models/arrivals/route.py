"""A route: what parcels have in common that take about as long. Pure."""

import msgspec


class Route(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A carrier, its service, and where parcels go and come from; an empty part stands for all.

    What rules go by has no region, because the destination of a parcel is sealed; what is learned
    has no origin, and its names are as `carrier_name` writes them, because several connections
    tell of one carrier.

    Attributes:
        carrier: its name.
        region: where parcels go: a country, or a country and a part of it; never an address.
        origin: where parcels are scanned first.
        connection_id: that tells of it; 0: any.
    """

    carrier: str = ""
    service: str = ""
    region: str = ""
    origin: str = ""
    connection_id: int = 0

    @property
    def ref(self) -> str:
        """Its name among routes."""
        parts = ("route", str(self.connection_id), self.carrier, self.service, self.origin)
        return "/".join((*parts, self.region) if self.region else parts)

    @property
    def says(self) -> str:
        """Its name for people."""
        by = " ".join(each for each in (self.carrier, self.service) if each) or "the carrier"
        begins = f" from {self.origin}" if self.origin else ""
        return f"{by}{begins} to {self.region}" if self.region else f"{by}{begins}"

    @property
    def whole(self) -> "Route":
        """The carrier as a whole."""
        return Route(carrier=self.carrier, connection_id=self.connection_id)
