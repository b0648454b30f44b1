"""What may stand behind a dot, in a call or in an import of Python, told by jedi from the standard library's types.

jedi reads the text around the hole, the library's own sources and the type stubs that it carries. No module of a
project is looked for and none is imported: a file of the same name may lie in the way. Whatever is not known for sure
is not told: objects of the file's own classes, of what was not imported here, and what may be nothing.
"""

from __future__ import annotations

import ast
import atexit
import os
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog import cache_folder
from ..parsing import module_of
from .parse import Window
from .place import HolePlace, PlaceKind

if TYPE_CHECKING:
    from jedi import Script

OWNERS_MAX = 12
"""So many expressions of all answers for a hole are looked at."""
PROPOSED_MAX = 48
SELF = frozenset({"self", "cls"})
_DOT = re.compile(r"\.\s*\w*\Z")
_IMPORT = re.compile(r"\s*(?:from\s+[\w.]+\s+import\s|import\s)[^#]*\Z")
_ROOT = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'")
_HIDDEN = "_"
_NOTHING = "builtins.NoneType"
_ANYTHING = "__getattr__"


@dataclass(frozen=True, slots=True)
class Read:
    """One `owner.name` of a text."""

    owner: str
    name: str
    end: int
    """Where the name ends."""


@dataclass(slots=True, kw_only=True)
class Members:
    """Answers for one hole; what was found of an expression is kept."""

    window: Window
    place: HolePlace
    words: frozenset[str]
    """The words of the text: whatever stands there is supported."""
    _found: dict[str, frozenset[str] | None] = field(default_factory=dict)
    _imports: str | None = None

    def unknown(self, answer: str) -> frozenset[str]:
        """What an answer reads behind a dot and its owner does not have, like `str.trim`."""
        lines = (self.place.head + answer).split("\n")
        lines[-1] += self.place.rest
        begin, stop = len(self.place.head), len(self.place.head + answer)
        bound = "\n".join(lines)
        found, at = set[str](), 0
        for line in lines:
            for each in reads(line):
                inside = begin < at + each.end <= stop
                if inside and each.name not in self.words and not self._has(each, bound):
                    found.add(f"{each.owner}.{each.name}")
            at += len(line) + 1
        return frozenset(found)

    def proposed(self) -> list[str]:
        """What may stand in the hole by itself, by the alphabet: attributes, names of a module, keywords of a call."""
        place, head = self.place, self.place.head
        if place.kind is PlaceKind.STRING or place.kind is PlaceKind.COMMENT or place.tail:
            return []
        is_keyword = place.rest.startswith("=") and not place.rest.startswith("==")
        if not (is_keyword or _DOT.search(head) or _IMPORT.fullmatch(head)):
            return []
        script = self._script(head, place.rest)
        if script is None:
            return []
        names = [each.name for each in _completions(script, *self._caret(head))]
        stem = place.stem
        if is_keyword:
            names = [name.removesuffix("=") for name in names if name.endswith("=")]
        elif not stem.startswith(_HIDDEN):
            names = [name for name in names if not name.startswith(_HIDDEN)]
        return [name[len(stem) :] for name in names if name.startswith(stem) and name != stem][:PROPOSED_MAX]

    def _has(self, each: Read, line: str) -> bool:
        """Whether an owner has a name, or nobody knows."""
        root = _ROOT.match(each.owner)
        if each.name.startswith("__") or (root is not None and (root[0] in SELF or _binds(line, root[0]))):
            return True
        if each.owner not in self._found and len(self._found) < OWNERS_MAX:
            self._found[each.owner] = self._of(each.owner)
        names = self._found.get(each.owner)
        return names is None or each.name in names

    def _of(self, owner: str) -> frozenset[str] | None:
        """All that stands behind the dot of an expression; none where not all that it may be is known."""
        indent = self.place.head[: len(self.place.head) - len(self.place.head.lstrip())]
        script = self._script(f"{indent}{owner}.", "")
        if script is None:
            return None
        line, column = self._caret(f"{indent}{owner}.")
        if not _is_of_library(script, line, column - 1, owner):
            return None
        names = frozenset(each.name for each in _completions(script, line, column))
        return names if names and _ANYTHING not in names else None

    def _script(self, own: str, rest: str) -> Script | None:
        """The text with a line in the place of the hole's own."""
        jedi = library()
        if jedi is None:
            return None
        after = self.window.after.split("\n", 1)
        text = "\n".join([f"{self._before}{own}{rest}", *after[1:]])
        environment, project, _ = _surroundings()
        return jedi.Script(text, project=project, environment=environment)

    def _caret(self, own: str) -> tuple[int, int]:
        """Line from 1 and column from 0 behind what stands in the place of the hole's line."""
        return self._before.count("\n") + 1, len(own)

    @property
    def _before(self) -> str:
        """All lines before that of the hole, with what the rest of the module imports above them."""
        if self._imports is None:
            self._imports = imports_of(self.window.outside)
        whole = self.window.lead + self.window.before
        return self._imports + whole[: len(whole) - len(self.place.head)]


def reads(line: str) -> Iterator[Read]:
    """Every name behind a dot in a line of code, with the expression that owns it, as far as that is told by the line.

    Owners are chains of names, calls and strings; what follows a subscript or an operator in brackets has none.
    """
    from parso import parse
    from parso.tree import NodeOrLeaf

    margin = len(line) - len(line.lstrip())
    text = line[margin:]
    if text.startswith(("from ", "import ")):
        return
    waiting: list[NodeOrLeaf] = [parse(text + "\n")]
    while waiting:
        node = waiting.pop()
        children = getattr(node, "children", [])
        waiting += children
        if node.type not in ("atom_expr", "power", "error_node"):
            continue
        for place, child in enumerate(children):
            parts = getattr(child, "children", [])
            if child.type == "trailer" and parts[0].type == "operator" and parts[0].value == "." and place:
                # In what is no whole statement other words may stand before the chain.
                begin = next(at for at in range(place - 1, -1, -1) if not at or children[at].type != "trailer")
                owner = "".join(each.get_code() for each in children[begin:place]).strip()
                if "[" not in _QUOTED.sub("", owner) and "\n" not in owner:
                    yield Read(owner, parts[1].value, margin + parts[1].end_pos[1])


def imports_of(text: str) -> str:
    """The import statements of a module, at its margin, a line each."""
    tree = module_of(text) if text else None
    if tree is None:
        return ""
    found = (each for each in ast.walk(tree) if isinstance(each, (ast.Import, ast.ImportFrom)))
    return "".join(f"{ast.unparse(each)}\n" for each in found)


def _binds(text: str, name: str) -> bool:
    """Whether a text binds a name to what only it knows: the variable of a loop, a parameter, something assigned."""
    targets = (
        rf"\bfor\b(?:(?!\bin\b)[^:=\n])*\b{name}\b",
        rf"\b(?:lambda|def|class)\b[^:\n]*\b{name}\b",
        rf"\b(?:as|import)\b[^:=\n]*\b{name}\b",
        rf"(?<![\w.]){name}\b\s*(?::[^=\n]+)?:?=(?!=)",
    )
    return any(re.search(target, text) for target in targets)


def _completions(script: Script, line: int, column: int) -> list[Any]:
    try:
        return list(script.complete(line, column))
    except Exception:  # of what it cannot follow it says so in many ways, none of them meant for us
        return []


def _is_of_library(script: Script, line: int, column: int, owner: str) -> bool:
    """Whether all that an expression may be is of the standard library or of a published stub, and it is something."""
    calls = 0
    try:
        while owner.endswith("()"):
            owner, calls, column = owner[:-2], calls + 1, column - 2
        if owner.endswith(")"):
            return False
        if _is_open(script, line, column + 1 - len(owner)):
            return False
        found = [(each, calls) for each in script.infer(line, column)]
        kinds = [kind for each, depth in found for kind in _called(each, depth)]
    except Exception:  # see `_completions`
        return False
    return bool(kinds) and all(_is_published(kind) for kind in kinds)


def _is_open(script: Script, line: int, column: int) -> bool:
    """Whether a name is bound in several places, or a parameter that may be anything: its default is one of many."""
    found = script.goto(line, column, follow_imports=False)
    return len(found) > 1 or any(each.type == "param" and ":" not in each.description for each in found)


def _called(name: Any, depth: int) -> list[Any]:
    """What comes of calling something so many times."""
    return [name] if not depth else [kind for each in name.execute() for kind in _called(each, depth - 1)]


def _is_published(name: Any) -> bool:
    if name.full_name == _NOTHING or name.type not in ("module", "instance", "class"):
        return False
    if name.in_builtin_module():
        return True
    path = name.module_path
    return path is not None and any(path.is_relative_to(folder) for folder in (*_surroundings()[2], _stubs()))


@cache
def library() -> Any:
    """jedi, set up; none where it cannot be used."""
    try:
        import jedi
    except ImportError:
        return None
    folder = _kept_in()
    if folder is None:
        return None
    jedi.settings.cache_directory = str(folder)
    # What a parameter is in the calls that are here, or a list by what is put in it, need not be all that it is.
    jedi.settings.dynamic_params = jedi.settings.dynamic_array_additions = False
    return jedi


def _kept_in() -> Path | None:
    """Where jedi keeps what it parsed of the library, pickled: a folder that nobody else writes to.

    Without one it raises errors instead of doing without (0.20.1); a temporary one is gone with the process.
    """
    folder = cache_folder() / "library"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    try:
        made = tempfile.mkdtemp(prefix="dgedit-")
    except OSError:
        return None
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@cache
def _surroundings() -> tuple[Any, Any, tuple[Path, ...]]:
    """The interpreter that runs, a project of no files so that only the library is found, and its folders."""
    from jedi import Project
    from jedi.api.environment import InterpreterEnvironment

    folders = list(dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
    project = Project(folders[0], sys_path=folders, load_unsafe_extensions=False, smart_sys_path=False)
    return InterpreterEnvironment(), project, tuple(map(Path, folders))


@cache
def _stubs() -> Path:
    """Of the types that jedi carries."""
    return Path(library().__file__).parent
