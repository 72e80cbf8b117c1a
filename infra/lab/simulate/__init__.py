"""The simulator: a day in the life of a microfinance organisation, with labelled attacks, reproducible by seed."""
