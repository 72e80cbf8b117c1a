"""The life of rules and lists: drafts, tests, approvals, versions."""
