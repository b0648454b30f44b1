"""Measurements of this machine and of what dgedit mends; nothing here is a remembered figure."""
