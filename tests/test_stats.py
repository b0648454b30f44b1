"""The counts: by day, added up between editors, never in the way of one."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dgedit.errors import DgeditError
from dgedit.stats import Event, Stats, stats_path

DAY = date(2025, 3, 31)


class Calendar:
    """A day that a test turns."""

    def __init__(self) -> None:
        self.day = DAY

    def __call__(self) -> date:
        return self.day


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dgedit" / "stats.json"


def kept(path: Path) -> dict[str, dict[str, int]]:
    """What the file holds."""
    days: dict[str, dict[str, int]] = json.loads(path.read_text())["days"]
    return days


def test_events_are_counted_by_day_with_the_time_of_infills(path: Path) -> None:
    calendar = Calendar()
    stats = Stats(path, today=calendar)
    stats.record(Event.SHOWN, 230.4)
    stats.record(Event.SHOWN, 100.2)
    stats.record(Event.ACCEPTED)
    stats.record(Event.EDITED)
    calendar.day = date(2025, 4, 1)
    stats.record(Event.SHOWN, 50)
    stats.record(Event.CANCELLED)
    assert kept(path) == {
        "2025-03-31": {"shown": 2, "infill_ms": 330, "accepted": 1, "edited": 1},
        "2025-04-01": {"shown": 1, "infill_ms": 50, "cancelled": 1},
    }
    assert Stats(path).days() == kept(path)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["stats.json", "stats.lock"]


def test_only_the_person_may_read_the_counts(path: Path) -> None:
    Stats(path).record(Event.SHOWN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


MANY = """
import sys
from pathlib import Path
from dgedit.stats import Event, Stats
stats = Stats(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    stats.record(Event.SHOWN, 10)
    stats.record(Event.ACCEPTED_LINE)
print(stats.flush())
"""


def test_editors_that_count_at_the_same_time_add_up(path: Path) -> None:
    editors = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for editor in editors:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
    for editor in editors:
        assert editor.stdin is not None
        editor.stdin.write("\n")
        editor.stdin.flush()
    assert [editor.communicate(timeout=60)[0] for editor in editors] == ["True\n"] * 3
    total = sum(Stats(path).days().values(), Counter[str]())
    assert total == {"shown": 120, "infill_ms": 1200, "accepted_line": 120}


def test_a_lock_that_is_held_delays_the_counts_and_nothing_else(path: Path) -> None:
    stats = Stats(path, today=Calendar())
    path.parent.mkdir(parents=True)
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    stats.record(Event.SHOWN, 7)
    assert not path.exists()
    assert stats.days() == {"2025-03-31": {"shown": 1, "infill_ms": 7}}
    os.close(handle)
    stats.record(Event.ACCEPTED)
    assert kept(path) == {"2025-03-31": {"shown": 1, "infill_ms": 7, "accepted": 1}}


def test_a_lock_that_is_never_free_is_given_up_at_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgedit.stats.LOCK_TRIES", 2)
    stats = Stats(path)
    path.parent.mkdir(parents=True)
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    stats.record(Event.SHOWN)
    assert not stats.flush()
    os.close(handle)
    assert stats.flush()
    assert len(kept(path)) == 1


def test_a_place_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    stats = Stats(tmp_path / "state" / "stats.json")
    stats.record(Event.SHOWN)
    assert not stats.flush()
    assert Stats(tmp_path / "other" / "stats.json").flush()
    assert not (tmp_path / "other").exists()


CORRUPT: dict[str, Any] = {
    "empty": "",
    "cut short": '{"days": {"2025-03-31": {"sho',
    "not a table": "[]",
    "no days": "{}",
    "days are a list": '{"days": []}',
    "a day is a number": '{"days": {"2025-03-31": 4}}',
    "a count is text": '{"days": {"2025-03-31": {"shown": "4"}}}',
    "a count is negative": '{"days": {"2025-03-31": {"shown": -4}}}',
    "a count is true": '{"days": {"2025-03-31": {"shown": true}}}',
    "not UTF-8": b"\xff\xfe{",
}


@pytest.mark.parametrize("text", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_file_is_set_aside_and_said(path: Path, text: str | bytes) -> None:
    raw = text if isinstance(text, bytes) else text.encode()
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    stats = Stats(path, today=Calendar())
    with pytest.raises(DgeditError, match="does not hold counts"):
        stats.summary()
    assert path.read_bytes() == raw
    stats.record(Event.SHOWN, 3)
    assert kept(path) == {"2025-03-31": {"shown": 1, "infill_ms": 3}}
    assert path.with_suffix(".corrupt.json").read_bytes() == raw


def test_a_file_that_cannot_be_read_is_said(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(DgeditError, match=str(path)):
        Stats(path).summary()


def test_counts_of_other_names_are_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('{"days": {"2025-03-31": {"dreamt": 4, "shown": 1}}}')
    Stats(path, today=Calendar()).record(Event.SHOWN)
    assert kept(path) == {"2025-03-31": {"dreamt": 4, "shown": 2}}


def test_the_summary_is_a_table_of_today_the_week_and_all(path: Path) -> None:
    calendar = Calendar()
    stats = Stats(path, today=calendar)
    counted = {date(2025, 3, 24): 1000, date(2025, 3, 25): 100, date(2025, 3, 31): 10}
    for calendar.day, times in counted.items():
        for _ in range(times // 10):
            stats.record(Event.SHOWN, 200)
    for event in (Event.ACCEPTED, Event.ACCEPTED_WORD, Event.ACCEPTED_WORD, Event.EDITED, Event.CANCELLED):
        stats.record(event)
    rows = [line.split() for line in stats.summary().split("\n")]
    assert rows == [
        ["today", "7", "days", "all"],
        ["infills", "shown", "1", "11", "111"],
        ["accepted", "3", "(300%)", "3", "(27%)", "3", "(3%)"],
        ["whole", "1", "1", "1"],
        ["by", "lines", "0", "0", "0"],
        ["by", "words", "2", "2", "2"],
        ["edited", "in", "10", "s", "1", "1", "1"],
        ["cancelled", "1", "1", "1"],
        ["ms", "an", "infill", "200", "200", "200"],
        ["counted", "since", "2025-03-24,", "in", str(path)],
    ]
    assert max(len(line) for line in stats.summary().split("\n")[:-1]) <= 80


def test_the_summary_of_nothing_divides_by_nothing(path: Path) -> None:
    stats = Stats(path)
    assert stats.summary().startswith("nothing counted yet")
    stats.record(Event.CANCELLED)
    assert "%" not in stats.summary()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/state", "/state/dgedit/stats.json"),
        ("", "/home/p/.local/state/dgedit/stats.json"),
        ("relative", "/home/p/.local/state/dgedit/stats.json"),
    ],
)
def test_where_the_counts_are(monkeypatch: pytest.MonkeyPatch, given: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/p")
    monkeypatch.setenv("XDG_STATE_HOME", given)
    assert stats_path() == Path(expected)
    assert Stats().path == Path(expected)
