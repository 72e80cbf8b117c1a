"""Who looks, how far he sees, and what he was shown."""
