"""What the find bar and the row of tabs say, and who carries it out."""

from __future__ import annotations

from textual import on

from .controllers.search import Search
from .controllers.tabs import FileTabs
from .dialogs import FindBar, TabBar
from .shell import Shell


class Routes(Shell):
    """Hands their messages on."""

    files: FileTabs
    search: Search

    @on(FindBar.Changed)
    def _find_changed(self, event: FindBar.Changed) -> None:
        self.search.changed(event.settings)

    @on(FindBar.Next)
    def _find_next(self, event: FindBar.Next) -> None:
        self.search.step(backwards=event.backwards)

    @on(FindBar.ReplaceOne)
    def _replace_one(self, event: FindBar.ReplaceOne) -> None:
        self.search.replace_one(event.replacement)

    @on(FindBar.ReplaceAll)
    def _replace_all(self, event: FindBar.ReplaceAll) -> None:
        self.search.replace_all(event.replacement)

    @on(FindBar.Closed)
    def _find_closed(self) -> None:
        self.search.closed()

    @on(TabBar.Selected)
    def _tab_selected(self, event: TabBar.Selected) -> None:
        self.files.show(event.index)

    @on(TabBar.CloseWanted)
    def _tab_close_wanted(self, event: TabBar.CloseWanted) -> None:
        self.files.show(event.index)
        self.files.close_asked()
