"""Keys, encryption and the blind index of personal data."""
