"""The warm process: one loaded model for every dgedit of a person on this machine, and its client."""
