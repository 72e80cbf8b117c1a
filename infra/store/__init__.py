"""The embedded store: one SQLite file that holds the ledger, the decisions and everything derived from them."""
