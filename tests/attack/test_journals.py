"""Journals with absurd fields and damaged bytes: nothing raises, and no text that is still there is taken away."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dgedit.files import journal, recovery
from dgedit.files.process import this_process
from dgedit.text.encoding import UTF_8

from ..support.journals import ended_process, left_by, only_file
from .budget import Budget

FEW, ALL = 250, 10_000
TEXT = "the text that was not saved é\n"
FIELDS = ("version", "path", "encoding", "pid", "start_ticks", "host", "written_s", "base", "text")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, -(10**30), 1e308, -1e308, float("inf"), float("nan")),
    *("", "x", "/", "\0", "/a\0b", "relative/x.py", "/" + "a" * 5_000, "\ud800", "9" * 400, "nan", "UTF-8", "../../x"),
    *([], [1], {}, {"size_bytes": -1, "digest": 1}, {"size_bytes": "x"}, {"size_bytes": 1e400, "digest": None}),
    {"size_bytes": 10**40, "digest": "0" * 32},
)


def damages(raw: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Every value in every field, fields that are missing, then bytes at random."""
    line, _, body = raw.partition(b"\n")
    header = json.loads(line)
    made = [(f"{name} is {value!r:.40}", {**header, name: value}) for name in FIELDS for value in VALUES]
    made += [(f"no {name}", {key: value for key, value in header.items() if key != name}) for name in FIELDS]
    draw.shuffle(made)
    for what, changed in made:
        yield what, json.dumps(changed).encode() + b"\n" + body
    for _ in range(1_000):
        broken = bytearray(raw)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(broken))
            broken[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
        yield "bytes", bytes(broken)


def wrong(path: Path, file: Path, raw: bytes) -> str:
    """What is wrong with how a damaged journal is taken; empty where nothing is."""
    try:
        journal.pending(path)
        journal.all_pending()
        journal.open_elsewhere(path)
        journal.discarded()
        journal.clean_up()
        list(recovery.listed(recovery.found()))
    except Exception as error:  # any is a failure, and is told with its case
        return f"{type(error).__name__}: {error}"
    stands = next(iter(file.parent.glob(f"{file.stem}.*")), None)
    if stands is None and TEXT.encode() in raw and b'"text": null' not in raw:
        return "the text is gone"
    return ""


def test_a_damaged_journal_never_raises_and_loses_no_text(
    budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path, owner, failures = tmp_path / "x.py", ended_process(), list[str]()
    path.write_text("on disk\n")
    journal.Journal(path).write(TEXT, UTF_8, None)
    file = left_by(journal.folder(), owner)
    raw = file.read_bytes()
    assert only_file(file.parent) == file
    assert this_process().pid != owner.pid
    for what, damaged in budget.cases(lambda seed: damages(raw, random.Random(seed)), few=FEW, all_=ALL):
        for left in file.parent.iterdir():
            os.unlink(left)
        file.write_bytes(damaged)
        said = wrong(path, file, damaged)
        budget.count("journals", failed=bool(said))
        failures += [f"{what}: {said}"] if said else []
    assert failures == []
