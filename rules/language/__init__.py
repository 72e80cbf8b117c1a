"""The language of rules: Sigma read, checked and compiled to Python."""
