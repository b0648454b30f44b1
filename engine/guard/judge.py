"""The guard of one hole: trims what is proposed for it, and says of a text what it would do to the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from .. import parsing
from . import escaping, overlap, parse
from .attributes import Attributes, attributes_of
from .indentation import fitted
from .lexing import without_comment
from .members import Members
from .names import proposed
from .place import HolePlace, PlaceKind, place_of
from .scope import Names, Scope, scope_of
from .stutter import stands_in, stutters

BAD_TIER = 2
"""From here on an answer is worse than none that has not been looked for."""
NEAR_LINES = 3
"""So many lines on either side of a hole stand next to it."""
_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"^(?:import|from) .*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardVerdict:
    """What an answer would do to the file."""

    parses: bool | None
    """Whether the whole text parses with it; none where that cannot be told."""
    breaks: bool
    """It leaves more broken than another text in the hole would."""
    unknown: frozenset[str] = frozenset()
    """Names that nothing defines, and that were not there before."""
    resolved: int = 0
    """Names that only the answer defines, and the text around it reads."""
    idle: int = 0
    """Names that it binds and nothing reads."""
    used: int = 0
    """Names that nothing read before."""
    next_to: bool = False
    """It only says lines again that stand next to the hole, or the text next to it in its line."""
    in_function: bool = False
    """Its lines stand in the same function already."""
    in_class: bool = False
    """Its lines stand in the same class already."""
    stutters: bool = False

    @property
    def tier(self) -> int:
        """What it is ranked by before any score: 0 for an answer that nothing is to be said against."""
        if self.breaks:
            return 3
        return 2 if self.unknown or self.stutters else int(self.next_to or self.in_function or self.in_class)


class Guard:
    """Judges answers for one hole; keeps what it has learned of the text around it."""

    guides = True
    """Whether the sampler is told what the place forbids."""

    def __init__(self, prefix: str, suffix: str, language: str) -> None:
        """Args: prefix, suffix: all text before and after the hole, with plain line feeds."""
        self.prefix, self.suffix, self.language = prefix, suffix, language
        self._source = parse.source_of(prefix, suffix, language)
        self.place: HolePlace = place_of(prefix, suffix, language, self._source)
        self._faults = dict[str, int]()
        self._verdicts = dict[str, GuardVerdict]()

    def trimmed(self, text: str) -> str:
        """The text as it fits its place: of all that it may be without repetitions, the first with which it parses."""
        readings = list(dict.fromkeys(self._readings(text.replace("\r\n", "\n").replace("\r", "\n"))))
        if len(readings) == 1:
            return readings[0]
        least = min(readings, key=self._loss)
        return least

    def _loss(self, text: str) -> int:
        return self.faults(text)

    def _readings(self, text: str) -> Iterator[str]:
        """What a text may be meant as, the likeliest first."""
        place = self.place
        if place.kind is PlaceKind.CODE:
            yield from self._code(text)
            return
        if place.is_mid_line:
            text = text.split("\n", 1)[0]
        if place.kind is PlaceKind.FIELD:
            yield from self._cuts(escaping.in_field(text, place.quote))
            return
        if place.kind is PlaceKind.STRING:
            inside = escaping.until_quote(text, place.quote, raw=place.raw)
            inside = inside if len(place.quote) == 3 or place.quote == "`" else inside.split("\n", 1)[0]
            text = escaping.in_json(inside) if place.language in ("json", "jsonc") else inside
        else:
            text = escaping.in_comment(text, place.language, closing=place.quote)
        yield _spoken_once(text, place)

    def _code(self, text: str) -> Iterator[str]:
        place = self.place
        if place.is_mid_line:
            text = without_comment(text.lstrip("\n").split("\n", 1)[0], place.language)
        else:
            text = fitted(text, self.prefix, self.suffix).rstrip() if place.rest == "" else text
        for start in self._starts(text):
            yield from self._cuts(start)

    def _starts(self, text: str) -> Iterator[str]:
        """The text without what it repeats of what stands before it."""
        place = self.place
        if not place.begins_line:
            yield from overlap.begins_cut(text, place.head)
            yield from self._word_cut(text)
        elif "\n" in text:
            yield from overlap.first_lines_cut(text, self.prefix)
        yield text

    def _word_cut(self, text: str) -> Iterator[str]:
        """The text without the part of a word that stands before it, where that makes a word of the file."""
        stem, found = self.place.stem, _WORD.match(text)
        if stem and found and found.group().startswith(stem) and len(found.group()) > len(stem):
            together = stem + found.group()
            if found.group() in self.words or together not in self.words:
                yield text[len(stem) :]

    def _cuts(self, text: str) -> Iterator[str]:
        """The text without what it repeats of what stands after it."""
        place = self.place
        if place.is_mid_line:
            for cut in (*overlap.call_cut(text, place.rest), *overlap.ends_cut(text, place.rest), text):
                yield _blanks(cut, place)
            return
        for cut in (*overlap.lines_cut(text, self.suffix), text):
            yield _blanks(cut, place)
            if (deeper := _deeper(cut, place)) != cut:
                yield deeper

    def names(self) -> list[str]:
        """Names and ends of words that could stand in the hole by themselves."""
        scope = self._scope
        before = self._window.before if self.language == "python" and self._source is not None else self.prefix[-2_000:]
        wanted = scope.before.undefined if scope is not None else frozenset[str]()
        after = self.suffix if scope is None else self._window.after + self.suffix
        members = self._members.proposed() if self._members is not None else []
        ordered = sorted(wanted, key=lambda name: (_first(name, after), name))
        return list(dict.fromkeys((*proposed(self.prefix, self.suffix, self.place, tuple(ordered), before), *members)))

    def faults(self, text: str) -> int:
        """How much of the file is broken with a text in the hole; 0 where it parses or cannot be judged."""
        if text not in self._faults:
            self._faults[text] = self._count_faults(text)
        return self._faults[text]

    def _count_faults(self, text: str) -> int:
        if self._source is None:
            return 0
        if self._compiles is not None and self._compiles(text):
            return 0
        if self._compiles is not None and self.is_sound:
            return 1 + parse.faults(self._source.with_answer(text))
        return parse.faults(self._source.with_answer(text))

    @cached_property
    def _compiles(self) -> Callable[[str], bool] | None:
        """Whether the part around the hole is taken by the language's own parser; none where it has none."""
        if self._source is None:
            return None
        if self.language == "python":
            window = self._window
            return lambda text: parsing.compiles(window.source(text), awaits=True)
        if self.language in ("json", "toml"):
            return lambda text: bool(parsing.reads(self.prefix + text + self.suffix, self.language))
        return None

    @cached_property
    def _window(self) -> parse.Window:
        assert self._source is not None, "asked for where there is a grammar"
        return parse.window_of(self.prefix, self.suffix, self._source)

    @cached_property
    def is_sound(self) -> bool:
        """Whether some filler makes the part around the hole parse by the language's own parser."""
        return self._compiles is not None and self._filler is not None

    @cached_property
    def _filler(self) -> str | None:
        """A text with which the part around the hole compiles; none where none was found."""
        if self._compiles is None:
            return None
        return next((each for each in (parse.FILLER, *parse.FILLERS) if self._compiles(each)), None)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the text."""
        return frozenset(_WORD.findall(self.prefix)) | frozenset(_WORD.findall(self.suffix))

    @cached_property
    def _scope(self) -> Scope | None:
        if (
            self.language != "python"
            or self._source is None
            or self.place.kind in (PlaceKind.STRING, PlaceKind.COMMENT)
        ):
            return None
        filler = self._filler
        return scope_of(self._window, filler) if filler is not None else None

    def least_faults(self, texts: list[str]) -> int:
        """The faults of the best of some texts, or of the best filler where none of them parses."""
        least = min((self.faults(text) for text in texts), default=1)
        if least:
            least = min(least, *(self.faults(filler) for filler in (parse.FILLER, *parse.FILLERS)))
        return least

    def fits_whole(self, text: str) -> bool:
        """Whether the whole text is read with an answer, as far as it is without: asked last, of one that may win."""
        if self._source is None or self.language != "python" or not self._window.outside:
            return True
        if not self._sound_outside:
            return True
        return bool(parsing.reads(self.prefix + text + self.suffix, self.language))

    @cached_property
    def _sound_outside(self) -> bool:
        """Whether the rest of the text parses, so that only the answer could break it."""
        return parsing.compiles(self._window.outside, awaits=True)

    def has_good(self, texts: list[str]) -> bool:
        """Whether there is a text among some that nothing is to be said against."""
        least = self.least_faults(texts)
        return any(text.strip() and self.verdict(text, least).tier < BAD_TIER for text in texts)

    def verdict(self, text: str, least: int) -> GuardVerdict:
        """What is to be said of a text.

        Args:
            least: the faults that cannot be helped; from `least_faults`.
        """
        if text not in self._verdicts:
            self._verdicts[text] = self._judged(text)
        verdict = self._verdicts[text]
        breaks = self._source is not None and self.faults(text) > least
        return verdict if verdict.breaks == breaks else replace(verdict, breaks=breaks)

    def _judged(self, text: str) -> GuardVerdict:
        judged, count = self._source is not None, self.faults(text)
        names = self._names(text) if not count else None
        before = self._scope.before if self._scope is not None else Names()
        lines = self._lines
        return GuardVerdict(
            parses=None if not judged else count == 0,
            breaks=False,
            unknown=(names.undefined - before.undefined) | self._unknown_attributes(text) if names else frozenset(),
            resolved=len(before.undefined - names.undefined) if names else 0,
            idle=len(names.unused - before.unused) if names else 0,
            used=len(before.unused - names.unused) if names else 0,
            next_to=self._repeats(text),
            in_function=self._whole_lines and stands_in(text, lines[1]),
            in_class=self._whole_lines and stands_in(text, lines[2]),
            stutters=stutters(text),
        )

    def _unknown_attributes(self, text: str) -> frozenset[str]:
        if "." not in self.place.head[-64:] + text:
            return frozenset()
        found = self._attributes.unknown(self.place.head, text)
        return found or (self._members.unknown(text) if self._members is not None else frozenset())

    @cached_property
    def _members(self) -> Members | None:
        if self._scope is None:
            return None
        return Members(window=self._window, place=self.place, words=self.words)

    @cached_property
    def _attributes(self) -> Attributes:
        node = self._source.node() if self._source is not None else None
        return attributes_of(self.prefix + "\n" + self.suffix, self.words, node)

    def _names(self, text: str) -> Names | None:
        return self._scope.names(text) if self._scope is not None else None

    @property
    def _whole_lines(self) -> bool:
        return self.place.kind is PlaceKind.CODE and self.place.begins_line and not self.place.is_mid_line

    def _repeats(self, text: str) -> bool:
        if self._whole_lines:
            return stands_in(text, self._lines[0])
        return overlap.repeats(text, self.place.head, self.place.rest) if self.place.kind is PlaceKind.CODE else False

    @cached_property
    def _lines(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Stripped lines next to the hole, of its function, of its class; an import is next to all of the file."""
        head = self.prefix[: len(self.prefix) - len(self.place.head)]
        before = [line.strip() for line in head.split("\n") if line.strip()][-NEAR_LINES:]
        after = [line.strip() for line in self.suffix.split("\n")[1:] if line.strip()][:NEAR_LINES]
        imports = _IMPORT.findall(self.prefix + "\n" + self.suffix) if self.language == "python" else []
        near = frozenset((*before[-1:], *after[:1], *map(str.strip, imports)))
        node = self._source.node() if self._source is not None else None
        return near, _block_lines(node, "function"), _block_lines(node, "class")


def judged(text: str, prefix: str, suffix: str, language: str) -> tuple[str, GuardVerdict]:
    """An answer that comes alone, as it fits its place, and what is to be said of it."""
    guard = Guard(prefix, suffix, language)
    kept = guard.trimmed(text)
    verdict = guard.verdict(kept, guard.least_faults([kept]))
    if not verdict.breaks and not guard.fits_whole(kept):
        verdict = replace(verdict, parses=False, breaks=True)
    return kept, verdict


def _first(name: str, text: str) -> int:
    """Where a name stands first in a text; behind all of it where it does not."""
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return found.start() if found else len(text)


def _block_lines(node: object, kind: str) -> frozenset[str]:
    """Stripped lines of the innermost block of a kind around a node."""
    from tree_sitter import Node

    found = node if isinstance(node, Node) else None
    while found is not None and not (
        kind in found.type and ("definition" in found.type or "declaration" in found.type)
    ):
        found = found.parent
    text = (found.text or b"").decode(errors="replace") if found is not None else ""
    return frozenset(line.strip() for line in text.split("\n") if line.strip() and parse.FILLER not in line)


def _blanks(text: str, place: HolePlace) -> str:
    """One blank where two would stand, and none behind an opening bracket."""
    if not place.begins_line and (place.head[-1:].isspace() or place.head[-1:] in ("(", "[", "{", ".", "@")):
        text = text.lstrip(" \t")
    if place.begins_line and place.head:
        text = text.lstrip(" \t\n")
    if place.is_mid_line and (place.rest[:1].isspace() or place.rest[:1] in ")]},:;.("):
        text = text.rstrip(" \t")
    elif not place.is_mid_line:
        text = text.rstrip()
    return text


def _deeper(text: str, place: HolePlace) -> str:
    """The text with its later lines as deep as its first one: written at the margin, they lost their indentation."""
    indent = place.head[: len(place.head) - len(place.head.lstrip(" \t"))]
    first, *others = text.split("\n")
    return "\n".join([first, *(indent + line if line.strip() else line for line in others)])


def _spoken_once(text: str, place: HolePlace) -> str:
    """A text inside a string or a comment without the words that stand around it already."""
    text = next(overlap.begins_cut(text, place.head), text)
    if place.is_mid_line:
        text = next((cut for cut in overlap.ends_cut(text, place.rest) if _says_words(text[len(cut) :])), text)
    text = text.lstrip(" \t") if place.head[-1:] in (" ", "\t") else text
    return text.rstrip(" \t") if place.rest[:1] in (" ", "\t") or place.kind is PlaceKind.COMMENT else text


def _says_words(text: str) -> bool:
    return any(len(word) > 1 for word in _WORD.findall(text))
