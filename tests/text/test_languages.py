"""What a text is written in, and what the editing keys must know of that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.text.languages import (
    BLOCK_COMMENTS,
    EXTENSIONS,
    LINE_COMMENTS,
    NAMES,
    OTHER_NAMES,
    Comment,
    canonical,
    comment_of,
    detect,
    detect_original,
    indent_of,
    indents_after,
)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "python"),
        ("A.PY", "python"),
        ("Makefile", "make"),
        ("Makefile.am", "make"),
        ("Dockerfile", "docker"),
        ("Dockerfile.dev", "docker"),
        ("CMakeLists.txt", "cmake"),
        ("requirements-dev.txt", "text"),
        (".bashrc", "bash"),
        (".env.local", "bash"),
        ("go.mod", "go"),
        ("types.d.ts", "typescript"),
        ("view.html.erb", "html"),
        ("tsconfig.build.json", "jsonc"),
        ("archive.tar.py", "python"),
        ("x.h", "c"),
        ("x.hpp", "cpp"),
        ("site.pp", "puppet"),
        ("no_extension", "text"),
        ("x.nobodyknows", "text"),
        (".hidden", "text"),
        ("dir.py/plain", "text"),
    ],
)
def test_the_name_of_a_file_says_its_language(name: str, language: str) -> None:
    assert detect(Path("folder") / name, "") == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("#!/usr/bin/env python3\n", "python"),
        ("#!/usr/bin/env python3.11\n", "python"),
        ("#!/usr/bin/env -S python -u\n", "python"),
        ("#!/usr/bin/env -S uv run --script\n", "python"),
        ("#!/usr/bin/env DEBUG=1 node\n", "javascript"),
        ("#! /usr/bin/perl -w", "perl"),
        ("#!/bin/sh -e\n", "bash"),
        ("\ufeff#!/usr/bin/ruby2.7\n", "ruby"),
        ("#!/opt/bin/nothing-known\n", "text"),
        ("#!", "text"),
        ("#!/usr/bin/env\n", "text"),
        ("\n#!/bin/sh\n", "text"),
        ("# vim: set ft=ruby :\n", "ruby"),
        ("\n\n\n\n// vim: sw=2 filetype=cpp\n", "cpp"),
        ("\n" * 50 + "# vim: ts=4 ft=sh\n", "bash"),
        ("\n" * 50 + "# vim: ft=sh\n" + "\n" * 50, "text"),
        ("# -*- mode: Python; coding: utf-8 -*-\n", "python"),
        ("# -*- coding: utf-8; mode: ruby -*-\n", "ruby"),
        ("/* -*- C++ -*- */\n", "cpp"),
        ("# -*- coding: utf-8 -*-\n", "text"),
        ("", "text"),
    ],
)
def test_without_a_telling_name_the_text_says_it(text: str, language: str) -> None:
    assert detect(None, text) == language
    assert detect(Path("script"), text) == language


def test_the_name_goes_before_the_shebang_and_that_before_the_mode_line() -> None:
    text = "#!/bin/sh\n# vim: ft=perl\n"
    assert detect(Path("x.rb"), text) == "ruby"
    assert detect(Path("x"), text) == "bash"


def test_other_names_of_a_language_lead_to_its_name_here() -> None:
    assert [canonical(name) for name in ("C++", "JS", " golang ", "python", "unheard-of")] == [
        "cpp",
        "javascript",
        "go",
        "python",
        "unheard-of",
    ]


def test_the_tables_speak_of_the_same_languages() -> None:
    mentioned = {
        word for table in (LINE_COMMENTS, BLOCK_COMMENTS) for words in table.values() for word in words.split()
    }
    known = {*EXTENSIONS, *NAMES, *OTHER_NAMES}
    assert mentioned | {*NAMES, *OTHER_NAMES} <= known | {"matlab"}
    for table in (EXTENSIONS, NAMES, OTHER_NAMES):
        words = [word for line in table.values() for word in line.split()]
        assert len(words) == len(set(words)), "a word of two languages"


@pytest.mark.parametrize(
    ("language", "comment"),
    [
        ("python", Comment("#")),
        ("c", Comment("//", ("/*", "*/"))),
        ("html", Comment(None, ("<!--", "-->"))),
        ("css", Comment(None, ("/*", "*/"))),
        ("sql", Comment("--", ("/*", "*/"))),
        ("json", Comment()),
        ("text", Comment()),
        ("unheard-of", Comment()),
    ],
)
def test_comments(language: str, comment: Comment) -> None:
    assert comment_of(language) == comment


@pytest.mark.parametrize(
    ("language", "line", "deeper"),
    [
        ("python", "def f():", True),
        ("python", "    if x:  # why", True),
        ("python", "call(", True),
        ("python", "x = {", True),
        ("python", "x = 1", False),
        ("python", "url = 'https://example.org'", False),
        ("python", 'style = "color: #fff"', False),
        ("python", "# note:", False),
        ("python", "x = '#'; y = [", True),
        ("c", "int main() {", True),
        ("c", "f(a,", False),
        ("c", "if (x) { // why", True),
        ("c", "case 1:", False),
        ("bash", "if [ -f x ]; then", True),
        ("bash", "case $x in", True),
        ("bash", "echo ${#x}", False),
        ("ruby", "  def f(a)", True),
        ("ruby", "items.each do |item|", True),
        ("ruby", "def f = 1 end", False),
        ("ruby", "x = 1", False),
        ("lua", "local f = function(a)", True),
        ("lua", "while x do", True),
        ("yaml", "key:", True),
        ("yaml", "key: value", False),
        ("yaml", "text: |", True),
        ("html", '<div class="a">', True),
        ("html", "<br>", False),
        ("html", "<br/>", False),
        ("html", "<p>text</p>", False),
        ("make", "all: build", True),
        ("make", "CC := gcc", False),
        ("make", "CC = gcc", False),
        ("text", "and so on:", False),
        ("text", "(", False),
        ("markdown", "as follows (", False),
        ("unheard-of", "f {", True),
    ],
)
def test_the_line_after_an_opened_block_goes_deeper(language: str, line: str, deeper: bool) -> None:
    assert indents_after(language, line) is deeper


@pytest.mark.parametrize(
    ("text", "language", "indent"),
    [
        ("def f():\n    x\n    y\n", "python", "    "),
        ("def f():\n  if x:\n    y\n", "python", "  "),
        ("f {\n\tx\n\ty\n}\n", "c", "\t"),
        ("f\n        x\n", "c", "        "),
        ("a\n   b\n", "c", None),
        ("", "python", None),
        ("x\ny\n", "python", None),
        ("    \n\t\n", "python", None),
        ("", "go", "\t"),
        ("all:\n", "make", "\t"),
        ("f {\n  x\n}\n", "go", "  "),
        ("f(\n\tx\n    y\n\tz\n", "c", "\t"),
        ("if x:\r\n    y\r\n", "python", "    "),
    ],
)
def test_the_indentation_of_a_file_is_read_from_its_lines(text: str, language: str, indent: str | None) -> None:
    assert indent_of(text, language) == indent


def test_knowing_languages_imports_neither_lexers_nor_grammars() -> None:
    script = (
        "import sys; from pathlib import Path; from dgedit.text.languages import detect\n"
        "detect(Path('x.py'), ''); detect(Path('script'), '#!/bin/sh'); detect(None, 'x')\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('pygments', 'tree_sitter', 'textual', 'torch')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("example.py.txt", "python"),
        ("x.py.orig.bak", "python"),
        ("main.rs~", "rust"),
        ("conf.toml.in", "toml"),
        ("settings.json.example", "json"),
        ("CMakeLists.txt", "cmake"),
        ("notes.txt", "text"),
        ("x.orig", "text"),
        (".bak", "text"),
    ],
)
def test_a_copy_is_written_in_what_its_original_is(name: str, language: str) -> None:
    assert detect_original(Path(name), "") == language
    assert detect(Path("x.py.txt"), "") == "text"
