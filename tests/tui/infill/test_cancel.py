"""An infill of the bundled model that is stopped at any pass: the bytes, the selection and the history come back."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from dgedit.engine import Engine

from ...support.editor_host import Host, Location, editor

CANCELS = 72
"""In each of three files: more than 200 together."""
SOURCE = (
    "import sys\n\n\ndef total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n"
    "    return result\n\n\ndef main():\n    print(total([1, <FILL_ME>]))\n    \n"
)
FILES = {
    "lf": SOURCE,
    "crlf": SOURCE.replace("\n", "\r\n"),
    "mixed": SOURCE.replace("result = 0\n", "result = 0\r\n").replace("values):", "values):  # \u2028\x0c é 漢"),
}
PLACES: list[tuple[Location, Location]] = [
    ((6, 8), (6, 8)),
    ((4, 4), (4, 14)),
    ((4, 0), (6, 0)),
    ((7, 17), (7, 4)),
    ((12, 4), (12, 4)),
    ((0, 0), (0, 0)),
]


async def warmed(host: Host, start: Location, end: Location) -> None:
    """Go somewhere and let the engine read the context ahead, as it does when a person pauses there."""
    await host.select(start, end)
    host.app.infills.warm()
    await host.until(lambda: host.app.jobs.is_idle, "the context to be read")


async def passes_seen(host: Host, passes: int) -> int:
    """Wait for so many passes or the end; how many there were."""
    review = host.review
    await host.until(lambda: len(review.seen) >= passes or review.finished, "some passes")
    return len(review.seen)


@pytest.mark.parametrize("ending", FILES)
async def test_the_bytes_come_back_whenever_an_infill_is_cancelled(tmp_path: Path, nano: Engine, ending: str) -> None:
    path = tmp_path / "x.py"
    raw = FILES[ending].encode()
    path.write_bytes(raw)
    draw = random.Random(ending)
    stopped_at = set[int]()
    async with editor(path, model=nano) as host:
        app, area = host.app, host.area
        await host.write("x")
        before = host.text
        for number in range(CANCELS):
            if number % (CANCELS // len(PLACES)) == 0:
                await warmed(host, *PLACES[number // (CANCELS // len(PLACES))])
            depth, selection = len(area.history.undo_stack), area.selection
            (app.infills.fill_all if draw.random() < 0.1 else app.infills.infill)()
            assert area.read_only
            stopped_at.add(await passes_seen(host, draw.choice([0, 0, 0, 1, 1, 1, 2, 2, 3, 5, 9])))
            app.infills.cancel()
            assert host.text == before
            assert area.selection == selection
            assert len(area.history.undo_stack) == depth
            assert not area.read_only
            assert app.infills.review is None
        # The worker takes this up when the last run has ended; what that one still delivered must be dropped.
        ended = threading.Event()
        app.jobs._put(ended.set)
        await host.until(ended.is_set, "the worker to rest")
        assert host.text == before
        await host.press("ctrl+z")
        assert host.text.encode() == raw
    assert path.read_bytes() == raw
    assert {0, 1, 2} <= stopped_at
