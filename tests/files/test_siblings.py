"""Files beside the edited one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.engine.types import ModelInfo
from dgedit.files import siblings
from dgedit.fill.loop import FillOptions, Gap, make_request

INFO = ModelInfo(name="any", parameters=0, device="cpu", digest="")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder / "own.py"


def test_files_of_the_same_kind_are_read_relatives_by_name_first(tmp_path: Path) -> None:
    own = write(tmp_path, own="me = 1", other="b = 1", test_own="c = 1", another="a = 1")
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / ".hidden.py").write_text("no")
    (tmp_path / "folder.py").mkdir()
    assert siblings.related_texts(own) == ("c = 1", "a = 1", "b = 1")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    own = write(tmp_path, own="", other="first = 1")
    assert siblings.related_texts(own) == ("first = 1",)
    write(tmp_path, other="second = 22")
    assert siblings.related_texts(own) == ("second = 22",)


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    own = write(tmp_path, own="", other="x = 1")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    assert siblings.related_texts(own) == ("x = 1",)
    assert siblings.related_texts(tmp_path / "no" / "such.py") == ()
    assert siblings.related_texts(None) == ()


def test_the_reading_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = write(tmp_path, own="", **{f"f{number:02}": f"x = {number:02}" for number in range(20)})
    assert len(siblings.related_texts(own)) == siblings.FILES_MAX
    monkeypatch.setattr(siblings, "TOTAL_BYTES_MAX", 13)
    assert siblings.related_texts(own) == ("x = 00", "x = 01")
    monkeypatch.setattr(siblings, "FILE_BYTES_MAX", 3)
    assert siblings.related_texts(own) == ()


def test_a_request_carries_them(tmp_path: Path) -> None:
    own = write(tmp_path, own="", other="x = 1\n")
    assert make_request("a", "b", Gap(), FillOptions(path=own), INFO).related == ("x = 1\n",)
    assert make_request("a", "b", Gap(), FillOptions(), INFO).related == ()
