"""`dgedit recover`: what was left, discarded or damaged is listed and given back byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.cli import main
from dgedit.errors import ExitCode
from dgedit.files import journal
from dgedit.text.encoding import UTF_8, UTF_16_LE

from ..support.journals import ended_process, left_by


def test_an_empty_journal_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover"]) == ExitCode.OK
    assert capsys.readouterr().out == "there is nothing to recover\n"


def test_what_was_discarded_is_given_back_as_it_would_have_been_saved(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    journal.set_aside(tmp_path / "\x1b]0;x.py", "caf\u00e9 \x1b[2J\n", UTF_16_LE)
    assert main(["recover"]) == ExitCode.OK
    listed = capfdbinary.readouterr().out
    assert b"\x1b" not in listed
    assert b"discarded" in listed
    assert main(["recover", "1"]) == ExitCode.OK
    assert capfdbinary.readouterr().out == "\ufeffcaf\u00e9 \x1b[2J\n".encode("utf-16-le")


def test_it_is_written_to_new_files_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal.Journal(tmp_path / "x.py").write("left\n", UTF_8, None)
    left_by(journal.folder(), ended_process())
    output = tmp_path / "out.py"
    assert main(["recover", "1", "-o", str(output)]) == ExitCode.OK
    assert output.read_text() == "left\n"
    assert main(["recover", "1", "-o", str(output)]) == ExitCode.ERROR
    assert "exists" in capsys.readouterr().err
    assert main(["recover", "7"]) == ExitCode.ERROR
    assert "there is no number 7" in capsys.readouterr().err


def test_a_damaged_journal_gives_the_text_that_is_there(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file = journal.folder() / "x-1-1-0.journal"
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"version": 1e999}\nthe text\n')
    assert main(["recover"]) == ExitCode.OK
    assert b"damaged" in capfdbinary.readouterr().out
    assert main(["recover", "1"]) == ExitCode.OK
    assert capfdbinary.readouterr().out == b"the text\n"
