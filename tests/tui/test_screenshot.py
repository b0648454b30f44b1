"""The pictures of the README: taken from the real editor, and nothing is fetched to see them."""

from __future__ import annotations

import re
from pathlib import Path

from dgedit.tui import screenshot

SHOWN = {"screenshot.svg": "pass&#160;4&#160;of", "review.svg": "answer", "find.svg": "tally"}


async def test_a_picture_shows_what_it_is_for_and_fetches_nothing(tmp_path: Path) -> None:
    await screenshot.take(tmp_path)
    for name, word in SHOWN.items():
        picture = (tmp_path / name).read_text(encoding="utf-8")
        assert word in picture
        assert "@font-face" not in picture
        assert set(re.findall(r"(?:href|src|url)\W+(\w+://[^\"')]*)", picture)) == set()
