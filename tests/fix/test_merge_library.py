"""Conflicts made in files of the standard library, which no table foresaw: none loses both sides."""

from __future__ import annotations

import random
import re
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from dgedit.engine import Engine
from dgedit.fix.merge import merge
from dgedit.fix.repair import RepairEnding, RepairOptions
from dgedit.text.conflicts import find_conflicts

CONFLICTS = 24
CHANGES = ("renamed", "added", "deleted", "commented", "ended")
_LAST_WORD = re.compile(r"\b([a-z_]{3,})\b(?!.*\b[a-z_]{3,}\b)")


def changed(line: str, how: str, who: str) -> list[str]:
    """A line as one of two people may change it."""
    margin = line[: len(line) - len(line.lstrip())]
    ways = {
        "renamed": [_LAST_WORD.sub(rf"\1_{who}", line)],
        "added": [line, f"{margin}{who} = 1"],
        "deleted": [],
        "commented": [f"{margin}# {who}", line],
        "ended": [f"{line}  # {who}"],
    }
    return ways[how]


def conflicted(source: str, draw: random.Random, folder: Path) -> str:
    """What git writes where both changed the same one or two lines."""
    lines = source.split("\n")
    code = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    places = sorted(draw.sample(code, draw.choice((1, 2))), reverse=True)
    texts = {"base": source}
    for who in ("ours", "theirs"):
        side = list(lines)
        for at in places:
            side[at : at + 1] = changed(side[at], draw.choice(CHANGES), who)
        texts[who] = "\n".join(side)
    paths = {name: folder / name for name in texts}
    for name, path in paths.items():
        path.write_text(texts[name], encoding="utf-8")
    style = draw.choice(([], ["--diff3"]))
    command = ["git", "merge-file", "-p", *style, *(str(paths[name]) for name in ("ours", "base", "theirs"))]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False).stdout


def code_of(side: str) -> list[str]:
    return [line.strip() for line in side.split("\n") if line.strip()]


@pytest.mark.parametrize("seed", range(2))
def test_no_conflict_in_the_standard_library_loses_both_sides(tmp_path: Path, nano: Engine, seed: int) -> None:
    draw, endings = random.Random(seed), Counter[RepairEnding]()
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    for path in draw.sample(library, len(library)):
        if not 1_000 < path.stat().st_size < 20_000:
            continue
        text = conflicted(path.read_text(encoding="utf-8"), draw, tmp_path)
        blocks = find_conflicts(text)
        if not blocks:
            continue
        done = merge(text, nano, RepairOptions())
        endings[done.ending] += 1
        if done.ending is not RepairEnding.MENDED:
            assert done.text == text, path.name
        for step, block in zip(done.steps, blocks, strict=done.ending is RepairEnding.MENDED):
            written = set(code_of(step.mend.text))
            sides = [set(code_of(block.ours)), set(code_of(block.theirs))]
            assert written <= sides[0] | sides[1], f"{path.name}: what neither side holds"
            assert sides[0] <= written or sides[1] <= written, f"{path.name}: both sides are lost"
        if endings.total() == CONFLICTS // 2:
            break
    assert endings[RepairEnding.MENDED] >= CONFLICTS // 4, endings
