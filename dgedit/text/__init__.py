"""Texts alone: languages, encodings, holes, edits, search, diffs. No file, model or screen."""
