"""Commands about rules and lists."""
