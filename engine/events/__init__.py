"""Security events: the catalogue of types, the parser of what comes in, identifiers."""
