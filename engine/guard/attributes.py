"""Names behind a dot in Python that nothing supports, told only where the owner is known.

Known are `self` and `cls` in a class whose bases all stand in the file, and modules of the standard library that are
loaded here already: none is imported for it, since a file of the same name may lie in the way. A name that stands
anywhere in the file is never told, nor one that the answer itself binds.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from tree_sitter import Node

_CHAIN = re.compile(r"(?<![\w.)\]\"'])(?P<owner>[^\W\d]\w*)\.(?P<name>[^\W\d]\w*)(?P<binds>\s*(?::[^=\n]+)?=(?!=))?")
_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|#[^\n]*")
_IMPORTS = re.compile(r"^[ \t]*import[ \t]+(?P<what>[\w., \t]+)", re.MULTILINE)
_PART = re.compile(r"(?P<module>\w+)(?:[ \t]+as[ \t]+(?P<alias>\w+))?")
_OWN = frozenset({"self", "cls"})
_OPEN_BASES = "?"
_STDLIB = sysconfig.get_path("stdlib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What may stand behind the dots of a text."""

    words: frozenset[str]
    """The words of the text around the hole: whatever stands there is supported."""
    closed: bool
    """Whether all that the class around the hole has stands in the text."""
    modules: dict[str, frozenset[str]]
    """What known modules hold, by what the text calls them."""

    def unknown(self, head: str, answer: str) -> frozenset[str]:
        """What an answer reads behind a dot and nothing has, like `self.nmae`.

        Args:
            head: the line of the hole before it.
        """
        text = _QUOTED.sub(lambda found: " " * len(found.group()), head + answer)
        bound = {found["name"] for found in _CHAIN.finditer(text) if found["binds"]}
        return frozenset(
            f"{found['owner']}.{found['name']}"
            for found in _CHAIN.finditer(text)
            if found.end("name") > len(head) and found["name"] not in bound and not self._has(*found.group(1, 2))
        )

    def _has(self, owner: str, name: str) -> bool:
        if name in self.words or (name.startswith("__") and name.endswith("__")):
            return True
        if owner in _OWN:
            return not self.closed
        return owner not in self.modules or name in self.modules[owner]


def attributes_of(text: str, words: frozenset[str], node: Node | None) -> Attributes:
    """What is known of the owners of names around a hole.

    Args:
        text: what stands around the hole.
        node: where the hole stands in the tree of that text.
    """
    return Attributes(words=words, closed=_is_closed(node), modules=dict(_modules(text)))


def _is_closed(node: Node | None) -> bool:
    """Whether the classes around a place, and their bases, say all that they have."""
    root = node
    while root is not None and root.parent is not None:
        root = root.parent
    around, classes = _class_of(node), _classes(root)
    waiting, seen = [around] if around is not None else [], set[str]()
    while waiting:
        each = waiting.pop()
        if b"__getattr" in (each.text or b"") or b"setattr(" in (each.text or b""):
            return False
        for base in _bases(each) - seen:
            seen.add(base)
            if base == "object":
                continue
            if base not in classes:
                return False
            waiting.append(classes[base])
    return around is not None


def _class_of(node: Node | None) -> Node | None:
    while node is not None and node.type != "class_definition":
        node = node.parent
    return node


def _classes(root: Node | None) -> dict[str, Node]:
    """The classes of a module by their names."""
    found = dict[str, Node]()
    for each in root.children if root is not None else ():
        node = each.child_by_field_name("definition") if each.type == "decorated_definition" else each
        name = node.child_by_field_name("name") if node is not None and node.type == "class_definition" else None
        if node is not None and name is not None:
            found[(name.text or b"").decode(errors="replace")] = node
    return found


def _bases(node: Node) -> set[str]:
    """What a class is derived from; a sign that is no name where that is not a plain one, or it is decorated."""
    bases = node.child_by_field_name("superclasses")
    named = bases.named_children if bases is not None else []
    found = {
        (each.text or b"").decode(errors="replace") if each.type == "identifier" else _OPEN_BASES for each in named
    }
    parent = node.parent
    decorators = [each for each in parent.children if each.type == "decorator"] if parent is not None else []
    is_plain = all(b"dataclass" in (each.text or b"") for each in decorators)
    return found if is_plain else {*found, _OPEN_BASES}


def _modules(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Modules of the standard library that a text imports, each by a name that is bound once."""
    called = dict[str, list[str]]()
    for line in _IMPORTS.finditer(text):
        for part in line["what"].split(","):
            if found := _PART.fullmatch(part.strip()):
                called.setdefault(found["alias"] or found["module"], []).append(found["module"])
    for name, modules in called.items():
        module = sys.modules.get(modules[0])
        if len(modules) > 1 or module is None or not _is_of_library(module):
            continue
        again = rf"(?<![\w.]){name}[ \t]*(?::[^=\n]+)?=(?!=)|^[ \t]*from\b[^\n]*\bimport\b[^\n]*\b{name}\b"
        if not re.search(again, text, re.MULTILINE):
            yield name, frozenset(dir(module))


def _is_of_library(module: ModuleType) -> bool:
    """Whether a module is of the standard library and holds what it says it does."""
    if module.__name__.split(".")[0] not in sys.stdlib_module_names or hasattr(module, "__getattr__"):
        return False
    file = getattr(module, "__file__", None)
    return file is None or (file.startswith(_STDLIB) and "site-packages" not in file)
