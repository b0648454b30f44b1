#!/usr/bin/env python3
"""dgedit from a bare clone: the commands that need nothing installed, for pre-commit's `language: script`.

pre-commit runs this file out of its copy of the repository, so no dependency is ever downloaded. It must stay
readable for any Python 3, and must import nothing of dgedit before it knows that this one is new enough.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - nothing has checked the version of this interpreter before
        sys.exit("dgedit: needs Python 3.11 or newer as python3, this is " + sys.version.split()[0])
    # In place of this folder, whose modules would hide others of the same name.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    runpy.run_module("dgedit", run_name="__main__", alter_sys=True)
