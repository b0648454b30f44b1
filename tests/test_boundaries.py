"""Nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "tokenizers", "numpy")

PROBES = {
    "help": (
        "import importlib; from dgedit.commands import editor;"
        " editor.parser().format_help();"
        " [importlib.import_module('dgedit.commands.' + name).parser().format_help() for name in editor.COMMANDS]"
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
