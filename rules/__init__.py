"""Detection: Sigma rules and correlations compiled to a streaming detector; rule packs with their tests inside."""
