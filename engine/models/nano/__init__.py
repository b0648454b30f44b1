"""nano: the published class at a small size, in plain torch."""
