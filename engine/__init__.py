"""The core: what happened, what is owed and by when. Pure: no I/O, no wall clock, no random ids."""
