"""Brackets, strings and comments that a text leaves open, or closes and never opened.

No new syntax can make that right, so it is told without a grammar: only what strings and comments look like must be
known. Where that cannot be known for sure (a quote that its line does not close, a slash that may begin a regular
expression) nothing is said. Every text is read once, from its beginning to its end. It must know no parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .conditionals import configurations

_CLOSER = {"(": ")", "[": "]", "{": "}", "${": "}"}
_BLOCK = r"/\*(?:[^*]|\*(?!/))*+"
_SLASHES = rf"(?P<skip>//[^\n]*|{_BLOCK}\*/)|(?P<endless>{_BLOCK}\Z)"
_QUOTED = r"\"(?:[^\"\\\n]|\\[\s\S])*+\""
_SINGLE = r"'(?:[^'\\\n]|\\[\s\S])*+'"
_CHARACTER = r"'(?:\\(?:u\{?[0-9a-fA-F]+\}?|x[0-9a-fA-F]+|[0-7]+|.)|[^'\\\n])'"
_TEXT_BLOCK = r"\"{3}(?:[^\"\\]|\\[\s\S]|\"(?!\"\"))*+"
_SIGNS = r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
_LEXICONS = {
    "c": rf"{_SLASHES}|(?:{_QUOTED}|{_SINGLE}|(?<!\w)\d(?:'?[\w.])*+|\w++)|(?P<doubt>[\"'])",
    "cpp": rf"{_SLASHES}|(?:(?<!\w)(?:u8|[uUL])?R\"(?P<mark>[^()\\\s]{{0,16}})\("
    rf"(?:(?!\)(?P=mark)\")[\s\S])*+(?:\)(?P=mark)\"|(?P<late>\Z))|{_QUOTED}|{_SINGLE}"
    rf"|(?<!\w)\d(?:'?[\w.])*+|\w++)|(?P<doubt>[\"'])",
    "css": rf"(?P<skip>{_BLOCK}\*/)|(?P<endless>{_BLOCK}\Z)|\\[\s\S]|url\(\s*+(?![\"'\s])[^)\n]*\)|"
    rf"(?:{_QUOTED}|{_SINGLE})|(?P<doubt>[\"'])",
    "go": rf"{_SLASHES}|(?:{_QUOTED}|{_CHARACTER}|`[^`]*+`)|(?P<late>`[^`]*+\Z)|(?P<doubt>[\"'])",
    "java": rf"{_SLASHES}|{_TEXT_BLOCK}\"{{3}}|(?P<late>{_TEXT_BLOCK}\Z)|(?:{_QUOTED}|{_CHARACTER})|(?P<doubt>[\"'])",
    "rust": rf"(?P<skip>//[^\n]*)|(?P<nested>/\*)|(?:(?<!\w)(?:br|cr|r)(?P<mark>\#*+)\"(?:(?!\"(?P=mark))[\s\S])*+"
    rf"(?:\"(?P=mark)|(?P<raw>\Z))"
    rf"|\"(?:[^\"\\]|\\[\s\S])*+\"|{_CHARACTER}|'\w++|\w++)|(?P<late>\"(?:[^\"\\]|\\[\s\S])*+\Z)|(?P<doubt>[\"'])",
}
_SCRIPT = re.compile(
    rf"{_SLASHES}|(?P<back>`)|(?P<value>{_QUOTED}|{_SINGLE}|[\w$@#\u0080-\U0010ffff]++)|(?P<doubt>[\"'])"
    rf"|(?P<slash>/){_SIGNS}|(?P<other>\S)"
)
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\[\s\S]|\$(?!\{))*+(?P<end>`|\$\{)?")
_REGULAR = re.compile(r"/(?![*/])(?:[^\\/\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*+\])++/")
_NESTED = re.compile(r"/\*|\*/")
_BEFORE_REGULAR = frozenset(
    {"return", "typeof", "case", "in", "of", "delete", "do", "else", "void", "throw", "new", "instanceof"}
    | {"yield", "await", "default", "extends"}
)
_SCRIPTS = frozenset({"javascript", "typescript", "tsx"})
_SHOWS_TAGS = re.compile(r"</\w|/>|</>")
_PREPROCESSED = frozenset({"c", "cpp"})


_HALF_OPEN = re.compile(r"[ \t]*(?:(?:inline[ \t]+)?namespace\b[^;{}()]*|extern[ \t]*\"C[^\"\n]*\"[ \t]*)\{")
_HALF_CLOSED = re.compile(rf"(?:\s|//[^\n]*|{_BLOCK}\*/|#(?:[^\n\\]|\\[\s\S])*|[}};])*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A bracket, string or comment that does not end, or an end without its beginning."""

    offset: int
    message: str

    def may_be_half(self, text: str) -> bool:
        """Whether the text may be one of two that are included around others: the one opens what the other closes."""
        line = text.rfind("\n", 0, self.offset) + 1
        return _HALF_OPEN.match(text, line, self.offset + 1) is not None or _HALF_CLOSED.fullmatch(text) is not None


class DoubtError(Exception):
    """What a text holds cannot be told without its grammar."""


def languages() -> frozenset[str]:
    """The languages whose brackets can be told from what stands in strings and comments."""
    return frozenset(_LEXICONS) | _SCRIPTS


def break_in(text: str, language: str) -> Break | None:
    """The first break of a text; none where there is none, or where it is not certain."""
    if language not in languages():
        return None
    try:
        if language not in _PREPROCESSED:
            return _first(text, language)
        # A bracket may stand in one branch of a conditional: only what no choice of branches mends is certain.
        found = [_first(each, language) for each in configurations(text)]
    except DoubtError:
        return None
    return found[0] if all(found) else None


def _first(text: str, language: str) -> Break | None:
    """The first break of a text without conditionals.

    Raises:
        DoubtError: where a quote or a slash may be one thing or another.
    """
    waiting = list[tuple[str, int]]()
    for sign, offset in _script_signs(text) if language in _SCRIPTS else _signs(text, language):
        if sign in _CLOSER:
            waiting.append((sign, offset))
        elif sign not in (")", "]", "}"):
            return Break(offset=offset, message=f"{sign} is never closed")
        elif not waiting:
            return Break(offset=offset, message=f"'{sign}' closes nothing")
        elif _CLOSER[waiting[-1][0]] != sign:
            opened, at = waiting[-1]
            line = text.count("\n", 0, at) + 1
            return Break(offset=offset, message=f"'{sign}' does not close '{opened}' of line {line}")
        else:
            waiting.pop()
    return Break(offset=waiting[-1][1], message=f"'{waiting[-1][0]}' is never closed") if waiting else None


@cache
def _lexicon(language: str) -> re.Pattern[str]:
    return re.compile(_LEXICONS[language] + _SIGNS)


def _signs(text: str, language: str) -> Iterator[tuple[str, int]]:
    """Brackets outside of strings and comments; a comment or a string that does not end by what it is."""
    pattern, at = _lexicon(language), 0
    while found := pattern.search(text, at):
        at, kind = found.end(), found.lastgroup
        if kind == "doubt":
            raise DoubtError
        if kind in ("open", "close"):
            yield found.group(), found.start()
        elif kind in ("endless", "late", "raw"):
            yield "a comment" if kind == "endless" else "a string", found.start()
        elif kind == "nested":
            end = _end_of_nested(text, at)
            if end is None:
                yield "a comment", found.start()
                return
            at = end


def _end_of_nested(text: str, at: int) -> int | None:
    """Where a comment ends that may hold others; none where it does not."""
    depth = 1
    for found in _NESTED.finditer(text, at):
        depth += 1 if found.group() == "/*" else -1
        if not depth:
            return found.end()
    return None


def _script_signs(text: str) -> Iterator[tuple[str, int]]:
    """The same for JavaScript and what is made from it: templates hold code, and a slash may begin an expression."""
    holds_tags = _SHOWS_TAGS.search(text) is not None
    depths, at, value, before = list[int](), 0, "", ""
    depth = 0
    while found := _SCRIPT.search(text, at):
        at, kind, sign = found.end(), found.lastgroup, found.group()
        if kind == "doubt" and not holds_tags:
            raise DoubtError
        if kind == "endless":
            yield "a comment", found.start()
        if kind in ("skip", "endless"):
            continue
        if kind == "open":
            depth += 1
            yield sign, found.start()
        elif kind == "close" and sign == "}" and depths and depths[-1] == depth:
            depths.pop()
            depth -= 1
            yield sign, found.start()
            kind, sign = "back", "`"
        elif kind == "close":
            depth -= 1
            yield sign, found.start()
        elif kind == "slash" and _begins_regular(before, value, text, at):
            regular = _REGULAR.match(text, found.start())
            if regular is None and not holds_tags:
                raise DoubtError
            at = regular.end() if regular else at
        if kind == "back":
            end = _TEMPLATE.match(text, at)
            assert end is not None, "it may be empty"
            at = end.end()
            if end["end"] is None:
                yield "a template string", found.start()
            elif end["end"] == "${":
                depth += 1
                depths.append(depth)
                yield "${", at - 2
                sign = "{"
        before, value = sign[-1], sign if kind == "value" else ""


def _begins_regular(before: str, value: str, text: str, at: int) -> bool:
    """Whether a slash begins a regular expression, by what stands before it.

    Raises:
        DoubtError: behind a bracket, where it may divide, and what would be the expression holds brackets or quotes.
    """
    if value:
        return value in _BEFORE_REGULAR
    if before == "<" or (before in ("}", '"', "'") and text.startswith(">", at)):
        return False
    if before in (")", "}"):
        regular = _REGULAR.match(text, at - 1)
        if regular and re.search(r"[()\[\]{}\"'`]", regular.group()):
            raise DoubtError
        return False
    return before not in ("]", "`", '"', "'")
