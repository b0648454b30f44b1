"""Themes and settings while the editor runs: drawn in, changed by a command, read again when their files change."""

from __future__ import annotations

from pathlib import Path

from ... import config as settings
from ...errors import DgeditError
from ...files.watch import SETTLE_S, Watcher, WatchKind
from ..commands import COMMANDS
from ..shell import Shell
from ..theme import Theme, find_theme, list_themes


class Looks:
    """Owns the watcher of files; the app has the theme that is drawn in."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.watcher: Watcher | None = None
        """None until the first picture, or where the person wants none."""

    def use(self, theme: Theme) -> None:
        """Draw everything in a theme."""
        app = self.app
        app.palette = theme
        app.colourless.use(theme)
        app.sixteen.use(theme)
        app_theme = theme.app_theme()
        app.register_theme(app_theme)
        app.theme = app_theme.name
        for tab in app.files.tabs:
            tab.area.use_palette(theme)
        app.bars.use(theme)
        app.refresh_css(animate=False)

    def start_watching(self) -> None:
        """Hear of changes to the settings and to every theme."""
        # Nothing wakes the editor up to see whether something happened; that comes by itself.
        self.watcher = Watcher(told=lambda: self.app.call_later(self._look_soon))
        self.watcher.start()
        self.watcher.watch(settings.config_path(), WatchKind.CONFIG)
        for path in list_themes(own_themes()).values():
            self.watcher.watch(path, WatchKind.THEME)
        if self.watcher.note:
            self.app.say(self.watcher.note)

    def stop(self) -> None:
        """End the watcher's thread."""
        if self.watcher is not None:
            self.watcher.stop()

    def look(self) -> None:
        """See what changed since the last look."""
        if self.watcher is None:
            return
        for path in self.watcher.poll():
            kinds = self.watcher.kinds(path)
            if WatchKind.FILE in kinds:
                self.app.saves.look_outside([path])
            if WatchKind.THEME in kinds:
                self._read_theme_again()
            if WatchKind.CONFIG in kinds:
                self._read_settings_again()

    def _look_soon(self) -> None:
        """Look when what happens now has settled."""
        self.app.set_timer(SETTLE_S, self._look_settled)

    def _look_settled(self) -> None:
        self.look()
        if self.watcher is not None and self.watcher.is_waiting:
            self._look_soon()

    def next_theme(self) -> None:
        """Draw in the next theme by name, until the editor ends."""
        names = sorted(list_themes(own_themes()))
        here = names.index(self.app.palette.name) if self.app.palette.name in names else -1
        after = names[(here + 1) % len(names)]
        try:
            self.use(find_theme(after, own_themes()))
        except DgeditError as error:
            self.app.say(error.line())
            return
        self.app.say(f"theme {after}; [editor] theme in {settings.config_path()} keeps it")

    def _read_theme_again(self) -> None:
        try:
            theme = find_theme(self.app.palette.name, own_themes())
        except DgeditError as error:
            self.app.say(error.line())
            return
        if theme != self.app.palette:
            self.use(theme)
            self.app.say(theme.warnings[0] if theme.warnings else f"theme {theme.name} was read again")

    def _read_settings_again(self) -> None:
        try:
            loaded = settings.load(commands=COMMANDS)
            theme = find_theme(loaded.editor.theme, own_themes())
        except DgeditError as error:
            self.app.say(error.line())
            return
        self.app.use_settings(loaded)
        self.use(theme)
        self.app.say("the settings were read again; those of the model and of open texts count from the next start")


def own_themes() -> Path:
    """Where a person's own themes are."""
    return settings.folder() / "themes"
