"""Years of a lender in virtual time."""
