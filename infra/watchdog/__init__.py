"""The watchdog: a program of its own that counts the law's terms with its own code and cries when the engine does not.

It shares no code with the engine's clocks, calendar or read models: it reads the facts of the log as JSON, reads the
calendar from ``holidays`` and the override file itself, and has its own arithmetic. Where the two disagree, it says so.
"""
