"""Find and replace over a text: queries, matches, replacements, places.

Offsets count code points of the text as given. A query sees each CRLF as one line feed, so `$`, `.`, `\\s`, `\\n` and
`\\r\\n` behave as elsewhere and a carriage return is never left over; in a text without line feeds a carriage return
ends a line. Lines that are not replaced keep their own endings. `^` and `$` belong to lines; the empty row after the
last line break is no line to them.

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

MATCHES_MAX = 100_000

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
_CR, _LF = r"(?:(?<!\\)\\(?:r|x0[dD]|u000[dD]|015)|\r)", r"(?:\\(?:n|x0[aA]|u000[aA]|012)|\n)"
_RETURN = re.compile(_CR)
"""A carriage return as a regular expression may write it."""
_SIGNS = re.compile(
    rf"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<either>{_CR}{_LF}\?[?+]?)|(?P<pair>{_CR}{_LF})|(?P<return>{_CR})|\\.",
    re.DOTALL,
)
"""A set, CR with LF or none, CRLF, CR, and any other escape of a regular expression."""


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
    flat = Flat.of(text)
    pattern = flat.compiled(query)
    found = islice(_scan(flat.text, pattern, flat.bounds(within)), limit + 1) if query.pattern else ()
    spans = [match.span() for match in found]
    starts = flat.offsets(start for start, _ in spans[:limit])
    ends = flat.offsets(end for _, end in spans[:limit])
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
    for escape in re.finditer(
        r"\\(?:g<(?P<name>[^>]*)>|(?P<number>[0-9]{1,2})|(?P<sign>r\\n|.?))", replacement, re.DOTALL
    ):
        parts += [replacement[at : escape.start()], *_escaped(escape, pattern)]
        at = escape.end()
    return Replacement((*parts, replacement[at:]))


def replace_all(text: str, query: Query, replacement: str, within: tuple[int, int] | None = None) -> tuple[str, int]:
    """The text with every match in `within` replaced, and how many there were; line endings are kept.

    A line break in a replacement is that of the line which the match begins in.

    Raises:
        DgeditError: when the pattern or the replacement is wrong.
    """
    flat = Flat.of(text)
    pattern = flat.compiled(query)
    template = parse_replacement(query, _plain_breaks(replacement))
    pieces: list[str] = []
    count = at = 0
    for match in _scan(flat.text, pattern, flat.bounds(within)) if query.pattern else ():
        start, end = flat.offset(match.start()), flat.offset(match.end())
        pieces += [text[at:start], flat.written(match, template)]
        at = end
        count += 1
    return ("".join([*pieces, text[at:]]), count) if count else (text, 0)


def replace_one(text: str, query: Query, start: int, replacement: str) -> tuple[int, str] | None:
    """Where the match that begins at `start` ends, and what comes in its place; None where none begins.

    Raises:
        DgeditError: when the pattern or the replacement is wrong.
    """
    flat = Flat.of(text)
    pattern = flat.compiled(query)
    template = parse_replacement(query, _plain_breaks(replacement))
    match = pattern.match(flat.text, flat.flattened(start)) if query.pattern else None
    if match is None:
        return None
    return flat.offset(match.end()), flat.written(match, template)


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
        known = {"n": "\n", "r\\n": "\n", "t": "\t", "\\": "\\"}.get(sign)
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


def _flat_query(query: Query, *, old_breaks: bool) -> Query:
    """The query as it is looked for in the flat form of a text."""
    if not query.regex:
        plain = _plain_breaks(query.pattern)
        return replace(query, pattern=plain.replace("\r", "\n") if old_breaks else plain)
    if not _RETURN.search(query.pattern):
        return query
    # What is wrong with a pattern is said of it as it was written.
    compiled(query)
    return replace(query, pattern=_with_plain_breaks(query.pattern, old_breaks=old_breaks))


def _with_plain_breaks(pattern: str, *, old_breaks: bool) -> str:
    """A regular expression whose CRLF is the line feed that the flat text has for it.

    Args: old_breaks: whether a carriage return alone is a line break, too, and is a line feed there.
    """

    def plain(found: re.Match[str]) -> str:
        if found["set"]:
            return _RETURN.sub(r"\\n", found[0]) if old_breaks else found[0]
        if found["either"]:
            return r"\n" if old_breaks else r"(?:\n|\r)"
        return r"\n" if found["pair"] or (found["return"] and old_breaks) else found[0]

    return _SIGNS.sub(plain, pattern)


def _plain_breaks(text: str) -> str:
    return text.replace("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class Flat:
    """A text with a line feed for every line break, and the way back to its own offsets."""

    given: str
    text: str
    returns: Sequence[int]
    """Where the line feeds are, in `text`, that stand for CRLF; ascending."""
    usual: str
    """The line break of lines that tell of none."""
    whole: bool
    """All lines end as `usual` says."""

    @classmethod
    def of(cls, text: str) -> Flat:
        """The flat form of a text."""
        if "\n" not in text:
            return cls(text, text.replace("\r", "\n"), (), "\r" if "\r" in text else "\n", True)
        if "\r\n" not in text:
            return cls(text, text, (), "\n", True)
        # The n-th return is n characters nearer to the start, for those before it are gone.
        found = [match.start() - number for number, match in enumerate(re.finditer("\r\n", text))]
        breaks = text.count("\n")
        usual = "\r\n" if 2 * len(found) > breaks else "\n"
        return cls(text, text.replace("\r\n", "\n"), found, usual, len(found) == breaks)

    def compiled(self, query: Query) -> re.Pattern[str]:
        """A query as it is looked for in `text`."""
        return compiled(_flat_query(query, old_breaks=self.usual == "\r"))

    def offset(self, at: int) -> int:
        """An offset of `text` in the text as it was given."""
        return at + bisect_left(self.returns, at)

    def offsets(self, ats: Iterable[int]) -> list[int]:
        """Offsets of `text` in the text as it was given."""
        return [*map(self.offset, ats)] if self.returns else [*ats]

    def flattened(self, offset: int) -> int:
        """An offset of the given text in `text`; the middle of a CRLF is its start."""
        # The n-th return was at its place in `text` plus n.
        low, high = 0, len(self.returns)
        while low < high:
            middle = (low + high) // 2
            if self.returns[middle] + middle < offset:
                low = middle + 1
            else:
                high = middle
        return offset - low

    def bounds(self, within: tuple[int, int] | None) -> tuple[int, int] | None:
        """A range of the given text in `text`."""
        return None if within is None else (self.flattened(within[0]), self.flattened(within[1]))

    def written(self, match: re.Match[str], replacement: Replacement) -> str:
        """What comes in the place of a match: what it takes over as it stood, each new line as the one there ends."""
        own = self._break_at(match.start())
        return "".join(
            part.replace("\n", own) if isinstance(part, str) else self._group(match, part) for part in replacement.parts
        )

    def _group(self, match: re.Match[str], number: int) -> str:
        start, end = match.span(number)
        return "" if start < 0 else self.given[self.offset(start) : self.offset(end)]

    def _break_at(self, at: int) -> str:
        ends = -1 if self.whole else self.text.find("\n", at)
        if ends < 0:
            return self.usual
        place = bisect_left(self.returns, ends)
        return "\r\n" if place < len(self.returns) and self.returns[place] == ends else "\n"


def _scan(text: str, pattern: re.Pattern[str], within: tuple[int, int] | None) -> Iterator[re.Match[str]]:
    low, high = within or (0, len(text))
    for match in pattern.finditer(text, low):
        if match.end() > high:
            return
        if match.start() == high > low and text[high - 1] == "\n":
            return
        yield match
