"""The clocks of the law: which duty starts when, how its term runs, what satisfies it."""
