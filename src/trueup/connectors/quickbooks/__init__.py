"""QuickBooks Online: sales, bills, purchase orders, items and journals of one company."""
