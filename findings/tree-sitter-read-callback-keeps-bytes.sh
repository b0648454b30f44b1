#!/usr/bin/env bash
# The Python binding of tree-sitter 0.26.1 never gives up its reference to the bytes that a read callback returns.
#
# A parse from a callback (the one way to stop a parse) so keeps every piece of the text that was read, for ever. Seen:
# each returned object has one reference more after the parse, the tree and the parser gone, than its list alone gives
# it; a parse of the same bytes without a callback leaves none. Remedy: return a bytearray and clear it afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "tree-sitter==0.26.1" "tree-sitter-python==0.25.0"
"$folder/venv/bin/python" - <<'PYTHON'
import gc
import sys
from importlib.metadata import version

import tree_sitter_python
from tree_sitter import Language, Parser

print("tree-sitter", version("tree-sitter"))
source = b"value = 1\n" * 4_000
pieces = []


def read(offset, point):
    piece = source[offset : offset + 4_096]
    if len(piece) > 1:  # shorter ones are shared by the interpreter
        pieces.append(piece)
    return piece


tree = Parser(Language(tree_sitter_python.language())).parse(read)
assert tree.root_node.child_count == 4_000
del tree
gc.collect()
# One for the list, one for the loop's variable, one for the argument.
extra = {sys.getrefcount(piece) - 3 for piece in pieces}
print(f"{len(pieces)} pieces of bytes; references that nobody holds, by piece: {sorted(extra)}")
sys.exit(extra != {1})
PYTHON
