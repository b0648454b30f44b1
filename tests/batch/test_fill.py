"""What `dgedit fill` does with texts whose answers are known: bytes, modes, exit codes, narration."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dgedit.batch.fill import Mode, PipeOptions, run
from dgedit.engine import Engine
from dgedit.engine.types import Frame
from dgedit.errors import DgeditError, ExitCode
from dgedit.fill.document import LocalFiller, fill_job, job_of
from dgedit.fill.loop import Ending, FillOptions, Limits, Outcome, fill_holes
from dgedit.text.holes import Hole, Wanted, find_holes

from ..support.answers import Answers

Capture = pytest.CaptureFixture[bytes]


def stdin(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def as_bytes(text: str, encoding: str, bom: bytes) -> bytes:
    return bom + text.encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("latin-1", b""),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_bytes_outside_of_holes_are_the_same_in_every_encoding(
    encoding: str, bom: bytes, ending: str, last: bool, monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture
) -> None:
    lines = ["s = 'caf\xe9 \x0c\x85'", "a = <FILL_ME>  ", "    # dgedit: fill", "\tz = 1" + ending * last]
    filled = ["s = 'caf\xe9 \x0c\x85'", "a = \xe4  ", "    b", "    c", "\tz = 1" + ending * last]
    stdin(monkeypatch, as_bytes(ending.join(lines), encoding, bom))
    assert run(PipeOptions(sources=("-",)), Answers("\xe4", "b\n    c")) is ExitCode.OK
    assert capfdbinary.readouterr().out == as_bytes(ending.join(filled), encoding, bom)


def test_a_mixed_text_keeps_its_line_endings_and_answers_take_the_commoner_one(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture
) -> None:
    stdin(monkeypatch, b"a\r\nb\nc\r\r\n<FILL_ME>\r\n\rd")
    assert run(PipeOptions(sources=("-",)), Answers("x\ny")) is ExitCode.OK
    assert capfdbinary.readouterr().out == b"a\r\nb\nc\r\r\nx\r\ny\r\n\rd"


def test_an_answer_that_the_encoding_cannot_hold_changes_nothing(tmp_path: Path, capfdbinary: Capture) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"s = '\xe9'\n<FILL_ME>\n")
    assert run(PipeOptions(sources=(str(path),)), Answers("\u20ac")) is ExitCode.ERROR
    captured = capfdbinary.readouterr()
    assert captured.out == path.read_bytes()
    assert b"Latin-1 has no" in captured.err
    assert run(PipeOptions(sources=(str(path),), mode=Mode.IN_PLACE), Answers("\u20ac")) is ExitCode.ERROR
    assert path.read_bytes() == b"s = '\xe9'\n<FILL_ME>\n"


def test_holes_that_are_left_stay_and_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture
) -> None:
    stdin(monkeypatch, b"<FILL_ME>\n  # dgedit: fill\n<FILL_ME>")
    options = PipeOptions(sources=("-",), stdin_name=Path("a.py"), quiet=True)
    assert run(options, Answers("x", None, "y")) is ExitCode.HOLES_LEFT
    captured = capfdbinary.readouterr()
    assert captured.out == b"x\n  # dgedit: fill\ny"
    assert captured.err == b"dgedit: a.py:2: left as it was: it was not done in time\n"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("raw", [b"", b"x = 1\n", b"no newline", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_nothing_to_fill_is_no_failure_and_the_text_comes_out(
    mode: Mode, raw: bytes, tmp_path: Path, capfdbinary: Capture
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(raw)
    before = os.stat(path)
    assert run(PipeOptions(sources=(str(path),), mode=mode), Answers()) is ExitCode.OK
    captured = capfdbinary.readouterr()
    assert captured.out == (raw if mode is Mode.FILTER else b"")
    assert b"nothing to fill" in captured.err
    assert (os.stat(path).st_ino, os.stat(path).st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_check_says_every_place_and_fills_nothing(tmp_path: Path, capfdbinary: Capture) -> None:
    names = ["a.py", "b.rs", "c.py"]
    for name, text in zip(names, ["x = <FILL_ME>\n\n# dgedit: fill it\n", "// dgedit: fill\n", "x = 1\n"], strict=True):
        (tmp_path / name).write_text(text)
    sources = tuple(str(tmp_path / name) for name in names)
    assert run(PipeOptions(sources=sources, mode=Mode.CHECK), Answers()) is ExitCode.HOLES_LEFT
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    assert captured.err.decode().splitlines() == [
        f"{sources[0]}:1: <FILL_ME>",
        f"{sources[0]}:3: # dgedit: fill it",
        f"{sources[1]}:1: // dgedit: fill",
        "dgedit: 3 holes to fill in 2 of 3 files",
    ]
    assert run(PipeOptions(sources=sources, mode=Mode.CHECK, quiet=True), Answers()) is ExitCode.HOLES_LEFT
    assert capfdbinary.readouterr().err == b""


def test_a_diff_is_what_changes_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_bytes(b"\xef\xbb\xbfx = <FILL_ME>\r\ny\r\n")
    Path("\u20ac.py").write_bytes(b"s = '\xe9<FILL_ME>'")
    assert run(PipeOptions(sources=("a.py", "\u20ac.py"), mode=Mode.DIFF), Answers("1", "2")) is ExitCode.OK
    out = capfdbinary.readouterr().out
    assert out == (
        b"--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n-\xef\xbb\xbfx = <FILL_ME>\r\n+\xef\xbb\xbfx = 1\r\n y\r\n"
        b"--- \xe2\x82\xac.py\n+++ \xe2\x82\xac.py\n@@ -1 +1 @@\n-s = '\xe9<FILL_ME>'\n\\ No newline at end of file\n"
        b"+s = '\xe92'\n\\ No newline at end of file\n"
    )
    assert b"<FILL_ME>" in Path("a.py").read_bytes()


def test_in_place_writes_several_files_and_one_that_fails_does_not_stop_the_others(
    tmp_path: Path, capfdbinary: Capture
) -> None:
    first, missing, binary, last = (tmp_path / name for name in ("a.py", "no.py", "b.py", "link.py"))
    first.write_bytes(b"x = <FILL_ME>\n")
    first.chmod(0o751)
    binary.write_bytes(b"<FILL_ME>\0\0")
    (tmp_path / "target.py").write_bytes(b"# dgedit: begin\nold\n# dgedit: end\n")
    last.symlink_to("target.py")
    sources = tuple(map(str, (first, missing, binary, last)))
    assert run(PipeOptions(sources=sources, mode=Mode.IN_PLACE), Answers("1", "new\nand\nmore")) is ExitCode.ERROR
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    assert (first.read_bytes(), stat.S_IMODE(first.stat().st_mode)) == (b"x = 1\n", 0o751)
    assert binary.read_bytes() == b"<FILL_ME>\0\0"
    assert last.is_symlink()
    assert last.read_bytes() == b"new\nand\nmore\n"
    said = captured.err.decode()
    assert f"dgedit: {first}:1: 1\n" in said
    assert f"dgedit: {last}:1: new (and 2 more lines)\n" in said
    assert "dgedit: all of it is made up\n" in said
    assert "no.py: no such file" in said
    assert "b.py is binary" in said


class Meddling(Answers):
    """Another program writes a file while it is filled."""

    def __init__(self, path: Path, raw: bytes) -> None:
        super().__init__("1")
        self._path, self._raw = path, raw

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        self._path.write_bytes(self._raw)
        return super().fill(text, holes, options, limits)


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path: Path, capfdbinary: Capture) -> None:
    path, other = tmp_path / "x.py", b"x = <FILL_ME>\ny = 2\n"
    path.write_bytes(b"x = <FILL_ME>\n")
    options = PipeOptions(sources=(str(path),), mode=Mode.IN_PLACE)
    assert run(options, Meddling(path, other)) is ExitCode.ERROR
    assert b"changed while it was filled" in capfdbinary.readouterr().err
    assert path.read_bytes() == other


def test_a_read_only_file_is_not_replaced(tmp_path: Path, capfdbinary: Capture) -> None:
    path = tmp_path / "folder.py"
    path.mkdir()
    assert run(PipeOptions(sources=(str(path),), mode=Mode.IN_PLACE), Answers()) is ExitCode.ERROR
    assert b"is a directory" in capfdbinary.readouterr().err


def test_records_are_stable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_bytes(b"\xef\xbb\xbfa\r\n\xc3\xa9 = <FILL_ME>\r\n  # dgedit: fill\r\n")
    code = run(PipeOptions(sources=("a.py", "no.py"), records=True, fill=FillOptions(seed=7)), Answers("1\n2", None))
    assert code is ExitCode.ERROR
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["frame", "result", "frame", "result", "error", "summary"]
    assert {line["version"] for line in lines} == {1}
    place = {
        "version": 1,
        "file": "a.py",
        "hole": 1,
        "start": {"offset": 7, "line": 2, "column": 5},
        "end": {"offset": 16, "line": 2, "column": 14},
    }
    assert lines[0] == place | {
        "type": "frame",
        "pass": 1,
        "passes": 8,
        "spans": [
            {"text": "1", "state": "new", "confidence": 0.988},
            {"text": "\n2", "state": "draft", "confidence": 0.5},
        ],
        "elapsed_ms": 12.3,
        "pass_ms": 1.0,
        "tokens_per_second": 100.0,
    }
    known = {"score": 1.235, "parses": True, "breaks": False, "confidence": None}
    candidate = {"text": "1\r\n2", **known, "origins": ["recalled", "written left to right"]}
    done = {"type": "result", "ending": "filled", "text": "1\r\n2", "candidates": [candidate], "passes": 1}
    assert lines[1] == place | done | {"elapsed_ms": 20.0}
    assert (lines[3]["ending"], lines[3]["text"], lines[3]["candidates"]) == ("timeout", None, [])
    assert lines[4] == {
        "version": 1,
        "type": "error",
        "file": "no.py",
        "message": "no.py: no such file",
        "hint": "check the path",
    }
    summary = lines[5]
    assert summary.pop("elapsed_ms") > 0
    assert summary == {
        "version": 1,
        "type": "summary",
        "files": [
            {"file": "a.py", "holes": 2, "filled": 1, "left": 1, "changed": True},
            {"file": "no.py", "holes": 0, "filled": 0, "left": 0, "changed": False},
        ],
        "model": {"name": "answers", "digest": "0123456789ab", "device": "cpu", "parameters": 1},
        "seed": 7,
        "exit": 2,
    }
    assert b"<FILL_ME>" in Path("a.py").read_bytes()


def test_records_of_a_check_name_the_holes(monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture) -> None:
    stdin(monkeypatch, b"a\n  <FILL_ME>")
    assert run(PipeOptions(sources=("-",), records=True, mode=Mode.CHECK, quiet=True), Answers()) is ExitCode.HOLES_LEFT
    hole, summary = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert (hole["type"], hole["file"], hole["start"]["line"], hole["text"]) == ("hole", "-", 2, "<FILL_ME>")
    assert (summary["exit"], summary["model"]) == (1, None)


def test_applying_the_records_gives_the_text(nano: Engine, capfdbinary: Capture, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"import os\n\n# dgedit: begin\n  x = os.getcwd()\n# dgedit: end\nprint(<FILL_ME>)\n")
    options = PipeOptions(sources=(str(path),), quiet=True)
    assert run(options, LocalFiller("nano", nano)) is ExitCode.OK
    text = capfdbinary.readouterr().out
    assert run(replace(options, records=True), LocalFiller("nano", nano)) is ExitCode.OK
    records = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    applied = path.read_text()
    for record in reversed([record for record in records if record["type"] == "result"]):
        applied = applied[: record["start"]["offset"]] + record["text"] + applied[record["end"]["offset"] :]
    assert applied.encode() == text
    assert [r["text"] for r in records if r["type"] == "result"] == [
        r["candidates"][0]["text"] for r in records if r["type"] == "result"
    ]
    frames = [record for record in records if record["type"] == "frame"]
    assert {frame["hole"] for frame in frames} == {1, 2}
    assert all(span["state"] in {"noise", "draft", "new", "fixed"} for frame in frames for span in frame["spans"])


SOURCE = "def total(values):\n    result = 0\n    for value in values:\n        {}\n    return result\n"


def outcomes(text: str, nano: Engine, limits: Limits, wanted: Wanted | None = None, seed: int = 0) -> list[Outcome]:
    holes = find_holes(text, "python", wanted or Wanted())
    events = fill_holes(text, holes, nano, FillOptions(seed=seed), limits)
    return [what for _, what in events if isinstance(what, Outcome)]


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("seed", [0, 5])
def test_a_marker_is_filled_within_its_lines(lines: int, seed: int, nano: Engine) -> None:
    text = SOURCE.format(f"# dgedit: fill lines={lines}")
    (outcome,) = outcomes(text, nano, Limits(), seed=seed)
    assert outcome.ending is Ending.FILLED
    assert 0 <= outcome.text.count("\n") < lines


@pytest.mark.parametrize("tokens", [1, 4, 12])
def test_a_marker_is_filled_within_its_tokens_or_left(tokens: int, nano: Engine) -> None:
    (outcome,) = outcomes(SOURCE.format(f"# dgedit: fill tokens={tokens}"), nano, Limits())
    assert outcome.ending in (Ending.FILLED, Ending.OVER_BUDGET)
    assert nano.count_tokens(outcome.text) <= tokens
    assert (outcome.ending is Ending.FILLED) == bool(outcome.text)


def test_lengths_are_the_only_ones_tried(nano: Engine) -> None:
    text = SOURCE.format("<FILL_ME>")
    (one,) = outcomes(text, nano, Limits(lengths=(5,)))
    (two,) = outcomes(text, nano, Limits(lengths=(5, 9)))
    assert one.result is not None
    assert two.result is not None
    assert {c.text for c in one.result.candidates} < {c.text for c in two.result.candidates}
    scores = [candidate.score for candidate in two.result.candidates]
    assert scores == sorted(scores, reverse=True)
    assert two.text == two.result.candidates[0].text


def test_a_low_strength_keeps_most_of_the_code(nano: Engine) -> None:
    code = "result = result + value * value + value + 1"
    text = SOURCE.format(code)
    (outcome,) = outcomes(text, nano, Limits(), Wanted(lines=("4",), strength=0.1))
    assert outcome.ending is Ending.FILLED
    assert len(set(outcome.text.split()) & set(code.split())) >= 4


def test_time_that_is_up_leaves_holes_as_they_were(nano: Engine) -> None:
    text = SOURCE.format("<FILL_ME>") * 2
    none = outcomes(text, nano, Limits(total_s=0.0))
    assert [(o.ending, o.text, o.result) for o in none] == [(Ending.TIMEOUT, "", None)] * 2
    each = outcomes(text, nano, Limits(hole_s=1e-6))
    assert [o.ending for o in each] == [Ending.TIMEOUT] * 2


def test_a_span_that_is_too_long_is_refused_before_anything_is_filled(nano: Engine) -> None:
    raw = b"<FILL_ME>\n# dgedit: begin\n" + b"value = compute(argument)\n" * 60 + b"# dgedit: end\n"
    seen = list[int]()
    with pytest.raises(DgeditError, match="x: line 2: the span is about") as caught:
        fill_job(
            job_of(raw, "x", None, Wanted()),
            LocalFiller("nano", nano),
            FillOptions(),
            Limits(),
            lambda number, _what: seen.append(number),
        )
    assert seen == []
    assert caught.value.hint == "choose fewer lines"


def test_an_unfinished_neighbour_does_not_put_its_markers_here(nano: Engine, tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("import os\n\n\nx = len(<FILL_ME>)\n# dgedit: fill\nz = 1\n")
    path = tmp_path / "a.py"
    job = job_of(path.read_bytes(), str(path), path, Wanted())
    filled = fill_job(job, LocalFiller("nano", nano), FillOptions(), Limits())
    assert "<FILL_ME>" not in filled.text
    assert "dgedit:" not in filled.text
    assert filled.left == 0


def test_the_same_seed_gives_the_same_bytes_and_a_second_run_changes_nothing(nano: Engine) -> None:
    raw = SOURCE.format("# dgedit: fill lines=1").encode()
    filler = LocalFiller("nano", nano)
    once, again = (
        fill_job(job_of(raw, "x", None, Wanted()), filler, FillOptions(seed=3), Limits()).raw() for _ in range(2)
    )
    assert once == again != raw
    rerun = fill_job(job_of(once, "x", None, Wanted()), filler, FillOptions(seed=3), Limits())
    assert rerun.raw() is once


def test_frames_come_before_the_outcome_of_their_hole(nano: Engine) -> None:
    text = "a = <FILL_ME>\nb = <FILL_ME>\n"
    seen = list(fill_holes(text, find_holes(text, "python", Wanted()), nano, FillOptions(passes=3), Limits()))
    kinds = [(number, isinstance(what, Frame)) for number, what in seen]
    assert kinds == sorted(kinds, key=lambda kind: (kind[0], not kind[1]))
    assert [number for number, is_frame in kinds if not is_frame] == [0, 1]
