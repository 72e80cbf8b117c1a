"""Commands about the ledger, keys, retention, the search index and the witness."""
