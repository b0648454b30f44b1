"""Syntax by Pygments, for the languages that have no grammar here: rows are lexed when they are shown.

Pygments lexes whole texts. Here the state of its lexer is kept at the rows where a token begins, so that a key lexes
from the last such row above the edit until the state is what it was before: mostly a row or two. Where nothing is
known above, lexing begins some hundred rows higher as if the text began there. This module must know neither the
document nor the theme.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from math import inf
from time import perf_counter
from typing import Any, NamedTuple

from pygments import token as kinds  # type: ignore[import-untyped]
from pygments.lexer import ExtendedRegexLexer, RegexLexer  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

from .base import ROW_BYTES_MAX, Edit, Highlight, Highlights, Symbol, Syntax
from .outline import outline

Stack = tuple[str, ...]
"""The states of a lexer, the current one last."""

WINDOW_ROWS = 400
"""How far above the first row lexing begins where no state is known."""
STATELESS_ROWS = 100
"""The same for lexers whose states cannot be told."""
BACK_ROWS = 20
"""How far above an edit rows are lexed again: what was no string there becomes one when its end is typed."""
LOOKAHEAD_ROWS = 100
"""Rows below the last one in which a token may end."""
BUDGET_MS = 20.0
"""Rows that are not lexed by then wait for the next time, which has twice as long."""
STATES_MATTER = frozenset({"lua", "objective-c", "php", "swift"})
"""Their lexers mark some names in a second pass, which is left out here for the sake of the states."""
ROOT: Stack = ("root",)
INNER_ROOTS: dict[str, Stack] = {"php": ("root", "php")}
"""Where a lexer is in the middle of a text that begins otherwise."""

_NAMES = {
    kinds.Comment: "comment",
    kinds.Comment.Preproc: "keyword",
    kinds.Comment.PreprocFile: "string",
    kinds.Keyword: "keyword",
    kinds.Keyword.Constant: "constant",
    kinds.Keyword.Type: "type",
    kinds.Name: "variable",
    kinds.Name.Attribute: "attribute",
    kinds.Name.Builtin: "function",
    kinds.Name.Builtin.Pseudo: "constant",
    kinds.Name.Class: "type",
    kinds.Name.Constant: "constant",
    kinds.Name.Decorator: "attribute",
    kinds.Name.Entity: "constant",
    kinds.Name.Exception: "type",
    kinds.Name.Function: "function",
    kinds.Name.Label: "constant",
    kinds.Name.Namespace: "type",
    kinds.Name.Property: "attribute",
    kinds.Name.Tag: "tag",
    kinds.Literal: "constant",
    kinds.Number: "number",
    kinds.String: "string",
    kinds.String.Doc: "comment",
    kinds.String.Escape: "constant",
    kinds.String.Symbol: "constant",
    kinds.Operator: "operator",
    kinds.Operator.Word: "keyword",
    kinds.Generic.Heading: "heading",
    kinds.Generic.Subheading: "heading",
    kinds.Generic.Inserted: "string",
    kinds.Generic.Deleted: "keyword",
    kinds.Generic.Strong: "keyword",
    kinds.Generic.Emph: "type",
}


class LexedRow(NamedTuple):
    """A row that is lexed."""

    stack: Stack | None
    """The lexer's state where the row begins; none inside a token, or where it cannot be told."""
    spans: list[Highlight]


class LexedSyntax(Syntax):
    """A text in a language with a lexer."""

    def __init__(self, language: str, lexer: Any, lines: list[str]) -> None:
        super().__init__(lines)
        self._language = language
        self._lexer = lexer
        self._has_states = _has_states(language, lexer)
        self._known: list[LexedRow | None] = []
        self._first_dirty: int | None = None
        """The first row that was edited since rows were last lexed."""
        self._cuts = 0
        """How many times in a row the time did not suffice."""

    @property
    def stale(self) -> bool:
        """Were some of the rows last asked for left out for lack of time?"""
        return self._cuts > 0

    def refresh(self, budget_ms: float | None = None) -> bool:
        """Rows are lexed when they are asked for: this says whether they all were."""
        return not self.stale

    def edited(self, edit: Edit) -> None:
        """Forget the rows that an edit touched."""
        is_unseen = len(edit.before) >= ROW_BYTES_MAX and "\n" not in edit.replaced + edit.inserted
        if edit.row < len(self._known) and not is_unseen:
            removed, added = (text.count("\n") + 1 for text in (edit.replaced, edit.inserted))
            self._known[edit.row : edit.row + removed] = [None] * added
            self._first_dirty = min(edit.row, len(self._known) if self._first_dirty is None else self._first_dirty)

    def highlights(self, first_row: int, last_row: int) -> Highlights:
        """The highlights of some rows."""
        last_row = min(last_row, len(self._lines) - 1)
        # Without states there is nothing to go on from later.
        deadline = perf_counter() + BUDGET_MS / 1000 * 2**self._cuts if self._has_states else inf
        row = self._begin(first_row)
        while row <= last_row and perf_counter() < deadline:
            row = row + 1 if self._row(row) else self._lex(row, last_row, deadline)
        self._cuts = self._cuts + 1 if row <= last_row else 0
        rows = ((row, self._row(row)) for row in range(first_row, last_row + 1))
        return {row: list(known.spans) for row, known in rows if known and known.spans}

    def symbols(self) -> list[Symbol]:
        """Definitions, by the words that they begin with."""
        return outline(self._language, self._lines)

    def _begin(self, first_row: int) -> int:
        """Where to begin to lex for the sake of a row: at an edit above it, which may change its state."""
        dirty, self._first_dirty = self._first_dirty, None
        if dirty is None or dirty >= first_row:
            return first_row
        if dirty < first_row - WINDOW_ROWS:
            del self._known[dirty:]
            return first_row
        return dirty

    def _row(self, row: int) -> LexedRow | None:
        return self._known[row] if row < len(self._known) else None

    def _lex(self, dirty: int, last_row: int, deadline: float) -> int:
        """Lex on to the last row, or until the rest is as it was; returns the first row that was not lexed."""
        start, stack = self._restart(dirty)
        rows = [line[:ROW_BYTES_MAX] for line in self._lines[start : last_row + 1 + LOOKAHEAD_ROWS]]
        begins = list(accumulate((len(row) + 1 for row in rows), initial=0))
        spans: list[list[Highlight]] = [[] for _ in rows]
        stacks: dict[int, Stack | None] = {0: stack}
        at, stop = 0, len(rows)
        for position, kind, value, state in self._tokens("\n".join(rows) + "\n", stack):
            index = bisect_right(begins, position) - 1
            if index > at:
                at = index
                stacks[at] = state if not rows[at][: position - begins[at]].strip() else None
                if (
                    start + at > last_row
                    or perf_counter() > deadline
                    or self._is_settled(start + at, dirty, stacks[at])
                ):
                    stop = at
                    break
            name = _name_of(kind)
            if name:
                _add(spans, rows, index, position - begins[index], value, name)
        self._keep(start, [LexedRow(stacks.get(index), spans[index]) for index in range(stop)], stacks.get(stop))
        return start + stop

    def _restart(self, row: int) -> tuple[int, Stack]:
        """A row to lex from, this one or above it, and the state there."""
        far = max(0, row - (WINDOW_ROWS if self._has_states else STATELESS_ROWS))
        for at in range(min(max(0, row - BACK_ROWS), len(self._known)), far - 1, -1):
            known = self._row(at)
            if known and known.stack:
                return at, known.stack
        return far, INNER_ROOTS.get(self._language, ROOT) if far else ROOT

    def _is_settled(self, row: int, dirty: int, stack: Stack | None) -> bool:
        """Is this row, below all that is dirty, lexed already from the same state?"""
        known = self._row(row)
        return row > dirty and known is not None and stack is not None and known.stack == stack

    def _keep(self, start: int, rows: list[LexedRow], next_stack: Stack | None) -> None:
        """Take the rows in; what comes after them stays only if it was lexed from the state that they end in."""
        self._known += [None] * (start - len(self._known))
        self._known[start : start + len(rows)] = rows
        after = self._row(start + len(rows))
        if after and (next_stack is None or after.stack != next_stack):
            del self._known[start + len(rows) :]

    def _tokens(self, text: str, stack: Stack) -> Iterator[tuple[int, Any, str, Stack | None]]:
        """Position, kind and text of every token, and the lexer's state before it where that can be told."""
        if self._has_states:
            yield from _regex_tokens(self._lexer, text, list(stack))
        else:
            for position, kind, value in self._lexer.get_tokens_unprocessed(text):
                yield position, kind, value, None


def by_lexer(language: str, lines: list[str]) -> Syntax:
    """What a Pygments lexer knows of a language; lines alone where there is none."""
    lexer = lexer_of(language)
    return LexedSyntax(language, lexer, lines) if lexer else Syntax(lines)


def lexer_of(language: str) -> Any:
    """The lexer of a language; None where there is none."""
    if language == "make":
        # The one that goes by this name splits a text into lines and lexes the pieces.
        from pygments.lexers.make import BaseMakefileLexer  # type: ignore[import-untyped]

        return BaseMakefileLexer()
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None


def _has_states(language: str, lexer: Any) -> bool:
    if not isinstance(lexer, RegexLexer) or isinstance(lexer, ExtendedRegexLexer):
        return False
    is_one_pass = type(lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed
    return is_one_pass or language in STATES_MATTER


def _regex_tokens(lexer: Any, text: str, stack: list[str]) -> Iterator[tuple[int, Any, str, Stack | None]]:
    """What Pygments' regular expressions make of a text, with the stack of states before every match."""
    position = 0
    while position < len(text):
        rules = ((match_at(text, position), *rest) for match_at, *rest in lexer._tokens[stack[-1]])
        match, action, change = next((rule for rule in rules if rule[0]), (None, None, None))
        if match is None:
            # Pygments gives a line up where nothing matches.
            is_break = text[position] == "\n"
            yield position, kinds.Text if is_break else kinds.Error, text[position], tuple(stack)
            position += 1
            stack = list(ROOT) if is_break else stack
            continue
        state: Stack | None = tuple(stack)
        if type(action) is kinds._TokenType:
            yield position, action, match[0], state
        elif action is not None:
            for inner, kind, value in action(lexer, match):
                yield inner, kind, value, state
                state = None
        position = match.end()
        _move(stack, change)


def _move(stack: list[str], change: Any) -> None:
    """Change the stack of states as a rule says: states to push, or a negative count to pop."""
    if isinstance(change, int):
        del stack[max(1, len(stack) + change) :]
        return
    for state in (change,) if isinstance(change, str) else change or ():
        if state == "#pop":
            del stack[max(1, len(stack) - 1) :]
        else:
            stack.append(stack[-1] if state == "#push" else state)


def _add(spans: list[list[Highlight]], rows: list[str], row: int, column: int, value: str, name: str) -> None:
    """Add a token that may go over several rows."""
    for piece in value.split("\n"):
        if piece and row < len(rows):
            line = rows[row]
            start, end = column, column + len(piece)
            if not line.isascii():
                start, end = (len(line[:at].encode("utf-8", "surrogatepass")) for at in (start, end))
            spans[row].append((start, end, name))
        row, column = row + 1, 0


@cache
def _name_of(kind: Any) -> str | None:
    """A token kind's name in a theme, or that of the kind that it is one of."""
    while kind is not None:
        if kind in _NAMES:
            return _NAMES[kind]
        kind = kind.parent
    return None
