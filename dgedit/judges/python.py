"""Whether a text is Python: of this interpreter's version, of a newer one, of an older one, or of none.

This interpreter's own parser is asked first. Where it says no, ruff's parser is asked, which knows the syntax of
versions that this interpreter does not, and then fissix, whose grammar is that of Python 2 and early 3. Where ruff is
missing, as in a bare clone, a text is broken only if it shows no sign of newer syntax. Imports the standard library
alone, the others where they are there.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tokenize

from ..engine.parsing import error_in
from . import programs
from .verdict import Verdict, broken, unknown, valid

NEWEST = (3, 15)
"""The newest syntax that is known here."""
OWN = f"Python {sys.version_info.major}.{sys.version_info.minor}"
_TARGET = "py{}{}"
_PYTHON_2_SHEBANG = re.compile(r"#!.*\bpython2(?:\.\d)?\b")
_F = r"\b[rR]?[fF][rR]?"
_SIGNS = (
    ((3, 12), re.compile(r"^\s*type\s+\w+\s*[=\[]|^\s*(?:(?:async\s+)?def|class)\s+\w+\s*\[", re.MULTILINE)),
    # The string's own quote, a backslash or the end of the line inside of a field, which older f-strings cannot hold.
    ((3, 12), re.compile(rf"{_F}\"(?!\"\")[^\"{{\n]*(?:{{[^}}\"\n]*}}[^\"{{\n]*)*{{[^}}\"\n]*[\"\\\n]")),
    ((3, 12), re.compile(rf"{_F}'(?!'')[^'{{\n]*(?:{{[^}}'\n]*}}[^'{{\n]*)*{{[^}}'\n]*['\\\n]")),
    ((3, 12), re.compile(rf"{_F}(?:\"{{3}}|'{{3}})[^{{]*(?:{{[^}}]*}}[^{{\"']*)*{{[^}}\"']*(?:\\|\s#)")),
    ((3, 14), re.compile(r"""^\s*except\s*\*?\s*[\w.]+\s*,|\b(?:[tT][rR]?|[rR][tT])["']""", re.MULTILINE)),
    ((3, 15), re.compile(r"^\s*lazy\s+(?:import|from)\s|[\[({]\s*\*{1,2}[^,\n]+\sfor\s", re.MULTILINE)),
)
"""What a text holds that is written for a newer version, seen without its grammar."""
_OLD_SIGNS = re.compile(
    r"""\b(?:print|exec)\b[ \t]*(?![ \t(=.,):\]\n])|\bprint[ \t]*>>|\bexcept\b[^:\n]+,|\braise\b[^\n]+,|<>"""
    r"""|\b0\d|\d[lL]\b|\b[uU][rR]["']|`|\blambda\s*\(|\bdef\s+\w+\s*\([^)]*\(|\bin\s+\w+\s*,|^[ ]*\t""",
    re.MULTILINE,
)
"""What Python 2 writes, and some of what it does not, seen without its grammar."""
_PYTHON_2_TEXT = re.compile(
    r"""^\s*(?:print|exec)[ \t]+["'\w`%]|^\s*print\s*>>|^\s*except\s+[\w.()\s]+,\s*\w+\s*:|^\s*raise\s+[\w.]+\s*,|<>""",
    re.MULTILINE,
)
"""What Python 2 alone writes, where its grammar is not there."""
_ASYNC = re.compile(r"\b(?:async|await)\b")
_ASYNCHRONOUS = frozenset({"async_stmt", "async_funcdef"})
_PYTHON_3 = frozenset(
    {*_ASYNCHRONOUS, "annassign", "tname", "namedexpr_test", "nonlocal", "->", ":=", "@=", "f-string"}
)
"""What the old grammar reads beside Python 2: a text that holds it is of Python 3."""
_PYTHON_3_TEXT = re.compile(r"""->|:=|\bnonlocal\b|\b[rR]?[fF][rR]?["']|\basync\s+def\b""")
_REMOVED = re.compile(r"removed in Python ([\d.]+)")
"""What ruff says of syntax that an older Python 3 had."""
_FORMATTED = re.compile(r"""[rR]?[fFtT][rR]?["']""")
_TEMPLATE = re.compile(r"\{%-?\s*\w.*%\}|^[^\"']*\{\{[^{}\"']*\}\}|<%.*%>")
"""A line of something from which Python is made."""


_MAGIC = re.compile(r"\s*(?:%{1,2}[a-zA-Z]\w*(?:\s|$)|![\w./]+\s|\?\w+$|\w+\?{1,2}$)")
"""A line of IPython that is no Python."""


def judge(source: str | bytes) -> Verdict:
    """How a text, or the bytes of a file that may name its own encoding, stands in Python."""
    error = error_in(source)
    if error is None:
        return valid(OWN)
    text = source if isinstance(source, str) else _decoded(source)
    line, column = (error.lineno or 1) - 1, (error.offset or 1) - 1
    if text is None or error.lineno is None:
        return broken(error.msg, line, column, OWN)
    if _PYTHON_2_SHEBANG.match(text.split("\n", 1)[0]):
        return unknown("the first line says Python 2, which is not judged here", 0, OWN)
    if why := _no_python((text.split("\n") + [""] * (line + 1))[line]):
        return unknown(why, line, OWN)
    return _of_others(text, broken(error.msg, line, column, OWN))


def _no_python(line: str) -> str:
    """Why a line that is not read is not meant to be Python; empty where nothing says so."""
    if _MAGIC.match(line):
        return "a command of IPython, which Python does not read"
    return "a line of a template from which Python is made" if _TEMPLATE.search(line) else ""


def _of_others(text: str, own: Verdict) -> Verdict:
    """What other parsers say of a text that this interpreter does not read."""
    errors = _ruff(text, NEWEST)
    if errors == []:
        return _newer(text, own)
    removed = [_REMOVED.search(message) for _, message in errors or ()]
    if removed and removed[0] and all(removed):
        return unknown(f"this is Python of before {removed[0][1]}, which is not judged here", own.line, own.by)
    if _is_python_2(text):
        return unknown("this is Python 2 or early 3, which is not judged here", own.line, "fissix")
    if errors is None and sys.version_info < NEWEST and (sign := _sign_of_newer(text)) is not None:
        return unknown(f"this may be newer than {OWN}, which judges it", sign, OWN)
    if errors:
        return broken(own.message, own.line, own.column, f"{OWN} and ruff")
    return own


def _newer(text: str, own: Verdict) -> Verdict:
    """A text that only newer versions read, with what ruff says is new in it; or that ruff reads as of this one."""
    line, why, errors = own.line, "", _ruff(text, sys.version_info[:2])
    if errors == []:
        return unknown(f"{OWN} says: {own.message}; ruff reads it", own.line, f"{OWN} and ruff")
    for row, message in errors or ():
        if match := re.search(r"added in (Python [\d.]+)", message):
            line, why = row, f" ({match[1]})"
            break
    return unknown(f"this seems to be newer than {OWN}{why}, which judges it", line, "ruff")


def _ruff(text: str, version: tuple[int, int]) -> list[tuple[int, str]] | None:
    """Syntax errors, by line from 0, as ruff finds them for a version; none where it cannot be asked."""
    program = _ruff_program()
    if program is None:
        return None
    target = _TARGET.format(*min(version, NEWEST))
    command = [program, "check", "--isolated", "--no-cache", "--preview", "--select", "E902", "--quiet"]
    command += ["--target-version", target, "--output-format", "json", "--stdin-filename", "text.py", "-"]
    answer = programs.ask(command, text)
    if answer is None or answer.code not in (0, 1):
        return None
    try:
        found = json.loads(answer.out or "[]")
        return [(each["location"]["row"] - 1, each["message"]) for each in found]
    except (ValueError, KeyError, TypeError):
        return None


def _ruff_program() -> str | None:
    try:
        from ruff import find_ruff_bin

        return str(find_ruff_bin())
    except (ImportError, FileNotFoundError):
        return programs.found("ruff")


def _is_python_2(text: str) -> bool:
    """Whether the grammar of Python 2, or of 3 before `async` was a keyword, reads a text that no later one does."""
    if _OLD_SIGNS.search(text) is None and _ASYNC.search(text) is None:
        return False
    try:
        from fissix import pygram
    except ImportError:
        return _PYTHON_2_TEXT.search(text) is not None and _PYTHON_3_TEXT.search(text) is None
    nodes = _old_nodes(text, pygram.python_grammar)
    if nodes is not None and nodes.isdisjoint(_PYTHON_3):
        return True
    nodes = _old_nodes(text, pygram.python_grammar_no_print_statement) if _ASYNC.search(text) else None
    return nodes is not None and nodes.isdisjoint(_ASYNCHRONOUS)


def _old_nodes(text: str, grammar: object) -> frozenset[str] | None:
    """The names of nodes and the signs that an old grammar finds in a text; none where it does not read it."""
    from fissix import pytree
    from fissix.pgen2 import driver, parse, tokenize

    try:
        tree = driver.Driver(grammar, convert=pytree.convert).parse_string(text.rstrip("\n") + "\n")
    except (parse.ParseError, tokenize.TokenError, IndentationError, RecursionError, ValueError):
        return None
    found = set[str]()
    for node in tree.pre_order():
        name = str(getattr(node, "value", "")) or str(pytree.type_repr(node.type))
        found.add("f-string" if _FORMATTED.match(name) else name)
    return frozenset(found)


def _sign_of_newer(text: str) -> int | None:
    """The line, from 0, of what may be newer than this interpreter; none where nothing is."""
    places = (pattern.search(text) for version, pattern in _SIGNS if sys.version_info < version)
    starts = [place.start() for place in places if place is not None]
    return text.count("\n", 0, min(starts)) if starts else None


def _decoded(raw: bytes) -> str | None:
    """The text of a file by the encoding that it names; none where its bytes are not of it."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return io.TextIOWrapper(io.BytesIO(raw), encoding, newline=None).read()
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None
