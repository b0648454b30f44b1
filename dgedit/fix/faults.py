"""Where a text does not parse: judged by the language's own parser where Python has one, else by its grammar.

Python, JSON and TOML are judged by the parsers of the standard library, other languages by tree-sitter's ERROR and
MISSING nodes. A fault names the lines that may be to blame, the likeliest first: a parser often stumbles lines after
the mistake. Texts are given with plain line feeds. This module must know neither models nor files.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tree_sitter import Language, Node, Parser, Tree

JUDGED_CHARS_MAX = 400_000
"""A longer text is not looked at: mending it would take minutes."""
SUSPECTS_MAX = 14
NEAR_LINES = 16
_ERROR_NODES = 3
_OPEN_LINES = 8
"""A bracket that is never closed may miss its end so many lines below."""
_STRINGS_MAX = 40

_GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "json": ("tree_sitter_json", "language"),
    "jsonc": ("tree_sitter_json", "language"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "toml": ("tree_sitter_toml", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "yaml": ("tree_sitter_yaml", "language"),
}

_TWO_QUOTES = re.compile(r"""(?<!["'])(?:""|'')(?!["'])""")
_NEWER = re.compile(r"\s*(?:type\s+\w+|(?:async\s+)?def\s+\w+\s*\[|class\s+\w+\s*\[|except\s+[\w.]+\s*,)")
"""A line of Python 3.12 to 3.14 that older ones do not read; f-strings have changed, too."""
_ON_LINE = re.compile(r"on line (\d+)|at line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first place where a text does not parse."""

    line: int
    """Counted from 0."""
    column: int
    message: str
    suspects: tuple[int, ...]
    """Lines that may be to blame, the likeliest first."""
    far: tuple[int, ...] = ()
    """Lines further up where a quote may have been lost."""


def languages() -> tuple[str, ...]:
    """The languages that can be judged."""
    return tuple(sorted(_GRAMMARS))


def parses(text: str, language: str) -> bool:
    """Whether the whole text parses; a language that cannot be judged never does."""
    if language == "python":
        return _python_error(text) is None
    if language == "json":
        return _json_error(text) is None
    if language == "toml":
        return _toml_error(text) is None
    tree = _tree(text, language)
    return tree is not None and not tree.root_node.has_error


def fault_in(text: str, language: str) -> Fault | None:
    """The first fault of a text; none where it parses, or where its language cannot be judged."""
    if language not in _GRAMMARS or len(text) > JUDGED_CHARS_MAX:
        return None
    if language == "python":
        return _python_fault(text)
    if language in ("json", "toml"):
        found = _json_error(text) if language == "json" else _toml_error(text)
        return found and _with_suspects(text, language, *found)
    return _grammar_fault(text, language)


def is_newer(text: str, fault: Fault) -> bool:
    """Whether Python text seems to be written for a newer Python than the one that judges it."""
    line = text.split("\n")[fault.line]
    if not fault.message.startswith("f-string") and not _NEWER.match(line):
        return False
    tree = _tree(text, "python")
    return tree is not None and not tree.root_node.has_error


def compiles(text: str) -> bool:
    """Whether Python would also take what a text that parses means: no `return` outside of a function."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "text", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _python_error(text: str) -> SyntaxError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error) or "too deep to parse")
    return None


def _python_fault(text: str) -> Fault | None:
    error = _python_error(text)
    if error is None:
        return None
    lines = text.split("\n")
    line = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
    column = min(max((error.offset or 1) - 1, 0), len(lines[line]))
    message = error.msg
    named = [int(number) - 1 for match in _ON_LINE.finditer(message) for number in match.groups() if number]
    suspects = [line, *_above(lines, line, 1), *(number for number in named if 0 <= number < len(lines))]
    if "was never closed" in message:
        suspects += _while_open(lines, line)
    elif "does not match" in message and named:
        suspects += range(line, max(named[0], line - _OPEN_LINES), -1)
    elif "unmatched" in message:
        start = _statement_start(lines, line)
        suspects = [line, start, *suspects[1:], *range(line, start, -1)]
    suspects += _error_lines(text, "python")
    if "indent" in message:
        suspects += _enclosing(lines, line)
    suspects += _above(lines, line, 3)[1:]
    near = [number for number in suspects if abs(number - line) <= NEAR_LINES]
    chosen, far = _distinct(near, lines), tuple(_lost_quotes(lines, line))
    return Fault(line=line, column=column, message=message, suspects=chosen, far=far)


def _grammar_fault(text: str, language: str) -> Fault | None:
    tree = _tree(text, language)
    if tree is None or not tree.root_node.has_error:
        return None
    node = next(iter(_error_nodes(tree)), tree.root_node)
    message = f"{node.type} is missing" if node.is_missing else "not understood"
    row, column = node.start_point
    return _with_suspects(text, language, row, column, message)


def _json_error(text: str) -> tuple[int, int, str] | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno - 1, error.colno - 1, error.msg
    except RecursionError:
        return 0, 0, "too deep to parse"
    return None


def _toml_error(text: str) -> tuple[int, int, str] | None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        numbers = [int(number) - 1 for number in re.findall(r"\d+", place)]
        return (numbers[0], numbers[1], message) if len(numbers) == 2 else (text.count("\n"), 0, message)
    except RecursionError:
        return 0, 0, "too deep to parse"
    return None


def _with_suspects(text: str, language: str, row: int, column: int, message: str) -> Fault:
    lines = text.split("\n")
    row = min(row, len(lines) - 1)
    suspects = [row, *_above(lines, row, 1), *_error_lines(text, language), *_above(lines, row, 3)[1:]]
    return Fault(line=row, column=column, message=message, suspects=_distinct(suspects, lines))


def _tree(text: str, language: str) -> Tree | None:
    parser = _parser(language)
    return parser.parse(text.encode("utf-8", "replace")) if parser is not None else None


@cache
def _parser(language: str) -> Parser | None:
    """The parser of a language; none where its package is missing or does not fit."""
    package, function = _GRAMMARS[language]
    try:
        return Parser(Language(getattr(import_module(package), function)()))
    except (ImportError, ValueError):
        return None


def _error_nodes(tree: Tree) -> list[Node]:
    """ERROR and MISSING nodes, the first in the text first; of nested ones the inner."""
    waiting, found = [tree.root_node], list[Node]()
    while waiting and len(found) < _ERROR_NODES:
        node = waiting.pop()
        inner = [child for child in node.children if child.has_error or child.is_missing]
        if (node.is_error or node.is_missing) and not inner:
            found.append(node)
        waiting += reversed(inner)
    return found


def _error_lines(text: str, language: str) -> list[int]:
    tree = _tree(text, language)
    if tree is None:
        return []
    rows = list[int]()
    for node in _error_nodes(tree):
        rows += [node.start_point[0], node.end_point[0]]
    return rows


def _above(lines: list[str], line: int, count: int) -> list[int]:
    """The nearest lines above one that hold code, the nearest first."""
    found = list[int]()
    for number in range(line - 1, -1, -1):
        if len(found) == count:
            break
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            found.append(number)
    return found


def _enclosing(lines: list[str], line: int) -> list[int]:
    """The lines above that are less deep than all below them: what this one seems to stand in."""
    margin = len(lines[line]) - len(lines[line].lstrip())
    found = list[int]()
    for number in _above(lines, line, 2 * NEAR_LINES):
        depth = len(lines[number]) - len(lines[number].lstrip())
        if depth < margin:
            found.append(number)
            margin = depth
    return found


def _while_open(lines: list[str], line: int) -> list[int]:
    """Lines below the one with the bracket as long as they may be inside of it: deeper, or closing another."""
    margin = len(lines[line]) - len(lines[line].lstrip())
    found = list[int]()
    for number in range(line + 1, min(line + 1 + _OPEN_LINES, len(lines))):
        content = lines[number].strip()
        found.append(number)
        if content and len(lines[number]) - len(lines[number].lstrip()) <= margin and content[0] not in ")]}":
            break
    return found


def _statement_start(lines: list[str], line: int) -> int:
    """The line above, or this one, that is less deep than a line that closes a bracket, as far as that may be."""
    closes = lines[line].lstrip()[:1] in tuple(")]}")
    margin = len(lines[line]) - len(lines[line].lstrip())
    for number in range(line - 1, max(line - 1 - _OPEN_LINES, -1), -1):
        depth = len(lines[number]) - len(lines[number].lstrip())
        if lines[number].strip() and (depth < margin or (closes and depth == margin)):
            return number
    return max(0, line - 1)


def _lost_quotes(lines: list[str], line: int) -> list[int]:
    """Lines above with two quotes that may have been three: what is then taken for a string begins far above."""
    found = [number for number in range(line + 1) if _TWO_QUOTES.search(lines[number])]
    return [*found[: _STRINGS_MAX // 4 : -1], *found[: _STRINGS_MAX // 4]][:_STRINGS_MAX]


def _distinct(suspects: list[int], lines: list[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in suspects if 0 <= number < len(lines)))[:SUSPECTS_MAX]
