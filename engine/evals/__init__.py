"""Measures how often an infill is right, and how long it takes."""
