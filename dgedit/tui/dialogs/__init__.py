"""What asks, lists and explains around the text: dialogs over the editor, the find bar, the row of open files.

They draw what they are given and say what a person chose; searching, files and the document belong to the caller. Every
text is drawn as it is, never as markup, with control characters replaced. Nothing here does I/O.
"""

from __future__ import annotations

from ..widgets.find_bar import FindBar, FindSettings
from ..widgets.tab_bar import OpenFile, TabBar, tab_names
from .ask import Ask
from .choose import Choose
from .compare import Compare
from .find_in_project import FindInProject
from .help import HelpScreen
from .keyboard import keyboard_is_taken
from .open_file import PickFile
from .pick import Item, Pick
from .question import DISCARD, Question

__all__ = [
    "DISCARD",
    "Ask",
    "Choose",
    "Compare",
    "FindBar",
    "FindInProject",
    "FindSettings",
    "HelpScreen",
    "Item",
    "OpenFile",
    "Pick",
    "PickFile",
    "Question",
    "TabBar",
    "keyboard_is_taken",
    "tab_names",
]
