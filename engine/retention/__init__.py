"""How long records are kept, legal holds, erasure."""
