"""Personal data under keys: one for each person, so that forgetting a person is destroying a key."""
