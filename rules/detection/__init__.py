"""Detection: loading rules, matching, contexts, correlations, the detector."""
