"""The handlers of the commands: load, decide, record, in one unit of work."""
