"""Rules that decide which predictions of a pass are accepted."""
