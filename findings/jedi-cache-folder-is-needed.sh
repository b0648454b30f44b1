#!/usr/bin/env bash
# jedi keeps parsed files of the standard library in a cache folder, and does not work without one: where the folder
# cannot be made (a home in a container that nobody may write to) `complete` and `infer` raise an error of the file system
# for code that imports a module of the library. A cache is expected to be left out when it cannot be kept.
#
# Seen with jedi 0.20.1, parso 0.8.7: NotADirectoryError from both calls with a folder below a file; ['Counter'] with a
# usable folder. Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jedi==0.20.1 parso==0.8.7
touch "$folder/file"
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import jedi
import parso

print("jedi", jedi.__version__, "parso", parso.__version__)
folder = Path(sys.argv[1])
CODE = "import collections\ncollections.Cou"
CALLS = {
    "complete": lambda script: [each.name for each in script.complete(2, 15)],
    "infer": lambda script: [each.name for each in script.infer(2, 3)],
}


def outcome(cache, call):
    jedi.settings.cache_directory = str(cache)
    try:
        return CALLS[call](jedi.Script(CODE))
    except OSError as error:
        return type(error).__name__


# Nothing is kept in memory yet: the folder that cannot be made comes first.
found = [outcome(folder / "file" / "cache", call) for call in ("complete", "infer")]
usable = outcome(folder / "cache", "complete")
print("a folder below a file:", found)
print("a usable folder:", usable)
sys.exit(not (all(each == "NotADirectoryError" for each in found) and usable == ["Counter"]))
PYTHON
