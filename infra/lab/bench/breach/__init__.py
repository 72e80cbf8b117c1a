"""``qorgau bench breach``: many clients at once, in the processes that a lender runs."""
