"""What rules about parcels go by: how routes do, and which parcels are on their way."""
