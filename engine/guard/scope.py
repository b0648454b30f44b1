"""Names of a Python text that nothing defines, before and after an answer; told by pyflakes.

Only the part around the hole is looked at for each answer; what the rest of the module binds is collected once and
given to pyflakes as if it were built in.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from pyflakes import messages
from pyflakes.checker import Checker

from ..parsing import module_of
from .parse import FILLER, Window

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What pyflakes says of a text."""

    undefined: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    """Local variables and imports that are bound and never read."""


@dataclass(slots=True)
class Scope:
    """Names around a hole."""

    window: Window
    known: frozenset[str] | None
    """What the rest of the module binds; none where that cannot be told."""
    before: Names = field(default_factory=Names)
    """With nothing to speak of in the hole."""

    def names(self, text: str) -> Names | None:
        """What is said with an answer in the hole; none where that part does not parse."""
        return None if self.known is None else look(self.window.source(text), self.known)


def scope_of(window: Window, filler: str) -> Scope:
    """The names around a hole.

    Args:
        filler: a text with which the window parses.
    """
    scope = Scope(window, bound_outside(window.outside))
    before = scope.names(filler)
    if before is not None:
        undefined = frozenset(name for name in before.undefined if FILLER not in name)
        scope.before = Names(undefined=undefined, unused=before.unused)
    return scope


def bound_outside(text: str) -> frozenset[str] | None:
    """Every name that the statements of a module bind; none where one of them binds names that it does not say."""
    tree = module_of(text)
    if tree is None:
        return None
    names, waiting = set[str](), list[ast.AST](tree.body)
    while waiting:
        node = waiting.pop()
        found = _bound(node)
        if found is None:
            return None
        names |= found
        if isinstance(node, _SCOPES):
            names |= {name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names}
        else:
            waiting += ast.iter_child_nodes(node)
    return frozenset(names)


def _bound(node: ast.AST) -> set[str] | None:
    """Names that one node binds where it stands."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        return None if "*" in names else names
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        return {node.name}
    return set()


def look(text: str, known: frozenset[str]) -> Names | None:
    """What pyflakes says of a part of a module; none where it does not parse or imports what it does not name."""
    tree = module_of(text)
    if tree is None:
        return None
    try:
        found = Checker(tree, builtins=known).messages
    except (ValueError, RecursionError, MemoryError):
        return None
    if any(isinstance(message, messages.ImportStarUsed) for message in found):
        return None
    undefined = (messages.UndefinedName, messages.UndefinedLocal)
    unused = (messages.UnusedVariable, messages.UnusedImport)
    return Names(
        undefined=frozenset(str(each.message_args[0]) for each in found if isinstance(each, undefined)),
        unused=frozenset(str(each.message_args[0]) for each in found if isinstance(each, unused)),
    )
