"""The watcher of files: told of by the system, or found by looking; on real files with real events."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dgedit.files import watch
from dgedit.files.watch import LOOK_S, SETTLE_MAX_S, SETTLE_S, Watcher, WatchKind

DEADLINE_S = 20.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(clock: Clock) -> Iterator[Watcher]:
    """A watcher that only looks until a test starts it."""
    made = Watcher(clock)
    yield made
    made.stop()


@pytest.fixture
def only_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by looking."""
    monkeypatch.setattr(watch, "LOOK_S", float("inf"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in a folder of its own."""
    path = tmp_path / "folder" / "file.py"
    path.parent.mkdir()
    path.write_text("x = 1\n")
    return path


def until(reached: Callable[[], object]) -> None:
    """Wait for the other thread."""
    end_s = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < end_s, "no event came"
        time.sleep(0.01)


def all_arrived(watcher: Watcher, folder: Path) -> Path:
    """Wait until every event of a folder so far is in; they come in order, so a last one tells. Returns its file."""
    last = folder / f"last-{len(os.listdir(folder))}"
    watcher.watch(last, WatchKind.FILE)
    last.write_text("")
    until(lambda: str(last.resolve()) in watcher._inbox.changes)
    return last


def told(watcher: Watcher, clock: Clock, folder: Path) -> list[Path]:
    """What is told of once every event of a folder is in and all is quiet."""
    last = all_arrived(watcher, folder)
    clock.now_s += SETTLE_MAX_S
    found = watcher.poll()
    watcher.unwatch(last, WatchKind.FILE)
    return [path for path in found if path != last]


def write(path: Path) -> None:
    path.write_text("changed = True\n")


def replace(path: Path) -> None:
    beside = path.with_name("beside.tmp")
    beside.write_text("x = 2\n")
    os.replace(beside, path)


def move_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere.py"))


def move_in(path: Path) -> None:
    path.unlink()
    other = path.parent.parent / "other.py"
    other.write_text("x = 3\n")
    other.rename(path)


def truncate(path: Path) -> None:
    path.write_bytes(b"")


CHANGES = pytest.mark.parametrize("change", [write, replace, Path.unlink, move_away, move_in, truncate])


@CHANGES
@pytest.mark.usefixtures("only_events")
def test_the_system_tells_of_every_kind_of_change(
    watcher: Watcher, clock: Clock, file: Path, change: Callable[[Path], None]
) -> None:
    watcher.start()
    watcher.watch(file, WatchKind.FILE)
    change(file)
    assert told(watcher, clock, file.parent) == [file]


@CHANGES
def test_without_events_every_change_is_found_by_looking(
    watcher: Watcher, clock: Clock, file: Path, change: Callable[[Path], None]
) -> None:
    watcher.watch(file, WatchKind.FILE)
    change(file)
    assert watcher.poll() == []
    clock.now_s += LOOK_S
    assert watcher.poll() == [file]
    clock.now_s += LOOK_S
    assert watcher.poll() == []


@pytest.mark.usefixtures("only_events")
def test_a_new_file_is_told_of(watcher: Watcher, clock: Clock, file: Path) -> None:
    new = file.with_name("new.py")
    watcher.watch(new, WatchKind.FILE)
    watcher.start()
    new.write_text("")
    assert told(watcher, clock, new.parent) == [new]


@pytest.mark.usefixtures("only_events")
def test_reading_and_the_files_beside_it_are_not_told_of(watcher: Watcher, clock: Clock, file: Path) -> None:
    watcher.start()
    watcher.watch(file, WatchKind.FILE)
    assert file.read_text() == "x = 1\n"
    file.with_name("beside.py").write_text("")
    assert told(watcher, clock, file.parent) == []
    assert watcher._inbox.changes == {}


@pytest.mark.usefixtures("only_events")
def test_many_events_are_told_once_when_all_is_quiet(watcher: Watcher, clock: Clock, file: Path) -> None:
    watcher.start()
    watcher.watch(file, WatchKind.FILE)
    write(file)
    replace(file)
    last = all_arrived(watcher, file.parent)
    clock.now_s += SETTLE_S / 2
    assert watcher.poll() == []
    clock.now_s += SETTLE_S
    assert watcher.poll() == [file, last]
    clock.now_s += SETTLE_MAX_S
    assert watcher.poll() == []


def test_a_file_that_is_written_to_without_a_pause_is_told_of_all_the_same(
    watcher: Watcher, clock: Clock, file: Path
) -> None:
    watcher.watch(file, WatchKind.FILE)
    found = list[Path]()
    for _ in range(round(SETTLE_MAX_S / SETTLE_S * 3)):
        watcher._inbox.put(str(file.resolve()))
        clock.now_s += SETTLE_S / 2
        found += watcher.poll()
    assert found == [file]


@pytest.mark.usefixtures("only_events")
def test_a_link_is_followed_and_so_is_its_new_target(watcher: Watcher, clock: Clock, tmp_path: Path) -> None:
    targets = [tmp_path / name / "config.toml" for name in ("first", "second")]
    for target in targets:
        target.parent.mkdir()
        target.write_text("")
    link = tmp_path / "home" / "config.toml"
    link.parent.mkdir()
    link.symlink_to(targets[0])
    watcher.start()
    watcher.watch(link, WatchKind.CONFIG)
    replace(targets[0])
    assert told(watcher, clock, targets[0].parent) == [link]
    link.unlink()
    link.symlink_to(targets[1])
    assert told(watcher, clock, link.parent) == [link]
    replace(targets[1])
    assert told(watcher, clock, targets[1].parent) == [link]
    replace(targets[0])
    assert told(watcher, clock, tmp_path / "first") == []


@pytest.mark.usefixtures("only_events")
def test_a_folder_that_is_a_link_is_followed(watcher: Watcher, clock: Clock, tmp_path: Path, file: Path) -> None:
    (tmp_path / "link").symlink_to(file.parent)
    watcher.start()
    watcher.watch(tmp_path / "link" / file.name, WatchKind.THEME)
    write(file)
    assert told(watcher, clock, file.parent) == [tmp_path / "link" / file.name]
    # A link in a folder that is a link: what happens to it is told under neither of the names it goes by.
    inner = tmp_path / "link" / "inner.py"
    inner.symlink_to(tmp_path / "nowhere.py")
    watcher.watch(inner, WatchKind.THEME)
    inner.unlink()
    assert told(watcher, clock, file.parent) == [inner]


def test_a_missing_folder_is_waited_for(watcher: Watcher, clock: Clock, tmp_path: Path) -> None:
    theme = tmp_path / "themes" / "mine.toml"
    watcher.start()
    watcher.watch(theme, WatchKind.THEME)
    assert watcher.poll() == []
    theme.parent.mkdir()
    theme.write_text("")
    clock.now_s += LOOK_S
    assert watcher.poll() == [theme]
    write(theme)
    assert told(watcher, clock, theme.parent) == [theme]
    assert watcher.note == ""


@pytest.mark.parametrize("how", ["deleted", "moved away"])
def test_a_folder_that_is_replaced_is_watched_again(watcher: Watcher, clock: Clock, file: Path, how: str) -> None:
    watcher.start()
    watcher.watch(file, WatchKind.FILE)
    if how == "deleted":
        shutil.rmtree(file.parent)
        # Its event may come after the look that finds it, and would be told of a second time.
        until(lambda: str(file.resolve()) in watcher._inbox.changes)
    else:
        file.parent.rename(file.parent.with_name("away"))
    clock.now_s += LOOK_S
    assert watcher.poll() == [file]
    file.parent.mkdir()
    clock.now_s += LOOK_S
    assert told(watcher, clock, file.parent) == []
    write(file)
    assert told(watcher, clock, file.parent) == [file]


def test_a_path_is_watched_for_several_reasons(watcher: Watcher, clock: Clock, file: Path) -> None:
    for kind in (WatchKind.FILE, WatchKind.CONFIG, WatchKind.CONFIG):
        watcher.watch(file, kind)
    assert watcher.kinds(file) == {WatchKind.FILE, WatchKind.CONFIG}
    watcher.unwatch(file, WatchKind.FILE)
    write(file)
    clock.now_s += LOOK_S
    assert watcher.poll() == [file]
    assert watcher.kinds(file) == {WatchKind.CONFIG}
    watcher.unwatch(file, WatchKind.CONFIG)
    watcher.unwatch(file, WatchKind.CONFIG)
    replace(file)
    clock.now_s += LOOK_S
    assert watcher.poll() == []
    assert watcher.kinds(file) == frozenset()


def test_a_path_is_told_of_as_it_was_written(
    watcher: Watcher, clock: Clock, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    watcher.watch(Path("file.py"), WatchKind.FILE)
    assert watcher.kinds(file) == {WatchKind.FILE}
    write(file)
    clock.now_s += LOOK_S
    assert watcher.poll() == [Path("file.py")]


def test_a_stopped_watcher_still_looks(watcher: Watcher, clock: Clock, file: Path) -> None:
    watcher.start()
    watcher.watch(file, WatchKind.FILE)
    watcher.stop()
    watcher.stop()
    write(file)
    clock.now_s += LOOK_S
    assert watcher.poll() == [file]


NO_DESCRIPTORS = """
import os, resource, sys
from pathlib import Path
import watchdog.observers
from dgedit.files.watch import LOOK_S, WatchKind, Watcher
file = Path(sys.argv[1])
now_s = [0.0]
watcher = Watcher(lambda: now_s[0])
watcher.watch(file, WatchKind.FILE)
free = os.open(file, os.O_RDONLY)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
watcher.start()
os.truncate(file, 0)
now_s[0] += LOOK_S
print(watcher.poll() == [file], watcher.note)
watcher.stop()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of inotify")
def test_a_system_without_watches_to_give_is_said_and_files_are_looked_at(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", NO_DESCRIPTORS, str(file)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"True {watch.NO_WATCHES}", done.stderr


def test_watchdog_is_imported_when_it_is_started() -> None:
    code = "import sys, dgedit.files.watch as w; w.Watcher(); print('watchdog' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
