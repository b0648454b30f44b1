"""Many files at once: what `dgedit fill` and `dgedit fix` read, write and end with."""
