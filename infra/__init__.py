"""The outside: settings, composition root, stores, mail, scheduler, console and API, command line."""
