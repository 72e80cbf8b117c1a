"""Protection of borrowers: acts of the authorities, orders, outcomes."""
