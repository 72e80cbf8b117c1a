"""What every subject of the core stands on: facts, persons, ids, errors, instants, ports."""
