#!/usr/bin/env bash
# tree-sitter's current grammars mark valid code as ERROR, so that `root_node.has_error` is no syntax check.
#
# Versions:  tree-sitter 0.26.1, tree-sitter-bash 0.25.1, tree-sitter-css 0.25.0, tree-sitter-typescript 0.23.2 (PyPI).
# Behaviour: a here-document followed by `;` and a redirection to {fd} (both pass `bash -n`), a nested CSS selector that
#            ends in `&` (CSS Nesting) and `export type *` (TypeScript 5.0) each give a tree with an error.
# Seen:      every line below ends in "error", while bash -n takes the shell texts.
# Exits with another code than 0 when one of them is read.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tree-sitter==0.26.1 tree-sitter-bash==0.25.1 tree-sitter-css==0.25.0 \
    tree-sitter-typescript==0.23.2
printf "cat <<'END'; echo done\nhello\nEND\n" | bash -n
printf 'exec {fd}<>log.txt\n' | bash -n
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import tree_sitter_bash
import tree_sitter_css
import tree_sitter_typescript
from tree_sitter import Language, Parser

VALID = [
    ("bash", tree_sitter_bash.language(), "cat <<'END'; echo done\nhello\nEND\n"),
    ("bash", tree_sitter_bash.language(), "exec {fd}<>log.txt\n"),
    ("css", tree_sitter_css.language(), ".card {\n  .title & { margin: 0; }\n}\n"),
    ("typescript", tree_sitter_typescript.language_typescript(), "export type * from './colours';\n"),
]
read = 0
for name, grammar, text in VALID:
    has_error = Parser(Language(grammar)).parse(text.encode()).root_node.has_error
    print(f"{name:11}{text.splitlines()[0]!r:40}", "error" if has_error else "read")
    read += not has_error
sys.exit(read)
PYTHON
