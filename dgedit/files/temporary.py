"""Names of the temporary files that saves write, and what ended processes left of them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
import zlib
from pathlib import Path

from .process import Process, this_process

FOREIGN_LEFTOVER_S = 24 * 3600
"""How old another machine's temporary file must be to count as left over."""
NAME_KEPT = 40
"""Characters of a file's name in the name of its temporary file, which may not be longer than 255 bytes."""
LEFTOVER = re.compile(r"\.dgedit-(?P<pid>\d+)-(?P<start>\d+)-(?P<host>[0-9a-f]{8})-[0-9a-f]{8}\.tmp$")


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Take away temporary files that ended processes left in a folder: those of one file, or all."""
    prefix = f".{name[:NAME_KEPT]}." if name else "."
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            # The name is looked at first: a folder may hold very many.
            if entry.name.startswith(prefix) and _is_left_over(entry):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    found = LEFTOVER.search(entry.name)
    if found is None:
        return False
    here = this_process()
    if int(found["host"], 16) != _host_number(here):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > FOREIGN_LEFTOVER_S
    return not Process(int(found["pid"]), int(found["start"]), here.host).is_running


def name_beside(name: str) -> str:
    """A name that says which process writes, so that a later save can tell what was left over."""
    here = this_process()
    owner = f"{here.pid}-{here.start_ticks}-{_host_number(here):08x}"
    return f".{name[:NAME_KEPT]}.dgedit-{owner}-{secrets.token_hex(4)}.tmp"


def _host_number(process: Process) -> int:
    return zlib.crc32(process.host.encode("utf-8", "surrogateescape"))
