"""Commands that run something or set it up."""
