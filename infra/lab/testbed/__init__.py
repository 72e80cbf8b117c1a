"""Real servers for tests and benches: private, on loopback, in a directory of their own, without containers."""
