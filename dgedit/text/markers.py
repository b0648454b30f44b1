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
from dataclasses import dataclass, replace
from functools import lru_cache

from ..errors import DgeditError
from .languages import Comment, comment_of

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
    pattern = _strings_and_comments(language)
    if pattern is None or not places:
        return places
    return places.intersection(match.start() for match in pattern.finditer(text, 0, max(places) + 1_000))


@lru_cache(maxsize=64)
def _strings_and_comments(language: str) -> re.Pattern[str] | None:
    """Strings and comments of languages whose strings run over several lines; none for the others."""
    if language not in TRIPLE_QUOTED | BACK_QUOTED | OPEN_QUOTED:
        return None
    comment = comment_of(language)
    forms = [rf"{re.escape(comment.line)}[^\n]*"] if comment.line else []
    forms += [".*?".join(map(re.escape, comment.block))] if comment.block else []
    if language in TRIPLE_QUOTED:
        forms += [rf"{quote}(?:[^\\]|\\.)*?{quote}" for quote in ('"""', "'''")]
    if language in BACK_QUOTED:
        forms.append(r"`[^`]*`" if language == "go" else r"`(?:[^`\\]|\\.)*`")
    forms.append(r'"(?:[^"\\]|\\.)*"' if language in OPEN_QUOTED else r'"(?:[^"\\\n]|\\.)*"')
    if language in SINGLE_QUOTED:
        forms.append(r"'(?:[^'\\\n]|\\.)*'")
    return re.compile("|".join(forms), re.DOTALL)
