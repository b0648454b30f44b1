"""Takes the README's picture: the real editor, an infill under way with the bundled model, as SVG."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from ..fill import FillOptions, load_model
from .app import DgeditApp

EXAMPLE = Path(__file__).parent.parent / "example.py.txt"


async def take(out: Path, *, at_pass: int = 2, columns: int = 96, rows: int = 30) -> None:
    """Open the example, start its second hole, and save the screen as it is after a pass."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.py"
        path.write_bytes(EXAMPLE.read_bytes())
        app = DgeditApp(path, options=FillOptions(), warm_up=False)
        app.jobs.model = load_model("nano")
        async with app.run_test(size=(columns, rows)) as pilot:
            await pilot.press("f8", "f8", "ctrl+g")
            seen = 0
            while seen < at_pass and app.finished_text is None:
                await pilot.pause(0.002)
                app.draw_newest_frame()
                seen = app.pass_shown
            await pilot.pause()
            out.write_text(app.export_screenshot(title="dgedit"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
