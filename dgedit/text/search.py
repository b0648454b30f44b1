"""Find and replace over a text: queries, matches, replacements, places.

Offsets count code points of the text as given. Where all lines end in CRLF a query sees each line end as one line
feed, so `$`, `.`, `\\s` and `\\n` behave as elsewhere and a carriage return is never left over; offsets are those of
the text as given all the same. Where endings are mixed a carriage return is an ordinary character at the end of its
line, as in the editor. `^` and `$` belong to lines; the empty row after the last line break is no line to them.

Python's `re` holds the interpreter while it matches, so a thread does not keep a bad pattern from freezing an editor;
`time_limit` stops it. Nothing here knows a widget.
"""

from __future__ import annotations

import re
import signal
import threading
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from ..errors import DgeditError
from .edits import Location

MATCHES_MAX = 100_000
ROWS_PER_CHUNK = 2_000

LineMatch = tuple[int, int, int]
"""Row, first column, column after the last."""

PATTERN_HINT = "put a backslash before a sign to find the sign itself, or search for plain text"
REPLACEMENT_HINT = r"write \\ for a backslash; \1, \g<name>, \g<0>, \n and \t are known"
FAULTS = {
    "missing ), unterminated subpattern": "a ( is never closed",
    "unbalanced parenthesis": "a ) closes nothing",
    "unterminated character set": "a [ is never closed",
    "bad character range": "a range in [ ] runs backwards",
    "nothing to repeat": "a repeat sign has nothing before it",
    "multiple repeat": "two repeat signs follow each other",
    "min repeat greater than max repeat": "a repeat in { } has its larger number first",
    "bad escape (end of pattern)": "it ends in a lone backslash",
    "bad escape": "an escape is unknown",
    "look-behind requires fixed-width pattern": "(?<= and (?<! take only patterns of one length",
    "invalid group reference": "it refers to a group that is not there",
    "unknown group name": "it refers to a group that is not there",
    "redefinition of group name": "two groups have the same name",
    "global flags not at the start": "flags such as (?i) may stand only at its beginning",
    "unknown extension": "what follows (? is unknown",
}
"""How `re` begins its messages, in plain words."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for."""

    pattern: str
    regex: bool = False
    case: bool | None = None
    """Whether case matters; None: if the pattern has an upper-case letter."""
    whole_word: bool = False


@dataclass(frozen=True, slots=True)
class Matches:
    """Where a query matches, in order; match `i` is `[starts[i], ends[i])`, and no two starts are the same."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    truncated: bool = False
    """There are more."""

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What comes in the place of a match: pieces of text, and numbers of groups."""

    parts: tuple[str | int, ...]

    def expand(self, match: re.Match[str]) -> str:
        """The text for one match; a group that took no part is empty."""
        return "".join(part if isinstance(part, str) else match[part] or "" for part in self.parts)


@lru_cache(maxsize=64)
def compiled(query: Query) -> re.Pattern[str]:
    """The query as a pattern, `^` and `$` by lines.

    Raises:
        DgeditError: when it is no regular expression; the message says where and why.
    """
    flags = re.MULTILINE if _minds_case(query) else re.MULTILINE | re.IGNORECASE
    if not query.regex:
        return re.compile(_literal(query.pattern, whole_word=query.whole_word), flags)
    try:
        # A warning on standard error would be drawn over the editor.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pattern = re.compile(query.pattern, flags)
            return _whole_words(pattern, flags) if query.whole_word else pattern
    except re.error as error:
        place = "" if error.pos is None else f" at column {error.pos + 1}"
        raise DgeditError(f"the pattern is wrong{place}: {_fault(error.msg)}", PATTERN_HINT) from None
    except (OverflowError, RecursionError):
        raise DgeditError("the pattern is too large or too deep", "make it simpler") from None


def find_all(text: str, query: Query, within: tuple[int, int] | None = None, limit: int = MATCHES_MAX) -> Matches:
    """Every match that lies in `within`, up to `limit`; an empty pattern matches nothing.

    Text around `within` still counts for `^`, `$`, `\\b` and look-arounds.

    Raises:
        DgeditError: when the pattern is wrong.
    """
    flat, pattern, crlf = _prepared(text, query)
    bounds = _flat_bounds(text, within) if crlf and within else within
    spans = [match.span() for match in islice(_scan(flat, pattern, bounds), limit + 1)] if query.pattern else []
    starts, ends = [start for start, _ in spans[:limit]], [end for _, end in spans[:limit]]
    if crlf:
        starts, ends = _unflattened(flat, starts), _unflattened(flat, ends)
    return Matches(tuple(starts), tuple(ends), len(spans) > limit)


def next_match(matches: Matches, offset: int, *, wrap: bool = True) -> int | None:
    """Index of the first match that starts at or after an offset; else, with `wrap`, of the first of all."""
    index = bisect_left(matches.starts, offset)
    if index < len(matches):
        return index
    return 0 if wrap and len(matches) else None


def previous_match(matches: Matches, offset: int, *, wrap: bool = True) -> int | None:
    """Index of the last match that starts before an offset; else, with `wrap`, of the last of all."""
    index = bisect_left(matches.starts, offset) - 1
    if index >= 0:
        return index
    return len(matches) - 1 if wrap and len(matches) else None


def parse_replacement(query: Query, replacement: str) -> Replacement:
    """What a replacement means: literal text, or for a regular expression a template.

    Raises:
        DgeditError: when the pattern is wrong, or the template names a group or an escape that is not there.
    """
    if not query.regex:
        return Replacement((replacement,))
    pattern = compiled(query)
    parts: list[str | int] = []
    at = 0
    for escape in re.finditer(r"\\(?:g<(?P<name>[^>]*)>|(?P<number>[0-9]{1,2})|(?P<sign>.?))", replacement, re.DOTALL):
        parts += [replacement[at : escape.start()], *_escaped(escape, pattern)]
        at = escape.end()
    return Replacement((*parts, replacement[at:]))


def replace_all(text: str, query: Query, replacement: str, within: tuple[int, int] | None = None) -> tuple[str, int]:
    """The text with every match in `within` replaced, and how many there were; its line ending is kept.

    Raises:
        DgeditError: when the pattern or the replacement is wrong.
    """
    flat, pattern, crlf = _prepared(text, query)
    template = parse_replacement(query, _flattened(replacement, crlf))
    bounds = _flat_bounds(text, within) if crlf and within else within
    pieces: list[str] = []
    count = at = 0
    for match in _scan(flat, pattern, bounds) if query.pattern else ():
        pieces += [flat[at : match.start()], template.expand(match)]
        at = match.end()
        count += 1
    if not count:
        return text, 0
    whole = "".join([*pieces, flat[at:]])
    return (whole.replace("\n", "\r\n") if crlf else whole), count


def replace_one(text: str, query: Query, start: int, replacement: str) -> tuple[int, str] | None:
    """Where the match that begins at `start` ends, and what comes in its place; None where none begins.

    Raises:
        DgeditError: when the pattern or the replacement is wrong.
    """
    flat, pattern, crlf = _prepared(text, query)
    template = parse_replacement(query, _flattened(replacement, crlf))
    match = pattern.match(flat, _flat_bounds(text, (start, start))[0] if crlf else start) if query.pattern else None
    if match is None:
        return None
    new = template.expand(match)
    return (_unflattened(flat, [match.end()])[0], new.replace("\n", "\r\n")) if crlf else (match.end(), new)


def on_one_line(query: Query) -> bool:
    """Whether no match can reach over a line break; False where that is not plain."""
    if not query.regex:
        return "\n" not in query.pattern
    rest = re.sub(r"\\(?:[bdwS1-9]|[^\sa-zA-Z0-9]|t(?!-))", "", query.pattern)
    doubtful = "\\" in rest or "[^" in rest or re.search(r"\(\?[a-zA-Z]*s", rest)
    return not doubtful and min(rest, default=" ") >= " "


def find_in_lines(
    lines: Sequence[str], query: Query, rows_per_chunk: int = ROWS_PER_CHUNK
) -> Iterator[tuple[int, list[LineMatch]]]:
    """For chunk after chunk of rows: the row that comes next, and the matches; between chunks a caller may stop.

    They are those of `find_all` over the whole text.

    Raises:
        DgeditError: when the pattern is wrong.
        ValueError: when a match might reach over a line break (see `on_one_line`).
    """
    pattern = compiled(query)
    if not on_one_line(query):
        raise ValueError(f"{query.pattern!r} may match over line breaks")
    for first in range(0, len(lines) if query.pattern else 0, rows_per_chunk):
        stop = min(first + rows_per_chunk, len(lines))
        chunk = "\n".join(lines[first:stop])
        spans = [match.span() for match in pattern.finditer(chunk)]
        places = zip(to_locations(chunk, (start for start, _ in spans)), spans, strict=True)
        found = [(first + row, column, column + end - start) for (row, column), (start, end) in places]
        if found and stop == len(lines) > 1 and not lines[-1] and found[-1][0] == stop - 1:
            found.pop()
        yield stop, found


def to_locations(text: str, offsets: Iterable[int]) -> list[Location]:
    """Rows and columns of ascending offsets, in one pass over the text."""
    locations = []
    row = line_start = at = 0
    for offset in offsets:
        breaks = text.count("\n", at, offset)
        if breaks:
            row += breaks
            line_start = text.rindex("\n", at, offset) + 1
        at = offset
        locations.append((row, offset - line_start))
    return locations


def to_offsets(text: str, locations: Iterable[Location]) -> list[int]:
    """Offsets of ascending rows and columns, in one pass over the text."""
    offsets = []
    row = line_start = 0
    for wanted_row, column in locations:
        while row < wanted_row:
            line_start = text.index("\n", line_start) + 1
            row += 1
        offsets.append(line_start + column)
    return offsets


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what runs inside after some time, in the midst of a match too; only the main thread can be stopped.

    Raises:
        DgeditError: when the time is up.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise DgeditError(
            f"the search was stopped after {seconds:g} s", "a repeat inside a repeat, like (a+)+, can take for ever"
        )

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before or signal.SIG_DFL)


def _minds_case(query: Query) -> bool:
    if query.case is not None:
        return query.case
    # The letters of escapes (\S) and of group names are not text that is looked for.
    literal = re.sub(r"\\.|\(\?P[<=][^>)]*", "", query.pattern, flags=re.DOTALL) if query.regex else query.pattern
    return any(character.isupper() for character in literal)


def _literal(pattern: str, *, whole_word: bool) -> str:
    """The pattern of a literal; its boundaries are checked after it, since `re` is fast where a literal comes first."""
    literal = re.escape(pattern)
    if not whole_word or not pattern:
        return literal
    before = rf"(?<!\w{literal})" if re.match(r"\w", pattern[0]) else ""
    after = r"(?!\w)" if re.match(r"\w", pattern[-1]) else ""
    return literal + before + after


def _whole_words(pattern: re.Pattern[str], flags: int) -> re.Pattern[str]:
    """Matches that no word character continues on either side, where they begin or end with one themselves."""
    body = re.sub(r"\A(?:\(\?[a-zA-Z]+\))+", "", pattern.pattern)
    # A comment of a verbose pattern must not swallow the closing parenthesis.
    closing = "\n)" if pattern.flags & re.VERBOSE else ")"
    return re.compile(rf"(?:\b|(?!\w))(?:{body}{closing}(?:\b|(?<!\w))", flags | pattern.flags)


def _fault(message: str) -> str:
    return next((words for start, words in FAULTS.items() if message.startswith(start)), message)


def _escaped(escape: re.Match[str], pattern: re.Pattern[str]) -> tuple[str | int, ...]:
    """What an escape of a replacement stands for."""
    name, number, sign = escape["name"], escape["number"], escape["sign"]
    if sign is not None:
        known = {"n": "\n", "t": "\t", "\\": "\\"}.get(sign)
        if known is None:
            where = f"at column {escape.start() + 1} of the replacement"
            raise DgeditError(f"{escape[0]} {where} means nothing", REPLACEMENT_HINT)
        return (known,)
    if number is not None:
        # As `\12` is no group where there are fewer, it is group 1 and a 2.
        digits = len(number) if int(number) <= pattern.groups else 1
        group, rest = int(number[:digits]), number[digits:]
    else:
        group = pattern.groupindex.get(name, int(name) if re.fullmatch("[0-9]{1,3}", name) else -1)
        rest = ""
    if not 0 <= group <= pattern.groups:
        count = f"{pattern.groups} group{'' if pattern.groups == 1 else 's'}"
        names = "".join(f", {name}" for name in pattern.groupindex)
        raise DgeditError(
            f"{escape[0]} in the replacement is no group: the pattern has {count}{names}", REPLACEMENT_HINT
        )
    return (group, rest)


def _prepared(text: str, query: Query) -> tuple[str, re.Pattern[str], bool]:
    """Text and pattern as they are matched, and whether CRLF line ends were made line feeds for that."""
    if "\r\n" not in text or text.count("\r\n") != text.count("\n"):
        return text, compiled(query), False
    if not query.regex:
        query = replace(query, pattern=_flattened(query.pattern, crlf=True))
    return text.replace("\r\n", "\n"), compiled(query), True


def _flattened(text: str, crlf: bool) -> str:
    return text.replace("\r\n", "\n") if crlf else text


def _flat_bounds(text: str, bounds: tuple[int, int]) -> tuple[int, int]:
    """Offsets in a CRLF text as they are once its line ends are line feeds."""
    low, high = (at - text.count("\r\n", 0, at) - (text[at - 1 : at + 1] == "\r\n") for at in bounds)
    return low, high


def _unflattened(flat: str, offsets: list[int]) -> list[int]:
    """Ascending offsets as they are where each line feed is CRLF."""
    return [offset + row for offset, (row, _) in zip(offsets, to_locations(flat, offsets), strict=True)]


def _scan(text: str, pattern: re.Pattern[str], within: tuple[int, int] | None) -> Iterator[re.Match[str]]:
    low, high = within or (0, len(text))
    for match in pattern.finditer(text, low):
        if match.end() > high:
            return
        if match.start() == high > low and text[high - 1] == "\n":
            return
        yield match
