"""What may import what, read from the files: rooms from the ground up, and no circles; deferred imports count too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dgedit"

ROOMS: tuple[tuple[str, ...], ...] = (
    ("kernels", "errors", "paths", "themes", "terminal", "first_signals"),
    ("engine",),
    ("text", "stats", "keys"),
    ("files",),
    ("config", "judges"),
    ("server",),
    ("fill",),
    ("fix",),
    ("batch",),
    ("hook", "tui"),
    ("bench",),
    ("commands",),
    ("cli", "from_clone"),
    ("__main__",),
)
"""Folders and single modules of dgedit, from the ground up: each may import what stands before it."""
ENGINE_ROOMS = frozenset(("engine", "kernels"))


def sources() -> dict[str, Path]:
    """Every module by its dotted name; the three links are followed."""
    found = dict[str, Path]()
    for folder in (PACKAGE, *(path.resolve() for path in PACKAGE.iterdir() if path.is_symlink() and path.is_dir())):
        top = ["dgedit"] if folder == PACKAGE else ["dgedit", folder.name]
        for path in folder.rglob("*.py"):
            parts = [*top, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path) -> Iterator[str]:
    """Absolute names that a file imports from dgedit, type-checking imports too."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("dgedit"))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name.startswith("dgedit"):
                yield from (f"{name}.{alias.name}" for alias in node.names)


def edges(found: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Pairs of modules of which the first imports the second."""
    for module, path in found.items():
        for name in imports(module, path):
            while name not in found and "." in name:
                name = name.rpartition(".")[0]
            if name not in (module, "dgedit"):
                yield module, name


def room_of(module: str) -> str:
    """The folder, or the single module, of dgedit that a module is in."""
    return module.split(".")[1] if "." in module else ""


@pytest.fixture(scope="module")
def found() -> dict[str, Path]:
    """See `sources`."""
    return sources()


def test_every_room_has_a_layer(found: dict[str, Path]) -> None:
    layered = {room for layer in ROOMS for room in layer} | {""}
    assert {room_of(module) for module in found} <= layered
    assert all((PACKAGE / room).exists() or (PACKAGE / f"{room}.py").exists() for room in layered)


def test_nothing_imports_upward(found: dict[str, Path]) -> None:
    height = {room: number for number, layer in enumerate(ROOMS) for room in layer}
    pairs = [(a, b) for a, b in edges(found) if room_of(a) != room_of(b)]
    assert len(pairs) > 100
    assert [(a, b) for a, b in pairs if height[room_of(b)] >= height[room_of(a)]] == []


def test_the_engine_knows_no_one_above_it(found: dict[str, Path]) -> None:
    inside = [(a, b) for a, b in edges(found) if room_of(a) in ENGINE_ROOMS]
    assert [(a, b) for a, b in inside if room_of(b) not in ENGINE_ROOMS] == []


def test_there_is_no_circle(found: dict[str, Path]) -> None:
    graph: dict[str, set[str]] = {}
    for a, b in edges(found):
        graph.setdefault(a, set()).add(b)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_no_tensor_leaves_the_engine(found: dict[str, Path]) -> None:
    bringing = set[str]()
    for module, path in found.items():
        if room_of(module) in ENGINE_ROOMS or module == "dgedit.commands.doctor":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
        bringing |= {module for name in names if name.split(".")[0] in ("torch", "numpy", "transformers")}
    assert bringing == set()


def test_no_kind_of_model_is_told_above_the_engine(found: dict[str, Path]) -> None:
    """Whoever asks for a family by its class would have to learn of the next one."""
    above = [(a, b) for a, b in edges(found) if room_of(a) not in ENGINE_ROOMS]
    assert [(a, b) for a, b in above if b.startswith("dgedit.engine.models")] == []
    asked = set[str]()
    for module, path in found.items():
        if room_of(module) in ENGINE_ROOMS:
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        kinds = [ast.unparse(call.args[1]) for call in calls if ast.unparse(call.func) == "isinstance"]
        asked |= {module for kind in kinds if re.search(r"Engine\b|Denoiser\b|Infiller\b", kind)}
    assert asked == set()


def test_a_class_name_is_one_class(found: dict[str, Path]) -> None:
    homes: dict[str, list[str]] = {}
    for module, path in found.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_the_map_of_the_house_is_its_tree() -> None:
    root = PACKAGE.parent
    page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = page[page.index("    dgedit/") : page.index("Imports go one way")]
    named = set(re.findall(r"(?<![\w/])(\w+)/", drawn))
    tops = (PACKAGE, PACKAGE / "tui", root / "engine", root / "engine" / "models")
    there = {path.name for top in tops for path in top.iterdir() if path.is_dir() and "__" not in path.name}
    there |= {"dgedit", "tests", "support"}
    assert named == there


def test_the_checks_see_what_they_should(tmp_path: Path) -> None:
    bad = tmp_path / "packing.py"
    bad.write_text("from ..tui import app\nfrom . import types\nimport dgedit.batch.fill\n")
    assert list(imports("dgedit.engine.packing", bad)) == [
        *("dgedit.tui.app", "dgedit.engine.types", "dgedit.batch.fill"),
    ]
    assert room_of("dgedit.tui.app") == "tui"


CHECKS_SYNTAX = "dgedit.engine.parsing"
READ_SOURCES = ("dgedit.config", "dgedit.engine.evals")
"""Read trees of what is known to parse: the docstrings of the settings, sources that spans are drawn from."""


def test_a_check_of_syntax_has_one_home(found: dict[str, Path]) -> None:
    """Which errors count, and that warnings are not printed, is decided once."""
    elsewhere = [
        module
        for module, path in found.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("ast.parse", "compile")
        if not module.startswith((CHECKS_SYNTAX, *READ_SOURCES))
    ]
    assert elsewhere == []
