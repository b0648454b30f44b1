"""The commands beside the editor, a module each: `parser()` describes its command line, `run(options)` does it.

The modules are imported when their command is given, and import nothing heavy before they run.
"""
