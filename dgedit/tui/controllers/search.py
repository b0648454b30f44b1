"""Find, replace, go to: wires the find bar and the pickers to the active text.

Matches are kept as offsets of the text they were found in and found anew when it changed; a pattern that takes too
long is stopped and said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.widgets.text_area import Selection

from ...errors import DgeditError
from ...text import search
from ...text.edits import Change
from ...text.search import Matches, Query
from ..dialogs import Ask, FindBar, FindSettings, Item, Pick
from ..shell import Shell

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

SEARCH_S = 1.0
"""A search may hold the screen so long; after it the pattern is called too slow."""
HISTORY_MAX = 50


class Search:
    """Carries out searches in the active text area."""

    def __init__(self, app: Shell, bar: FindBar) -> None:
        self.app, self.bar = app, bar
        self.patterns = list[str]()
        self.replacements = list[str]()
        self._matches: Matches | None = None
        self._searched: tuple[CodeArea, int, FindSettings] | None = None
        self._within: tuple[int, int] | None = None
        self._origin = 0
        """Offset of the cursor when the bar was opened: typing searches from there."""

    def open(self, *, replacing: bool = False) -> None:
        """Open the bar; a selection on one line becomes the pattern, a longer one the place to search."""
        area = self.app.area
        start, end = sorted(area.selection)
        text = area.document.get_text_range(start, end)
        several = "\n" in text
        settings = replace(self.bar.settings, in_selection=several)
        if text and not several:
            settings = replace(settings, pattern=text, regex=False)
        offsets = area.offset_of(start), area.offset_of(end)
        self._within, self._origin = (offsets if several else None), offsets[0]
        # The bar takes rows from the text, and what is found must not be under it.
        self.app.call_after_refresh(area.scroll_cursor_visible)
        self.app.call_after_refresh(self.app.refresh_status)
        self.bar.open(settings, replacing=replacing, patterns=self.patterns, replacements=self.replacements)

    def changed(self, settings: FindSettings) -> None:
        """Search while the pattern is typed and show the first match from where the search began."""
        if settings.in_selection and self._within is None:
            start, end = sorted(self.app.area.selection)
            self._within = (self.app.area.offset_of(start), self.app.area.offset_of(end))
        matches = self._search(settings)
        if matches is not None:
            self._show(search.next_match(matches, self._origin) if settings.pattern else None)

    def closed(self) -> None:
        """The bar was closed: the text gets the keyboard, the marks go."""
        self._matches, self._within = None, None
        for tab in self.app.files.tabs:
            tab.area.show_matches((), None)
        self.app.area.focus()
        self.app.call_after_refresh(self.app.refresh_status)

    def step(self, *, backwards: bool) -> None:
        """Go to the next match, or the one before."""
        settings = self.bar.settings
        if not settings.pattern:
            self.open()
            return
        self._remember(self.patterns, settings.pattern)
        matches = self._search(settings)
        if matches is None:
            return
        area = self.app.area
        start, end = (area.offset_of(place) for place in sorted(area.selection))
        if backwards:
            self._show(search.previous_match(matches, start))
        else:
            at_match = (start, end) in zip(matches.starts, matches.ends, strict=True)
            self._show(search.next_match(matches, start + 1 if at_match else start))
        self._origin = area.offset_of(min(area.selection))

    def replace_one(self, replacement: str) -> None:
        """Replace the match that is selected and go to the next; without one, go to the next."""
        area, settings = self.app.area, self.bar.settings
        if self._locked():
            return
        self._remember(self.replacements, replacement)
        start, end = sorted(area.selection)
        try:
            with search.time_limit(SEARCH_S):
                found = search.replace_one(area.text, _query(settings), area.offset_of(start), replacement)
        except DgeditError as error:
            self.bar.show_error(str(error))
            return
        if found is not None and found[0] == area.offset_of(end):
            after = area.end_of(start, found[1])
            area.apply(Change(start, end, area.with_line_feeds(found[1]), (after, after)))
        self.step(backwards=False)

    def replace_all(self, replacement: str) -> None:
        """Replace every match, as one undo step."""
        area, settings = self.app.area, self.bar.settings
        if self._locked():
            return
        self._remember(self.replacements, replacement)
        text = area.text
        try:
            with search.time_limit(SEARCH_S * 10):
                new, count = search.replace_all(text, _query(settings), replacement, self._bounds(settings))
        except DgeditError as error:
            self.bar.show_error(str(error))
            return
        if count:
            area.replace_changed(text, new)
        self._search(settings)
        self._show(None)
        self.app.say(f"replaced {count:,}" if count else "no match")

    def _locked(self) -> bool:
        if self.app.area.locked:
            self.app.say(self.app.area.locked)
        return bool(self.app.area.locked)

    def go_to_line(self) -> None:
        """Ask for LINE or LINE:COLUMN and go there."""
        lines = self.app.area.document.line_count

        def check(value: str) -> str | None:
            numbers = value.strip().split(":")
            if len(numbers) > 2 or not all(number.isdecimal() for number in numbers):
                return "LINE or LINE:COLUMN"
            return None if 1 <= int(numbers[0]) <= lines else f"the text has lines 1 to {lines:,}"

        def go(value: str | None) -> None:
            if value is not None:
                row, _, column = value.strip().partition(":")
                self.app.project.leave()
                self.app.area.go_to(int(row) - 1, int(column or 1) - 1)

        self.app.push_screen(Ask(f"Go to line (1-{lines:,})", check=check), go)

    def go_to_symbol(self) -> None:
        """Pick a class, a function, a heading; the text follows what is marked."""
        area = self.app.area
        symbols = area.symbols()
        if not symbols:
            self.app.say("no symbols in this text")
            return
        before = area.selection
        self.app.project.leave()
        items = [Item(symbol.name, f"{symbol.kind}  {symbol.row + 1}", symbol.depth) for symbol in symbols]
        here = max((number for number, symbol in enumerate(symbols) if symbol.row <= before.end[0]), default=0)

        def show(number: int) -> None:
            area.go_to(symbols[number].row, symbols[number].column)

        def go(number: int | None) -> None:
            if number is None:
                area.selection = before
                area.scroll_cursor_visible(center=True)
            else:
                show(number)

        self.app.push_screen(Pick("Symbol", items, start=here, on_highlight=show), go)

    def _bounds(self, settings: FindSettings) -> tuple[int, int] | None:
        return self._within if settings.in_selection else None

    def _search(self, settings: FindSettings) -> Matches | None:
        """The matches in the active text; none when the pattern is wrong, which is said."""
        area = self.app.area
        asked = (area, area.version, settings)
        if self._matches is not None and self._searched == asked:
            return self._matches
        try:
            with search.time_limit(SEARCH_S):
                self._matches = search.find_all(area.text, _query(settings), self._bounds(settings))
        except DgeditError as error:
            self._matches = None
            area.show_matches((), None)
            self.bar.show_error(str(error))
            return None
        self._searched = asked
        return self._matches

    def _show(self, number: int | None) -> None:
        """Mark all matches near by, select one, say how many there are."""
        area, matches = self.app.area, self._matches
        if matches is None:
            return
        if number is not None:
            start, end = (area.location_of(edge) for edge in (matches.starts[number], matches.ends[number]))
            area.selection = Selection(start, end)
            area.scroll_cursor_visible(center=not area.shows_row(start[0]))
            self.app.call_after_refresh(area.scroll_cursor_visible)
        area.show_matches(tuple(zip(matches.starts, matches.ends, strict=True)), number)
        self.bar.show_count((number or 0) + 1 if number is not None else 0, len(matches), truncated=matches.truncated)

    def _remember(self, history: list[str], value: str) -> None:
        if value and value in history:
            history.remove(value)
        if value:
            history.append(value)
        del history[:-HISTORY_MAX]


def _query(settings: FindSettings) -> Query:
    return Query(settings.pattern, settings.regex, settings.case, settings.whole_word)
