"""Any file opens and saves to the same bytes or is refused; a buffer knows what stands on disk."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.files import disk
from dgedit.files.buffer import Buffer, Outside
from dgedit.text.encoding import LATIN_1, UTF_8, UTF_8_BOM, UTF_16_BE, UTF_16_LE, decode_any
from dgedit.tui.widgets.document import PlainDocument

PIECES = (
    *("\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "\f", "\v", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"),
    *("\ufeff", "\ufffe", "\u200b", "e\u0301", "é", "漢字", "😀", "👩‍👩‍👧", "\U0010ffff", "\u202e", "\xa0", "\xad"),
    *("def f(x):", "    return x", "'", '"""', "\t", " ", "  ", "x" * 60, "\x1b[0m", "\b", "\x01", "\x7f", ""),
)
BROKEN = (
    b"\xff",
    b"\xfe",
    b"\xc3",
    b"\xe2\x80",
    b"\xf0\x9f\x98",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\x85",
    b"\x9b",
    b"\xe9",
)
ENDINGS = ("\n", "\r\n", "\r")


def random_file(draw: random.Random) -> bytes:
    """Nasty bytes: texts in all encodings, some broken, and noise."""
    kind = draw.randrange(10)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        return bytes(draw.choices(range(1, 256), k=draw.randrange(60)))
    pieces = draw.choices(PIECES, k=draw.randrange(30))
    if draw.random() < 0.5:
        # One line ending throughout, as most files have it.
        ending = draw.choice(ENDINGS)
        pieces = [ending if piece.strip(" \t") == "" else piece for piece in pieces]
    text = "".join(pieces)
    if kind < 5:
        return draw.choice((b"", b"", b"\xef\xbb\xbf")) + text.encode()
    if kind == 5:
        return text.encode("latin-1", "ignore")
    if kind < 8:
        raw = b"\xff\xfe" + text.encode("utf-16-le") if kind == 6 else b"\xfe\xff" + text.encode("utf-16-be")
        return raw if draw.random() < 0.8 else raw[: draw.randrange(len(raw))] + draw.choice(BROKEN)
    raw = text.encode()
    at = draw.randrange(len(raw) + 1)
    return raw[:at] + draw.choice(BROKEN) + raw[at:]


def may_be_refused(raw: bytes) -> bool:
    """Whether a file may be called no text: NUL, many control bytes, or the mark of UTF-16 on what is none."""
    controls = sum((byte < 32 and byte not in b"\b\t\n\v\f\r\x1b") or byte == 127 for byte in raw)
    return 0 in raw or controls > 8 or raw[:2] in (b"\xff\xfe", b"\xfe\xff")


def test_random_bytes_come_back_from_the_document_or_are_refused() -> None:
    draw, seen = random.Random(7), Counter[str]()
    for _ in range(20_000):
        raw = random_file(draw)
        try:
            decoded = decode_any(raw, "x")
        except DgeditError:
            assert may_be_refused(raw), raw
            seen["refused"] += 1
            continue
        document = PlainDocument(decoded.text)
        buffer = Buffer(encoding=decoded.encoding, saved=disk.Fingerprint.of(raw))
        assert buffer.encode(document.text) == raw
        assert not buffer.is_dirty(document.text)
        assert buffer.is_dirty(document.text + "x")
        seen[decoded.encoding.name] += 1
    assert min(seen[encoding.name] for encoding in (UTF_8, UTF_8_BOM, UTF_16_LE, UTF_16_BE, LATIN_1)) > 1000
    assert seen["refused"] < 5000


def test_random_files_keep_their_bytes_when_opened_and_saved(tmp_path: Path) -> None:
    draw, path, other, saved = random.Random(8), tmp_path / "x.py", tmp_path / "y.py", 0
    for _ in range(400):
        raw = random_file(draw)
        path.write_bytes(raw)
        try:
            buffer, text = Buffer.open(path)
        except DgeditError:
            assert path.read_bytes() == raw
            continue
        text = PlainDocument(text).text
        assert buffer.save(text) == len(raw)
        assert path.read_bytes() == raw
        buffer.save_as(other, text)
        assert other.read_bytes() == raw
        assert buffer.reload() == text
        saved += 1
    assert saved > 250


# -- one file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_bytes(b"one\r\ntwo")
    return path


def test_a_new_file_begins_empty_and_is_made_by_the_first_save(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    buffer, text = Buffer.open(path)
    assert (text, buffer.saved, buffer.read_only_reason) == ("", None, None)
    assert not buffer.is_dirty("")
    assert buffer.is_dirty("x")
    assert not path.exists()
    assert buffer.save("x\n") == 2
    assert path.read_bytes() == b"x\n"
    assert not buffer.is_dirty("x\n")


def test_a_text_without_a_name_can_only_be_saved_under_one(tmp_path: Path) -> None:
    buffer = Buffer()
    assert buffer.changed_outside() is Outside.SAME
    buffer.knows(Buffer.open(tmp_path / "other.py")[0])
    with pytest.raises(DgeditError, match="no name yet"):
        buffer.save("x")
    with pytest.raises(DgeditError, match="no file yet"):
        buffer.reload()
    buffer.save_as(tmp_path / "x.py", "x")
    assert (buffer.path, buffer.is_dirty("x")) == (tmp_path / "x.py", False)
    assert buffer.changed_outside() is Outside.SAME


def test_a_failed_save_under_another_name_changes_nothing(path: Path, tmp_path: Path) -> None:
    buffer, text = Buffer.open(path)
    os.mkfifo(tmp_path / "pipe")
    for target, message in {"": "is a directory", "gone/x": "does not exist", "pipe": "a pipe"}.items():
        with pytest.raises(DgeditError, match=message):
            buffer.save_as(tmp_path / target, text)
        assert buffer.path == path
        assert not buffer.is_dirty(text)


@pytest.mark.parametrize("name", ["pipe", "loop", "folder", "gone/x.py"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DgeditError) as caught:
        Buffer.open(tmp_path / name)
    assert caught.value.hint


def test_a_link_to_nothing_is_a_new_file_behind_the_link(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to("real.py")
    buffer, _ = Buffer.open(tmp_path / "link.py")
    buffer.save("x")
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == b"x"
    assert Buffer.open(tmp_path / "link.py")[1] == "x"


def test_a_large_file_opens_read_only_and_can_be_saved_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"0123456789\n" * 1_900_000)
    buffer, text = Buffer.open(path)
    assert buffer.read_only_reason == "read-only: 20,900,000 bytes, more than 20,000,000"
    assert not buffer.is_dirty(text)
    buffer.save_as(tmp_path / "start.txt", text[:11])
    assert buffer.read_only_reason is None


def test_a_character_that_the_encoding_lacks_is_refused_until_another_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"caf\xe9\n")
    buffer, text = Buffer.open(path)
    text += "😀"
    assert buffer.is_dirty(text)
    with pytest.raises(DgeditError, match="line 2, column 1") as caught:
        buffer.save(text)
    assert "save as UTF-8" in caught.value.hint
    with pytest.raises(DgeditError, match="line 2, column 1"):
        buffer.save_as(tmp_path / "y", text)
    assert path.read_bytes() == b"caf\xe9\n"
    assert buffer.encoding is LATIN_1
    assert os.listdir(tmp_path) == ["x.txt"]
    buffer.save(text, encoding=UTF_8)
    assert path.read_bytes() == "café\n😀".encode()
    assert buffer.encoding is UTF_8
    assert not buffer.is_dirty(text)


def test_hard_links_are_told_of_until_the_save_that_parts_them(path: Path, tmp_path: Path) -> None:
    os.link(path, tmp_path / "other.py")
    buffer, text = Buffer.open(path)
    assert "2 names" in buffer.notice
    buffer.save(text)
    assert buffer.notice == ""


# -- what others do to it


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


OUTSIDE: dict[str, tuple[Callable[[Path], object], Outside]] = {
    "nothing": (lambda path: None, Outside.SAME),
    "touched": (lambda path: os.utime(path), Outside.SAME),
    "written with the same bytes": (lambda path: path.write_bytes(b"one\r\ntwo"), Outside.SAME),
    "written": (lambda path: path.write_bytes(b"other"), Outside.CHANGED),
    "written with as many bytes": (lambda path: path.write_bytes(b"ONE\r\nTWO"), Outside.CHANGED),
    "emptied": (lambda path: os.truncate(path, 0), Outside.CHANGED),
    "replaced": (lambda path: disk.write_atomically(path, b"ONE\r\nTWO"), Outside.CHANGED),
    "deleted": (lambda path: path.unlink(), Outside.DELETED),
    "replaced by a folder": (replace_by_folder, Outside.UNREADABLE),
}


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("what", OUTSIDE)
def test_changes_from_outside_are_seen(path: Path, what: str, settled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if settled:
        later_ns = time.time_ns() + 10_000_000_000
        monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    buffer, text = Buffer.open(path)
    act, expected = OUTSIDE[what]
    act(path)
    for _ in range(2):
        assert buffer.changed_outside() is expected
    assert bool(buffer.changed_outside()) is (what not in ("nothing", "touched", "written with the same bytes"))
    assert not buffer.is_dirty(text), "what others do is not this text's change"


def test_as_many_bytes_under_the_old_time_are_seen(path: Path) -> None:
    buffer, _ = Buffer.open(path)
    before = path.stat()
    path.write_bytes(b"ONE\r\nTWO")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert buffer.changed_outside() is Outside.CHANGED


def test_a_change_that_a_coarse_clock_hides_is_seen(path: Path) -> None:
    buffer, _ = Buffer.open(path)
    path.write_bytes(b"ONE\r\nTWO")
    # As where two writes fall into one tick of the file system's clock: the status is the one from before.
    buffer._stamp = disk.Stamp.of(path.stat())
    assert buffer.changed_outside() is Outside.CHANGED


def test_an_untouched_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later_ns = time.time_ns() + 10_000_000_000
    buffer, _ = Buffer.open(path)
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    assert buffer.changed_outside() is Outside.SAME
    monkeypatch.setattr(disk, "read_regular", lambda _path: pytest.fail("the status could tell"))
    assert buffer.changed_outside() is Outside.SAME


def test_a_file_that_appears_under_a_new_name_is_a_change(tmp_path: Path) -> None:
    buffer, _ = Buffer.open(tmp_path / "new.py")
    assert buffer.changed_outside() is Outside.SAME
    (tmp_path / "new.py").write_bytes(b"mine")
    assert buffer.changed_outside() is Outside.CHANGED


def test_a_save_is_no_change_from_outside(path: Path) -> None:
    buffer, _ = Buffer.open(path)
    for text in ("a", "b", "a longer one"):
        buffer.save(text)
        assert buffer.changed_outside() is Outside.SAME


@pytest.mark.parametrize("what", ["written", "written with as many bytes", "deleted"])
def test_the_own_text_can_be_kept_over_a_change(path: Path, what: str) -> None:
    buffer, text = Buffer.open(path)
    OUTSIDE[what][0](path)
    buffer.knows(Buffer.open(path)[0])
    assert buffer.changed_outside() is Outside.SAME
    assert buffer.is_dirty(text)
    buffer.save(text)
    assert path.read_bytes() == b"one\r\ntwo"


def test_a_changed_file_can_be_read_again(path: Path) -> None:
    buffer, _ = Buffer.open(path)
    path.write_bytes(b"\xff\xfea\0")
    assert buffer.reload() == "a"
    assert buffer.encoding is UTF_16_LE
    assert not buffer.is_dirty("a")
    assert buffer.changed_outside() is Outside.SAME


@pytest.mark.parametrize(("raw", "message"), [(b"\0", "binary"), (None, "is gone")])
def test_a_file_that_cannot_be_read_again_leaves_the_buffer_as_it_was(
    path: Path, raw: bytes | None, message: str
) -> None:
    buffer, text = Buffer.open(path)
    path.unlink()
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(DgeditError, match=message):
        buffer.reload()
    assert not buffer.is_dirty(text)
    assert buffer.changed_outside() is (Outside.CHANGED if raw else Outside.DELETED)
