"""Settings of the product."""
