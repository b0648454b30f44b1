"""Comments that mark a place to fill: their grammar in every language, no model, no screen.

    # dgedit: fill [lines=N] [tokens=N] [instruction]       the line is replaced, its indentation stays
    # dgedit: begin [lines=N] [tokens=N] [strength=P] [instruction]
    ...                                                     what stands between is rewritten
    # dgedit: end                                           both comments are taken away

A marker stands alone on its line, in the comment sign of the language. Inside a string or a comment that runs over
several lines it is text. It must know nothing of the other kinds of holes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from ..errors import DgeditError
from .languages import Comment, comment_of
from .line_breaks import lines_fed

UNKNOWN = Comment("#", ("/*", "*/"))
"""What is taken for a comment where the language is not known."""
TRIPLE_QUOTED = frozenset(
    {
        "csharp",
        "cython",
        "dart",
        "elixir",
        "groovy",
        "java",
        "julia",
        "kotlin",
        "nim",
        "python",
        "scala",
        "swift",
        "toml",
    }
)
BACK_QUOTED = frozenset({"go", "javascript", "tsx", "typescript"})
OPEN_QUOTED = frozenset({"clojure", "lisp", "ocaml", "racket", "rust", "scheme"})
"""Languages whose strings run over several lines: between three quotes, back quotes, or any double quotes."""
SINGLE_QUOTED = frozenset(
    {"cython", "dart", "elixir", "groovy", "javascript", "nim", "python", "toml", "tsx", "typescript"}
)
"""Those of them in which a single quote begins a string, too."""
OPTION = re.compile(r"(lines|tokens|strength)=(\S*)(?:[ \t]+|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A marker as it stands in a text."""

    verb: str
    """fill, begin or end."""
    start: int
    """Where its comment begins, behind the indentation."""
    end: int
    """The end of its line, without the line break."""
    line: int
    """Counted from 1."""
    lines_max: int | None = None
    tokens_max: int | None = None
    strength: float | None = None
    instruction: str = ""


def find_markers(text: str, language: str) -> list[Marker]:
    """Every marker of a text, in order.

    Raises:
        DgeditError: when an option of one cannot be read.
    """
    if "dgedit:" not in text:
        return []
    # Of the same length, so that every place stays where it is.
    text = lines_fed(text)
    comment = _comment(language)
    found = [
        (match, words) for match in _lines(comment).finditer(text) if (words := _words(match, comment)) is not None
    ]
    outside = _outside_others(text, language, {match.start("sign") for match, _ in found})
    markers, line, counted = list[Marker](), 1, 0
    for match, words in found:
        if match.start("sign") not in outside:
            continue
        line += text.count("\n", counted, match.start())
        counted = match.start()
        bare = Marker(verb=match["verb"], start=match.start("sign"), end=match.end("body"), line=line)
        markers.append(_with_options(bare, words))
    return markers


def _comment(language: str) -> Comment:
    return UNKNOWN if language == "text" else comment_of(language)


@lru_cache(maxsize=64)
def _lines(comment: Comment) -> re.Pattern[str]:
    """Lines that may be a marker, the end of a block comment not looked at."""
    signs = [rf"{re.escape(comment.line)}{re.escape(comment.line[-1])}*"] if comment.line else []
    signs += [re.escape(comment.block[0])] if comment.block else []
    if not signs:
        return re.compile(r"(?!)")
    body = r"[ \t]*dgedit:[ \t]*(?P<verb>fill|begin|end)(?!\w|[.-]\w)(?P<rest>[^\r\n]*)"
    return re.compile(rf"^[ \t]*(?P<body>(?P<sign>{'|'.join(signs)}){body})(?=\r?$)", re.MULTILINE)


def _words(match: re.Match[str], comment: Comment) -> str | None:
    """What stands behind the verb; none where the line is no marker after all."""
    words: str = match["rest"].strip()
    if comment.block and match["sign"] == comment.block[0]:
        if not words.endswith(comment.block[1]):
            return None
        words = words.removesuffix(comment.block[1]).rstrip()
    # "dgedit: end of the story" is prose.
    return None if match["verb"] == "end" and words else words.removeprefix(":").lstrip()


def _with_options(marker: Marker, words: str) -> Marker:
    """The marker with its options; what follows them is the instruction.

    Raises:
        DgeditError: when a number is none, or out of its range.
    """
    while match := OPTION.match(words):
        name, value = match.groups()
        words = words[match.end() :]
        if name == "strength":
            marker = replace(marker, strength=_share(value, marker))
        elif name == "lines":
            marker = replace(marker, lines_max=_count(name, value, marker))
        else:
            marker = replace(marker, tokens_max=_count(name, value, marker))
    return replace(marker, instruction=words)


def _count(name: str, value: str, marker: Marker) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", value):
        raise DgeditError(f"line {marker.line}: {name}={value} is not a count of at least 1", f"write {name}=3")
    return int(value)


def _share(value: str, marker: Marker) -> float:
    if marker.verb != "begin":
        raise DgeditError(
            f"line {marker.line}: strength={value} has no code to mend", "put the code between dgedit: begin and end"
        )
    if not re.fullmatch(r"[01]?\.\d+|1", value) or not 0 < float(value) <= 1:
        raise DgeditError(f"line {marker.line}: strength={value} is not above 0 and at most 1", "write strength=0.5")
    return float(value)


def _outside_others(text: str, language: str, places: set[int]) -> set[int]:
    """Those of the places, where comments seem to begin, that are in no string and no other comment."""
    forms = _forms(language)
    if not forms or not places:
        return places
    return places.intersection(_begins(text, language, forms, max(places)))


def _begins(text: str, language: str, forms: dict[str, _Form], last: int) -> Iterator[int]:
    """Where strings and comments begin, up to a place; what is begun and never ended is none.

    Every character is read a bounded number of times: where one of a kind has no end, no other of that kind is begun
    in what was read to look for it.
    """
    openers, at = _openers(language), 0
    endless = dict.fromkeys(forms, 0)
    while at <= last and (found := openers.search(text, at)):
        at, form = found.end(), forms[found.group()]
        if found.start() < endless[found.group()]:
            continue
        body = form.body.match(text, at)
        end = body.end() if body else at
        if text.startswith(form.closer, end):
            yield found.start()
            at = end + len(form.closer)
        else:
            endless[found.group()] = end


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind of string or comment: what stands in it, and what ends it (nothing, where the line does)."""

    body: re.Pattern[str]
    closer: str


@lru_cache(maxsize=64)
def _openers(language: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(_forms(language), key=len, reverse=True))))


@lru_cache(maxsize=64)
def _forms(language: str) -> dict[str, _Form]:
    """Strings and comments, by what opens them, of languages whose strings run over several lines; else none."""
    if language not in TRIPLE_QUOTED | BACK_QUOTED | OPEN_QUOTED:
        return {}
    comment = comment_of(language)
    forms = {comment.line: _Form(re.compile(r"[^\n]*"), "")} if comment.line else {}
    if comment.block:
        opener, closer = comment.block
        forms[opener] = _Form(re.compile(rf"(?:(?!{re.escape(closer)}).)*+", re.DOTALL), closer)
    if language in TRIPLE_QUOTED:
        for quote in "\"'":
            body = rf"(?:[^{quote}\\]|\\.|{quote}(?!{quote}{quote}))*+"
            forms[3 * quote] = _Form(re.compile(body, re.DOTALL), 3 * quote)
    if language in BACK_QUOTED:
        forms["`"] = _Form(re.compile(r"[^`]*+" if language == "go" else r"(?:[^`\\]|\\.)*+", re.DOTALL), "`")
    line = r"(?:[^\"\\]|\\.)*+" if language in OPEN_QUOTED else r"(?:[^\"\\\n]|\\.)*+"
    forms['"'] = _Form(re.compile(line, re.DOTALL), '"')
    if language in SINGLE_QUOTED:
        forms["'"] = _Form(re.compile(r"(?:[^'\\\n]|\\.)*+", re.DOTALL), "'")
    return forms
