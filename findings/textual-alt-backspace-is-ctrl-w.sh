#!/usr/bin/env bash
# Textual 8.2 takes Escape with another key, which is how most terminals send Alt with it, for a third key.
#
# Alt+Backspace arrives as ctrl+w, Alt+Tab as shift+tab, Alt+B as ctrl+left, Alt+1 as an inverted exclamation mark; of
# Alt+Enter and Alt+/ the Alt is lost. An app that closes something on Ctrl+W closes it where a word was to be deleted.
# The same keys are right where the terminal speaks the Kitty protocol (the last row).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "textual==8.2.0"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import time
from importlib.metadata import version

from textual import events
from textual._xterm_parser import XTermParser

print("textual", version("textual"))
SEEN = {
    "\x1b\x7f": ["ctrl+w"],
    "\x1b\t": ["shift+tab"],
    "\x1bb": ["ctrl+left"],
    "\x1b1": ["inverted_exclamation_mark"],
    "\x1b\r": ["enter"],
    "\x1b/": ["slash"],
    "\x1b[127;3u": ["alt+backspace"],
}
changed = False
for sent, seen in SEEN.items():
    parser = XTermParser(False)
    found = list(parser.feed(sent))
    time.sleep(0.3)
    found += parser.tick()
    keys = [event.key for event in found if isinstance(event, events.Key)]
    print(f"{sent!r:16} {keys}")
    changed |= keys != seen
sys.exit(changed)
PYTHON
