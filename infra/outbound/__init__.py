"""The effects: mail, orders to other systems, the engine's own events. Each may be asked again with the same key."""
