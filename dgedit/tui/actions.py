"""Every command and what carries it out: a controller's method, or a few words between several of them."""

from __future__ import annotations

from collections.abc import Callable

from .commands import COMMANDS, default_keys, key_label
from .controllers.appearance import Looks
from .controllers.edits import Edits
from .controllers.ghost import Ghost
from .controllers.infill import Infills
from .controllers.problems import Problems
from .controllers.project import Project
from .controllers.saves import Saves
from .controllers.search import Search
from .controllers.tabs import FileTabs
from .dialogs import Ask, HelpScreen, Item, Pick
from .shell import Shell


class Actions:
    """The commands of an app and its controllers."""

    def __init__(
        self,
        app: Shell,
        *,
        files: FileTabs,
        saves: Saves,
        edits: Edits,
        search: Search,
        infills: Infills,
        ghost: Ghost,
        problems: Problems,
        looks: Looks,
        project: Project,
    ) -> None:
        self.project = project
        self.app, self.looks, self.ghost, self.problems = app, looks, ghost, problems
        self.files, self.saves, self.edits, self.search, self.infills = files, saves, edits, search, infills

    def table(self) -> dict[str, Callable[[], object]]:
        """What carries out each command, by its id."""
        files, saves, edits, search, infills = self.files, self.saves, self.edits, self.search, self.infills
        named: dict[str, Callable[[], object]] = {
            "new": files.new, "open": self.project.open_asked, "save": saves.save_asked, "save_as": saves.save_as_asked,
            "close_tab": files.close_asked, "reload": saves.reload_asked, "quit_guarded": files.quit_asked,
            "next_tab": lambda: files.show(files.at + 1), "previous_tab": lambda: files.show(files.at - 1),
            "find": search.open, "replace": lambda: search.open(replacing=True),
            "find_next": lambda: search.step(backwards=False), "find_previous": lambda: search.step(backwards=True),
            "go_to_line": search.go_to_line, "go_to_symbol": search.go_to_symbol,
            "command_palette": self._show_commands, "help": self._show_help,
            "next_theme": self.looks.next_theme, "suspend": self.app.action_suspend_process,
            "accept_word": self._accept_word,
            "tab": self._tab, "cancel": self._cancel, "infill_instructed": self._instruct,
            "next_alternative": lambda: infills.cycle(1), "previous_alternative": lambda: infills.cycle(-1),
            "earlier_pass": lambda: infills.scrub(-1), "later_pass": lambda: infills.scrub(1),
            "weaker": lambda: infills.change_strength(-1), "stronger": lambda: infills.change_strength(1),
        }  # fmt: skip
        parts = (edits, infills, self.problems, self.project)
        for command in COMMANDS:
            if command.id not in named:
                named[command.id] = next(getattr(part, command.id) for part in parts if hasattr(part, command.id))
        return named

    def _show_commands(self) -> None:
        """Every command in a list; Textual's own palette ends the app at a page key in a list without rows."""
        found = list(self.app.get_system_commands(self.app.screen))

        def carry_out(number: int | None) -> None:
            if number is not None:
                found[number].callback()

        self.app.push_screen(Pick("Command", [Item(command.title, command.help) for command in found]), carry_out)

    def _show_help(self) -> None:
        keymap = {**default_keys(), **self.app.config.keys}
        rows = [(command.group, "  ".join(map(key_label, keymap[command.id])), command.title) for command in COMMANDS]
        self.app.push_screen(HelpScreen(rows))

    def _tab(self) -> None:
        if self.infills.review is not None and self.infills.area is self.app.area:
            self.infills.accept()
        elif not self.ghost.take():
            self.edits.tab()

    def _accept_word(self) -> None:
        if not self.ghost.take_word():
            self.infills.accept_word()

    def _cancel(self) -> None:
        if self.infills.review is not None and self.infills.area is self.app.area:
            self.infills.cancel()
        elif self.search.bar.is_open:
            self.search.bar.action_close()
        else:
            self.app.area.move_cursor(self.app.area.cursor_location)

    def _instruct(self) -> None:
        if self.infills.review is None:
            self.app.push_screen(Ask("Instruction"), self._instructed)

    def _instructed(self, instruction: str | None) -> None:
        if instruction is not None:
            self.infills.infill_instructed(instruction)
