"""What a person sets: one TOML file, checked as a whole, as frozen values.

Every setting is a field of a dataclass here, with its default, its bounds and a docstring; the check of a file and the
commented example (`document`) both come from those. It must know nothing of screens: which commands there are to bind
keys to is handed in, and whether a theme or a model of a name exists is for others to say.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Protocol, get_type_hints

from .engine.catalog import DEFAULT_MODEL
from .errors import DgeditError, nearest
from .files.tables import brief, read_table
from .keys import key_name, written_key
from .paths import config_folder

PROBLEMS_SHOWN = 3
HINT = "mend the file; `dgedit config` prints every setting with its default"


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a number, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """The table [editor]."""

    theme: str = "dgedit-dark"
    """Colours: dgedit-dark, dgedit-light, dgedit-contrast, or a file of ~/.config/dgedit/themes without its ".toml"."""
    indent_width: Annotated[int, Between(1, 16)] = 4
    """Columns of one level of indentation."""
    soft_wrap: bool = False
    """Break long lines at the edge of the screen; the file stays as it is."""
    line_numbers: bool = True
    """Show the number of every line."""
    auto_indent: bool = True
    """A new line begins under the one above it."""
    close_brackets: bool = True
    """A bracket or a quote that is typed brings its partner, which is typed over."""
    problems: bool = True
    """Show beside the lines of Python where they do not parse and what pyflakes finds."""
    reduced_motion: bool = False
    """Show an infill only when it is finished, not its passes."""
    recent: bool = True
    """Remember on this machine which files were opened last, to offer them first."""
    recover: bool = True
    """Keep unsaved work in a journal, so that it survives a crash."""
    watch: bool = True
    """Notice at once when another program changes an open file, the theme or this file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infill:
    """The table [infill]."""

    model: str = DEFAULT_MODEL
    """A bundled model, one of `dgedit models`, `auto`, `diffusiongemma`, or the folder of a checkpoint; with a server,
    one of its models."""
    engine: str = ""
    """The address of a server that is asked instead, like https://models.example.com; empty: nothing is sent."""
    seed: Annotated[int, Between(0, 2**31 - 1)] = 0
    """0 takes the likeliest tokens; any other number samples, and repeats exactly."""
    passes: Annotated[int, Between(0, 100)] = 0
    """Denoising passes at most; 0: as many as the model is made for."""
    min_confidence: Annotated[int, Between(0, 100)] = 3
    """An answer that is less likely right than this, in percent, is called nothing good."""
    any_language: bool = False
    """Offer what the model writes in languages that it does not know."""
    ghost: bool = False
    """After a pause at the end of a line show dimly what may follow, for Tab to take."""
    ghost_on_battery: bool = False
    """Also where the machine has no other power than its battery."""
    warm_up: bool = True
    """Load the model behind the first picture of the editor, not at the first infill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that a person can set."""

    editor: Editor = field(default_factory=Editor)
    infill: Infill = field(default_factory=Infill)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys of every command by its id, in Textual's names; none for a command that has no key."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Language by glob, in the order of the file."""

    def language_of(self, path: Path) -> str | None:
        """What the person says that a file is written in; none where nothing is said of it."""
        return next((language for glob, language in self.languages.items() if path.match(glob)), None)


TABLES: dict[str, type[Any]] = {"editor": Editor, "infill": Infill}


class Bindable(Protocol):
    """What must be known of a command to bind keys to it."""

    @property
    def id(self) -> str:
        """Its name in the table [keys]."""

    @property
    def title(self) -> str:
        """What it does."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its default keys."""


def folder() -> Path:
    """Where settings and a person's own themes are kept, by the XDG convention."""
    return config_folder()


def config_path() -> Path:
    """The file that is read where none is named."""
    given = os.environ.get("DGEDIT_CONFIG", "")
    return Path(given).expanduser() if given else folder() / "config.toml"


def load(path: Path | None = None, *, commands: Sequence[Bindable]) -> Config:
    """The settings of a file over the defaults; a file that does not exist sets nothing.

    Raises:
        DgeditError: when the file is not readable or says something that is not understood.
    """
    file = config_path() if path is None else path
    text, given = read_table(file, HINT) or ("", {})
    check = _Check(given, commands)
    loaded = check.config()
    if check.problems:
        lines = _lines(text)
        found = [f"{file}{lines.get(place, '')}: {problem}" for place, problem in check.problems[:PROBLEMS_SHOWN]]
        more = len(check.problems) - len(found)
        raise DgeditError("; ".join([*found, *([f"and {more} more"] if more else [])]), HINT)
    return loaded


class _Check:
    """One reading of a parsed file: the settings, and every problem with its table and key."""

    def __init__(self, given: dict[str, Any], commands: Sequence[Bindable]) -> None:
        self.problems: list[tuple[tuple[str, str], str]] = []
        self._given, self._commands = given, {command.id: command for command in commands}

    def config(self) -> Config:
        """The settings; only of use when there is no problem."""
        known = [*TABLES, "keys", "languages"]
        for name, value in self._given.items():
            if name not in known:
                self._unknown_table(name, known)
            elif not isinstance(value, dict):
                self._note(("", name), f"{name} is {_shown(value)}; it must be a table, [{name}]")
        return Config(
            editor=Editor(**self._values("editor")),
            infill=Infill(**self._values("infill")),
            keys=self._keys(),
            languages=self._languages(),
        )

    def _note(self, place: tuple[str, str], problem: str) -> None:
        self.problems.append((place, problem))

    def _table(self, name: str) -> dict[str, Any]:
        given = self._given.get(name, {})
        return given if isinstance(given, dict) else {}

    def _unknown_table(self, name: str, known: list[str]) -> None:
        home = next((table for table, kind in TABLES.items() if name in _names(kind)), None)
        if home is not None and not isinstance(self._given[name], dict):
            self._note(("", name), f"{name} stands outside of its table, [{home}]")
        else:
            self._note(("", name), f"there is no table [{name}]{nearest(name, known)}")

    def _values(self, table: str) -> dict[str, Any]:
        kind, values = TABLES[table], dict[str, Any]()
        hints = get_type_hints(kind, include_extras=True)
        for name, value in self._table(table).items():
            if name not in hints:
                self._note((table, name), f"there is no {name} in [{table}]{nearest(name, hints)}")
            elif not _fits(value, hints[name]):
                self._note((table, name), f"{name} is {_shown(value)}; it must be {_expected(hints[name])}")
            else:
                values[name] = value
        return values

    def _languages(self) -> dict[str, str]:
        languages = dict[str, str]()
        for glob, language in self._table("languages").items():
            if not glob.strip("/") or not isinstance(language, str) or not language:
                problem = f'{_shown(glob)} is {_shown(language)}; write a glob and a language: "*.pyx" = "python"'
                self._note(("languages", glob), problem)
            else:
                languages[glob] = language
        return languages

    def _keys(self) -> dict[str, tuple[str, ...]]:
        keys = {name: command.keys for name, command in self._commands.items()}
        for name, value in self._table("keys").items():
            written = [value] if isinstance(value, str) else value
            if name not in keys:
                self._note(("keys", name), f"there is no command {name}{nearest(name, keys)}")
            elif not isinstance(written, list) or not all(isinstance(key, str) for key in written):
                self._note(("keys", name), f'{name} is {_shown(value)}; it must be a key, "ctrl+g", or a list of keys')
            else:
                keys[name] = tuple(self._key(name, key) for key in written)
        self._conflicts(keys)
        return keys

    def _key(self, command: str, written: str) -> str:
        try:
            return key_name(written)
        except ValueError as error:
            self._note(("keys", command), f"{command}: {error}")
            return written

    def _conflicts(self, keys: dict[str, tuple[str, ...]]) -> None:
        set_here, owner = self._table("keys"), dict[str, str]()
        # Commands that the file names come last, so that the problem is put at a line of the file.
        for name in sorted(keys, key=lambda name: name in set_here):
            for key in keys[name]:
                if owner.setdefault(key, name) != name:
                    other = owner[key]
                    remedy = "" if other in set_here else f" (set {other} too: {other} = [] takes its keys away)"
                    self._note(("keys", name), f"{key} is bound to {name} and to {other}{remedy}")


def document(*, commands: Sequence[Bindable]) -> str:
    """A file with every setting at its default, each one a comment under what it does."""
    parts = ["# Settings of dgedit. Take the # away before a setting to change it.\n"]
    for table, kind in TABLES.items():
        parts.append(f"\n[{table}]\n")
        documented, hints, defaults = _docstrings(kind), get_type_hints(kind, include_extras=True), kind()
        for name in _names(kind):
            words = f"{documented[name]} ({_expected(hints[name])})"
            parts.append(f"{_comment(words)}#{name} = {json.dumps(getattr(defaults, name))}\n")
    parts.append(f"\n{_comment(KEYS_TEXT)}[keys]\n")
    for command in commands:
        keys = json.dumps([written_key(key) for key in command.keys])
        parts.append(f"#{command.id} = {keys}  # {command.title}\n")
    parts.append(f"\n{_comment(LANGUAGES_TEXT)}[languages]\n")
    return "".join(parts)


KEYS_TEXT = """\
A command's key, or a list of its keys; an empty list takes them all away. Modifiers are ctrl, alt and shift; keys are
letters, digits, signs, f1 to f24, up, down, left, right, home, end, pageup, pagedown, insert, delete, backspace, enter,
tab and escape. Alt with B, F, a digit or a sign, and Ctrl with Shift and a letter, arrive only in terminals that speak
the Kitty keyboard protocol."""
LANGUAGES_TEXT = """\
What files are written in, by glob; the first one that fits counts. For example: "BUILD" = "python", or
"templates/*.txt" = "html"."""


def _names(kind: type[Any]) -> list[str]:
    return [entry.name for entry in fields(kind)]


def _docstrings(kind: type[Any]) -> dict[str, str]:
    """The docstring of every field; Python itself throws them away."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = dict[str, str]()
    for before, after in pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            found[before.target.id] = " ".join(str(ast.literal_eval(after.value)).split())
    return found


def _comment(words: str) -> str:
    return textwrap.fill(words, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"


def _fits(value: object, hint: Any) -> bool:
    kind, bounds = getattr(hint, "__origin__", hint), getattr(hint, "__metadata__", ())
    # True is a whole number to Python, not to a person.
    if type(value) is not kind:
        return False
    return all(bound.low <= value <= bound.high for bound in bounds)


def _expected(hint: Any) -> str:
    words = {bool: "true or false", int: "a whole number", str: "text"}
    bounds = "".join(f" from {bound.low} to {bound.high}" for bound in getattr(hint, "__metadata__", ()))
    return words[getattr(hint, "__origin__", hint)] + bounds


def _shown(value: object) -> str:
    """A value of the file, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = brief(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _lines(text: str) -> dict[tuple[str, str], str]:
    """Where each table and key stands, as ":3"."""
    return dict(_places(text))


def _places(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    table = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        key = re.match(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*=""", line)
        if header:
            table = header[1]
            yield ("", table), f":{number}"
        elif key:
            yield (table, next(name for name in key.groups() if name is not None)), f":{number}"
