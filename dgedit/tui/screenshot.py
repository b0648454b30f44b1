"""Takes the README's picture: the real editor, an infill under way with the bundled model, as SVG."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from ..fill import FillOptions, frames, load_model, make_request
from .app import DgeditApp

EXAMPLE = Path(__file__).parent.parent / "example.py.txt"
FONT_FACE = re.compile(r"@font-face \{.*?\}", re.S)


async def take(out: Path, *, at_pass: int = 4, columns: int = 92, rows: int = 26) -> None:
    """Open the example, denoise its second hole on the spot, and save the screen as it is after a pass."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.py"
        path.write_bytes(EXAMPLE.read_bytes())
        app = DgeditApp(path, options=FillOptions(), warm_up=False)
        app.jobs.model = load_model("nano")
        async with app.run_test(size=(columns, rows)) as pilot:
            await pilot.press("f8", "f8")
            area = app.area
            start, end = sorted(area.selection)
            last = area.document.end
            request = make_request(
                area.get_text_range((0, 0), start), area.get_text_range(end, last), None, FillOptions()
            )
            area.begin_preview(start, end)
            for frame in frames(request, app.jobs.model):
                app.show_frame(frame)
                if frame.pass_index == at_pass:
                    break
            await pilot.pause()
            # The picture must not fetch fonts from anywhere.
            out.write_text(FONT_FACE.sub("", app.export_screenshot(title="dgedit")), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
