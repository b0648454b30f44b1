"""One direction of imports, and nothing heavy before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dgedit

PACKAGE = Path(dgedit.__file__).parent

LAYERS = ["kernels", "engine", "fill", "surface"]
"""From the ground up; a layer may import itself and what is below it."""

SURFACES = frozenset(("__main__", "cli", "commands", "tui", "batch", "hook", "doctor", "completions", "bench"))
FILL = frozenset(("fill", "fix", "server"))
"""Where the engine is called from."""


def layer(module: str) -> int:
    """Index of the layer that a module of dgedit is in; base modules are below all."""
    head = module.removeprefix("dgedit").lstrip(".").split(".")[0]
    if head in ("engine", "kernels"):
        return LAYERS.index(head)
    if head in FILL:
        return LAYERS.index("fill")
    return LAYERS.index("surface") if head in SURFACES else -1


def sources() -> Iterator[tuple[str, Path]]:
    for path in PACKAGE.rglob("*.py"):
        yield ".".join(["dgedit", *path.relative_to(PACKAGE).with_suffix("").parts]), path
    for name in ("engine", "kernels"):
        for path in (PACKAGE / name).resolve().rglob("*.py"):
            parts = path.relative_to((PACKAGE / name).resolve()).with_suffix("").parts
            yield ".".join(["dgedit", name, *parts]), path


def imports(module: str, path: Path) -> Iterator[str]:
    """Absolute names of dgedit modules that a file imports, type-checking imports too."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("dgedit"))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name.startswith("dgedit"):
                yield from (f"{name}.{alias.name}" for alias in node.names)


def test_nothing_imports_upward() -> None:
    found = list(sources())
    assert len(found) > 40
    pairs = [(module, target) for module, path in found for target in imports(module, path)]
    upward = [(module, target) for module, target in pairs if layer(target) > layer(module)]
    assert upward == []


def test_the_engine_knows_no_surface() -> None:
    for module, path in sources():
        if module.startswith(("dgedit.engine", "dgedit.kernels")):
            for target in imports(module, path):
                assert target.startswith(("dgedit.engine", "dgedit.kernels")), (module, target)


def test_the_check_sees_what_it_should(tmp_path: Path) -> None:
    bad = tmp_path / "packing.py"
    bad.write_text("from ..tui import app\nfrom . import types\nimport dgedit.batch.fill\n")
    assert list(imports("dgedit.engine.packing", bad)) == ["dgedit.tui.app", "dgedit.engine.types", "dgedit.batch.fill"]
    assert layer("dgedit.tui.app") > layer("dgedit.engine.packing")


HEAVY = ("torch", "transformers", "tokenizers", "numpy")

PROBES = {
    "help": (
        "import importlib; from dgedit import cli, config; cli.editor_parser(config.Infill()).format_help();"
        " [importlib.import_module('dgedit.commands.' + name).parser().format_help() for name in cli.COMMANDS]"
    ),
    "types": "import dgedit.engine.types",
    "holes": "import dgedit.text.holes, dgedit.fill.loop, dgedit.batch.fill",
    "first paint": """
import asyncio, pathlib, tempfile
from dgedit.tui.app import DgeditApp
async def paint():
    path = pathlib.Path(tempfile.mkdtemp()) / "x.py"
    path.write_text("x = 1\\n")
    app = DgeditApp(path, warm_up=False)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "x = 1" in app.area.render_line(0).text
asyncio.run(paint())
""",
}


@pytest.mark.parametrize("name", PROBES)
def test_no_torch_before_it_is_needed(name: str) -> None:
    code = PROBES[name] + f"\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_of_the_command_imports_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dgedit", "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "dgedit fill" in done.stdout
    assert "torch" not in done.stderr
    assert "textual" not in done.stderr
